package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"golang.org/x/sys/unix"
)

// Home is the directory in which a spawned process starts and which its HOME
// and TMPDIR name. It is the same in every process and private to each, so a
// configuration file may contain it.
const Home = "/mnt"

// masked are the directories in which programs leave things for others: a
// process finds its own, empty ones. The rest of the file system it can read
// only.
var masked = []string{"/tmp", "/var/tmp", "/run", "/dev/shm"}

// makePrivate makes the file system that the init's descendants see.
func makePrivate(keep []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	makeReadOnly()
	kept, err := openKept(keep)
	if err != nil {
		return err
	}
	if err := mask(); err != nil {
		return err
	}
	for _, k := range kept {
		if err := k.bringBack(); err != nil {
			return err
		}
	}
	// A container may forbid a new /proc, for it hides parts of its own
	// (mount_too_revealing, fs/namespace.c). The old one shows the same
	// processes under other numbers.
	err = unix.Mount("proc", "/proc", "proc", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("mount /proc: %w", err)
	}
	return nil
}

// makeReadOnly takes the right to write from every mount. It needs Linux 5.12;
// before that a stack could leave files outside of what is masked.
func makeReadOnly() {
	_ = unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

// mask puts one private tmpfs behind Home and the masked directories.
func mask() error {
	err := unix.Mount("greka", Home, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=256m")
	if err != nil {
		return fmt.Errorf("mount private directory on %s: %w", Home, err)
	}
	for _, dir := range append(masked, Home) {
		if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
			continue // not there, or a link to one that is masked
		}
		behind := filepath.Join(Home, dir)
		if err := os.MkdirAll(behind, 0o755); err != nil {
			return fmt.Errorf("make private %s: %w", dir, err)
		}
		if err := unix.Chmod(behind, 0o1777); err != nil {
			return fmt.Errorf("make private %s: %w", dir, err)
		}
		if err := unix.Mount(behind, dir, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount private %s: %w", dir, err)
		}
	}
	return nil
}

// kept is a directory that is to be seen although it lies in a masked one.
type kept struct {
	path string
	fd   int
}

// openKept takes a copy of the mounts that masking would hide. (A path to what
// lies under a mount, /proc/self/fd/… too, leads to what lies on it.)
func openKept(paths []string) ([]kept, error) {
	var all []kept
	sort.Strings(paths) // a directory before those in it
	for _, path := range paths {
		if !hidden(path) {
			continue
		}
		fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
		if err != nil {
			return nil, fmt.Errorf("keep %s visible: %w", path, err)
		}
		all = append(all, kept{path, fd})
	}
	return all, nil
}

// hidden reports whether a directory lies in a masked one, or is one.
func hidden(path string) bool {
	for _, dir := range append(masked, Home) {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return true
		}
	}
	return false
}

// bringBack mounts the directory, or the file, where it was, for reading only.
func (k kept) bringBack() error {
	defer unix.Close(k.fd)
	if err := k.makePoint(); err != nil {
		return fmt.Errorf("keep %s visible: %w", k.path, err)
	}
	if err := unix.MoveMount(k.fd, "", unix.AT_FDCWD, k.path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return fmt.Errorf("keep %s visible: %w", k.path, err)
	}
	return nil
}

// makePoint makes what the mount is put on.
func (k kept) makePoint() error {
	var st unix.Stat_t
	if err := unix.Fstat(k.fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return os.MkdirAll(k.path, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(k.path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(k.path, nil, 0o644)
}

// writeFiles writes a process's files. One that begins with "#!" can be
// executed.
func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file %q is not inside of the private home", name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write file %s: %w", name, err)
		}
		mode := os.FileMode(0o644)
		if len(data) > 2 && string(data[:2]) == "#!" {
			mode = 0o755
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			return fmt.Errorf("write file %s: %w", name, err)
		}
	}
	return nil
}
