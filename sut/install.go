package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// installBound is how long an installation may take.
const installBound = 10 * time.Minute

// InstallCommand returns the command that installs the stack on Debian, nil if
// its description names no packages.
func (s *Stack) InstallCommand() []string {
	if s.Description == nil || len(s.Description.Debian) == 0 {
		return nil
	}
	return append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, s.Description.Debian...)
}

// Install runs InstallCommand and, where apt's package lists are missing or out
// of date, apt-get update before. What apt-get prints goes to out. It asks
// nothing: asking is the caller's. It takes 10 minutes at the most.
func (s *Stack) Install(ctx context.Context, out io.Writer) error {
	return s.install(ctx, out, realRoot())
}

func (s *Stack) install(ctx context.Context, out io.Writer, root bool) error {
	command := s.InstallCommand()
	if command == nil {
		return fmt.Errorf("sut: install %s: its description names no Debian packages", s.Name)
	}
	if err := s.allowed(); err != nil {
		return fmt.Errorf("sut: install %s: %w", s.Name, err)
	}
	line := strings.Join(command, " ")
	if _, err := exec.LookPath(command[0]); err != nil {
		return fmt.Errorf("sut: install %s: there is no apt-get here; install these packages in this system's way: %s",
			s.Name, strings.Join(s.Description.Debian, " "))
	}
	if !root {
		return fmt.Errorf("sut: install %s: apt-get needs root; run: sudo %s", s.Name, line)
	}
	ctx, cancel := context.WithTimeout(ctx, installBound)
	defer cancel()
	err := aptGet(ctx, out, command)
	var failed *aptError
	if errors.As(err, &failed) && failed.outdated() {
		if err = aptGet(ctx, out, []string{"apt-get", "update"}); err == nil {
			err = aptGet(ctx, out, command)
		}
	}
	if err != nil {
		return fmt.Errorf("sut: install %s: %w", s.Name, err)
	}
	return nil
}

// realRoot reports whether this process may install packages: root, and not
// just in a user namespace of its own.
func realRoot() bool {
	if os.Geteuid() != 0 {
		return false
	}
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return true // a kernel without user namespaces
	}
	f := strings.Fields(string(data))
	return len(f) >= 3 && f[0] == "0" && f[1] == "0"
}

// aptError is what apt-get complained about.
type aptError struct {
	command string
	said    string // all of its output, bounded
	err     error
}

// Unwrap returns how apt-get ended.
func (e *aptError) Unwrap() error { return e.err }

// Error names the first complaint: what follows is mostly its consequence.
func (e *aptError) Error() string {
	reason := e.err.Error()
	for _, l := range strings.Split(e.said, "\n") {
		if strings.HasPrefix(l, "E: ") || strings.HasPrefix(l, "Err:") {
			reason = printable(strings.TrimPrefix(l, "E: "))
			break
		}
	}
	return fmt.Sprintf("`%s` failed: %s", e.command, reason)
}

// outdated reports whether fresh package lists could help.
func (e *aptError) outdated() bool {
	for _, sign := range []string{"Unable to locate package", "has no installation candidate", "Failed to fetch"} {
		if strings.Contains(e.said, sign) {
			return true
		}
	}
	return false
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

func aptGet(ctx context.Context, out io.Writer, command []string) error {
	said := &head{limit: 1 << 20}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	// "Unable to locate package" is looked for: keep it English.
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	both := io.MultiWriter(said, out)
	cmd.Stdout, cmd.Stderr = both, both
	cmd.Stdin = bytes.NewReader(nil)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // apt unlocks its files
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return &aptError{command: strings.Join(command, " "), said: said.String(), err: err}
	}
	return nil
}
