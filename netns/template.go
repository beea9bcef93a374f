package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// template is the part of a command's root that is the same for all: a mount
// tree that starts empty, so that what nobody put there is not there, and holds
// what system lists, a /dev and an /etc. Each init is started where it is
// mounted and has a copy, which costs less than to make it.
//
// It lives in a mount namespace of the thread that starts all inits: the
// machine does not have it, and it ends with this process.
type template struct {
	pieces []piece // what it shows
	err    error
}

// stage is where it is mounted.
const stage = Home

// devices are those that a command has: no terminal, no disk.
var devices = []string{"null", "zero", "full", "random", "urandom"}

// points are directories on which each command mounts its own.
var points = append([]string{"/proc", Home}, private...)

// Who a command is, and where it is: inside, the machine's users and network
// are not known. There is no DNS in a lab: a question goes to the loopback
// interface, and is refused at once.
func etc() map[string]string {
	return map[string]string{
		"passwd": "root:x:0:0:root:" + Home + ":/bin/sh\n" + account("greka:x:%d:%d:greka:"+Home+":/bin/sh\n") +
			"nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
		"group":         "root:x:0:\n" + account("greka:x:%[2]d:\n") + "nogroup:x:65534:\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\nrpc: files\n",
		"resolv.conf":   "",
	}
}

// account is a line about the stranger, where he is none of the others.
func account(format string) string {
	if id := stranger(); id.chosen {
		return fmt.Sprintf(format, id.uid, id.gid)
	}
	return ""
}

// links are files that each command has of its own, in private directories.
// Those that somebody may mount something behind are relative: while the root
// is made, absolute ones lead to the machine's.
var links = map[string]string{
	"/etc/hosts": "../run/hosts", "/etc/hostname": "../run/hostname", "/var/run": "../run",
	"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2",
}

// settle gives the calling thread, for good, the mount namespace in which
// templates are made.
func settle() error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	unix.Umask(0o022)
	// Nothing of this reaches the machine. What the machine unmounts is
	// unmounted here too, and so not kept from being removed.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	return nil
}

// prepare makes the template what an init with these orders will copy.
func (t *template) prepare(o orders) error {
	if err := t.update(o.system); err != nil {
		return err
	}
	for _, p := range o.View {
		if inPrivate(p.Path) {
			continue // the init makes it
		}
		if err := makePoint(p.Path, p.Path); err != nil {
			return fmt.Errorf("show %s: %w", p.Path, err)
		}
	}
	return nil
}

// inPrivate reports whether a path lies in a directory that each command has of
// its own.
func inPrivate(path string) bool {
	return slices.ContainsFunc(append(private, Home), func(dir string) bool { return within(dir, path) })
}

// update makes the template anew if it does not show these pieces.
func (t *template) update(pieces []piece) error {
	if t.pieces != nil && slices.Equal(t.pieces, pieces) {
		return t.err
	}
	if t.pieces != nil && t.err == nil {
		if err := unix.Unmount(stage, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount the old root: %w", err)
		}
	}
	t.pieces, t.err = pieces, makeTemplate(pieces)
	return t.err
}

func makeTemplate(pieces []piece) error {
	if err := unix.Mount("greka", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=16m,nr_inodes=16384"); err != nil {
		return fmt.Errorf("mount an empty root: %w", err)
	}
	err := fillTemplate(pieces)
	if err != nil {
		_ = unix.Unmount(stage, unix.MNT_DETACH)
	}
	return err
}

func fillTemplate(pieces []piece) error {
	for _, p := range pieces {
		if err := p.show(); err != nil {
			return fmt.Errorf("show %s: %w", p.Path, err)
		}
	}
	for _, dir := range points {
		if err := os.MkdirAll(filepath.Join(stage, dir), 0o755); err != nil {
			return fmt.Errorf("make %s: %w", dir, err)
		}
	}
	for _, name := range devices {
		path := "/dev/" + name
		if err := mountAt(path, path, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NOEXEC); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	for name, content := range etc() {
		if err := os.WriteFile(filepath.Join(stage, "/etc", name), []byte(content), 0o644); err != nil {
			return fmt.Errorf("write /etc/%s: %w", name, err)
		}
	}
	for path, to := range links {
		at := filepath.Join(stage, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink(to, at)); err != nil {
			return fmt.Errorf("make %s: %w", path, err)
		}
	}
	return nil
}

// show puts a piece into the template, for reading only.
func (p piece) show() error {
	if p.Link != "" {
		return os.Symlink(p.Link, filepath.Join(stage, p.Path))
	}
	return mountAt(p.Path, p.Path, unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV)
}

// mountAt mounts what is at a path of the machine at one of the new root.
func mountAt(source, path string, flags uintptr) error {
	if err := makePoint(path, source); err != nil {
		return err
	}
	at := filepath.Join(stage, path)
	if err := bind(source, at); err != nil {
		return err
	}
	return restrict(at, flags)
}

// bind mounts what is at a path, with all that is mounted in it: without those,
// what they hide could be seen (has_locked_children, fs/namespace.c).
func bind(source, at string) error {
	return unix.Mount(source, at, "", unix.MS_BIND|unix.MS_REC, "")
}

// makePoint makes what something is to be mounted on in the new root, if it is
// not there.
func makePoint(path, source string) error {
	at := filepath.Join(stage, path)
	if unix.Access(at, unix.F_OK) == nil {
		return nil
	}
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return os.MkdirAll(at, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return err
	}
	return os.WriteFile(at, nil, 0o644)
}
