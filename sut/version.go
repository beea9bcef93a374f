package sut

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// versionBound is how long a stack may take to print its version.
const versionBound = 5 * time.Second

// maxVersionOutput is how much of what it prints is looked at.
const maxVersionOutput = 64 << 10

// ErrNotInstalled is what a stack's errors are when its program is not there.
var ErrNotInstalled = errors.New("not installed")

// Installed asks the stack for its version and remembers it in s.Version. It
// takes 5 s at the most. If the program is not there, the error is
// ErrNotInstalled, with the command that would install it.
func (s *Stack) Installed(ctx context.Context) (version string, err error) {
	if s.Description == nil {
		return s.Version, nil
	}
	if err := s.allowed(); err != nil {
		return "", fmt.Errorf("sut: ask %s for its version: %w", s.Name, err)
	}
	version, err = s.Description.askVersion(ctx, versionBound)
	if errors.Is(err, ErrNotInstalled) && len(s.Description.Debian) > 0 {
		return "", fmt.Errorf("sut: %s is %w; run: greka install %s", s.Name, ErrNotInstalled, s.Name)
	}
	if err != nil {
		return "", fmt.Errorf("sut: %s: %w", s.Name, err)
	}
	s.Version = version
	return version, nil
}

func (d *Description) askVersion(ctx context.Context, bound time.Duration) (string, error) {
	argv, err := d.version.argv(&Data{Dir: d.dir})
	if err != nil {
		return "", err
	}
	command := strings.Join(argv, " ")
	if strings.Contains(argv[0], "/") && !filepath.IsAbs(argv[0]) {
		argv[0] = filepath.Join(d.dir, argv[0]) // as the start command is found
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return "", fmt.Errorf("%w: %s (the version command of %s) is not there", ErrNotInstalled, argv[0], d.file)
	}
	limited, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	out, err := runAlone(limited, argv)
	if m := d.VersionMatch.FindStringSubmatch(out); m != nil {
		return m[1], nil // whatever its exit status: some programs fail when asked
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", fmt.Errorf("`%s` did not print its version within %v", command, bound)
	case err != nil && out == "":
		return "", fmt.Errorf("`%s`: %w", command, err)
	}
	return "", fmt.Errorf("`%s` printed nothing that matches %s, but %q", command, d.VersionMatch, lastLine(out))
}

// runAlone runs a command as the first process of a PID namespace of its own,
// so that what it may leave behind ends with it, and returns the beginning of
// its output.
func runAlone(ctx context.Context, argv []string) (string, error) {
	// Pdeathsig goes by the thread that started the process.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	out := &head{limit: maxVersionOutput}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 100 * time.Millisecond
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
	}
	err := cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		// No namespaces for this user here: as well as it goes without.
		again := exec.CommandContext(ctx, argv[0], argv[1:]...)
		again.Stdout, again.Stderr, again.WaitDelay = out, out, cmd.WaitDelay
		again.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		cmd, err = again, again.Start()
	}
	if err != nil {
		return "", err
	}
	err = cmd.Wait()
	return out.String(), err
}

// head keeps the beginning of what is written to it and drops the rest.
type head struct {
	limit int
	buf   strings.Builder
}

// Write keeps the beginning and drops the rest.
func (h *head) Write(p []byte) (int, error) {
	if room := h.limit - h.buf.Len(); room > 0 {
		h.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// String returns what was kept.
func (h *head) String() string { return h.buf.String() }
