package sut

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
)

// versionBound is how long a stack may take to print its version.
const versionBound = 5 * time.Second

// maxVersionOutput is how much of what it prints is looked at.
const maxVersionOutput = 64 << 10

// maxVersion is how much of a version is kept, in bytes.
const maxVersion = 64

// ErrNotInstalled is what a stack's errors are when its program is not there.
var ErrNotInstalled = errors.New("not installed")

// Installed asks the stack for its version and remembers it in s.Version. The
// command that tells it runs in the sandbox, where the stack itself runs: so
// labs have to be possible (netns.Start). It takes 5 s at the most. If the program is not there, the error is
// ErrNotInstalled, with the command that would install it.
func (s *Stack) Installed(ctx context.Context) (version string, err error) {
	if s.Description == nil {
		return s.Version, nil
	}
	if err := s.allowed(); err != nil {
		return "", fmt.Errorf("sut: ask %s for its version: %w", s.Name, err)
	}
	version, err = s.Description.askVersion(ctx, s.Insecure, versionBound)
	if err != nil {
		return "", s.versionError(err)
	}
	s.Version = version
	return version, nil
}

// Present reports whether the program is there, without running any of it: the
// error is ErrNotInstalled if not.
func (s *Stack) Present() error {
	if s.Description == nil {
		return nil
	}
	argv, err := s.Description.version.argv(&Data{Dir: s.Description.dir})
	if err == nil {
		err = s.Description.present(argv[0])
	}
	return s.versionError(err)
}

// present looks for the version command.
func (d *Description) present(command string) error {
	if strings.Contains(command, "/") && !filepath.IsAbs(command) {
		command = filepath.Join(d.dir, command) // as the start command is found
	}
	if _, err := exec.LookPath(command); err != nil {
		return fmt.Errorf("%w: %s (the version command of %s) is not there", ErrNotInstalled, command, d.file)
	}
	return nil
}

func (s *Stack) versionError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotInstalled) && len(s.Description.Debian) > 0:
		return fmt.Errorf("sut: %s is %w; run: greka install %s", s.Name, ErrNotInstalled, plain.ShellWord(cmp.Or(s.File, s.Name)))
	}
	return fmt.Errorf("sut: %s: %w", s.Name, err)
}

// askVersion runs the version command in the sandbox: what a description names
// there is a stranger's program like the stack itself.
func (d *Description) askVersion(ctx context.Context, insecure bool, bound time.Duration) (string, error) {
	argv, err := d.version.argv(&Data{Dir: d.dir})
	if err != nil {
		return "", err
	}
	if err := d.present(argv[0]); err != nil {
		return "", err
	}
	limited, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	spec := netns.Spec{Owner: d.Name, Argv: argv, Dir: d.dir, Reads: d.Reads, Settings: d.settings(dpkgInfo), Insecure: insecure}
	data, err := netns.RunAlone(limited, spec, maxVersionOutput)
	out, command := string(data), oneLineOf(strings.Join(argv, " "))
	if m := d.VersionMatch.FindStringSubmatch(out); m != nil {
		// Whatever its exit status: some programs fail when asked.
		if version := plain.Cut(m[1], maxVersion); version != "" {
			return version, nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case limited.Err() != nil:
		return "", fmt.Errorf("%s did not print its version within %v", command, bound)
	case err != nil && out == "":
		return "", fmt.Errorf("%s: %w", command, err)
	}
	return "", fmt.Errorf("%s printed nothing that matches %s, but %q", command, printable(d.VersionMatch.String()), lastLine(out))
}
