package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// ownSize is what a command may write, as tmpfs has it.
const ownSize = "mode=0755,size=256m,nr_inodes=65536"

// enterRoot completes this init's copy of the template and makes it the root.
func enterRoot(o orders) (missing []string, err error) {
	if err := makeOwn(o); err != nil {
		return nil, err
	}
	for _, p := range o.View {
		if err := p.attach(); err != nil {
			return nil, fmt.Errorf("show %s: %w", p.Path, err)
		}
	}
	if missing, err = mountProc(); err != nil {
		return nil, err
	}
	if err := unix.Mount("", stage, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return nil, fmt.Errorf("make the root read-only: %w", err)
	}
	return missing, pivot()
}

// makeOwn mounts what the command can write to: one tmpfs behind Home and the
// private directories.
func makeOwn(o orders) error {
	home := filepath.Join(stage, Home)
	if err := unix.Mount("greka", home, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, ownSize); err != nil {
		return fmt.Errorf("mount private %s: %w", Home, err)
	}
	for _, dir := range append(private, Home) {
		behind := filepath.Join(home, dir)
		if err := errors.Join(os.MkdirAll(behind, 0o755), unix.Chmod(behind, 0o1777)); err != nil {
			return fmt.Errorf("make private %s: %w", dir, err)
		}
		if err := unix.Mount(behind, filepath.Join(stage, dir), "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount private %s: %w", dir, err)
		}
	}
	for name, content := range map[string]string{"hostname": o.Hostname + "\n", "hosts": hosts(o)} {
		if err := os.WriteFile(filepath.Join(stage, "/run", name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
	}
	return nil
}

// hosts names the host's addresses, as a well-kept machine does: programs that
// look for their own address under the host's name find one that others reach.
func hosts(o orders) string {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	seen := map[bool]bool{}
	for _, text := range o.Hosts {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.IsLinkLocalUnicast() || seen[addr.Is4()] {
			continue
		}
		seen[addr.Is4()] = true
		fmt.Fprintf(&b, "%s %s\n", addr, o.Hostname)
	}
	if len(seen) == 0 {
		fmt.Fprintf(&b, "127.0.1.1 %s\n", o.Hostname)
	}
	return b.String()
}

// attach mounts a piece where it is on the machine, for reading only.
func (p piece) attach() error {
	// In private directories there is nothing yet; elsewhere the template has
	// it.
	if err := makePoint(p.Path, p.source()); err != nil {
		return err
	}
	at := filepath.Join(stage, p.Path)
	var err error
	if p.FD != 0 {
		err = unix.MoveMount(p.FD, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH)
	} else {
		err = bind(p.Path, at)
	}
	if err != nil {
		return err
	}
	return restrict(at, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV)
}

// source is a path by which the init finds the piece.
func (p piece) source() string {
	if p.FD != 0 {
		return fmt.Sprintf("/proc/self/fd/%d", p.FD)
	}
	return p.Path
}

// mountProc mounts a /proc of the command's processes.
func mountProc() (missing []string, err error) {
	at := filepath.Join(stage, "/proc")
	flags := uintptr(unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC)
	err = unix.Mount("proc", at, "proc", flags, "")
	if !errors.Is(err, unix.EPERM) {
		return nil, wrap(err, "mount /proc")
	}
	// A container may forbid a new one, for it hides parts of its own
	// (mount_too_revealing, fs/namespace.c). The old one shows all processes of
	// the container, under other numbers.
	missing = []string{fmt.Sprintf("a /proc of its own (mount: %v)", err)}
	if err := bind("/proc", at); err != nil {
		return nil, fmt.Errorf("show the old /proc: %w", err)
	}
	return missing, wrap(restrict(at, flags), "show the old /proc")
}

func wrap(err error, what string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// pivot makes what is staged the root. The old one is gone, with all that is
// in it.
func pivot() error {
	if err := unix.Chdir(stage); err != nil {
		return fmt.Errorf("enter the new root: %w", err)
	}
	// The old root is then mounted on the new one, from where it is taken.
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return wrap(unix.Chdir("/"), "enter the new root")
}
