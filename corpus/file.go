package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// makeDir makes a directory and its parents. What it makes belongs to the
// caller of sudo.
func makeDir(dir string) error {
	if st, err := os.Stat(dir); err == nil && st.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		if st, statErr := os.Stat(dir); statErr == nil && st.IsDir() {
			return nil // another process was quicker
		}
		return err
	}
	d, err := os.OpenFile(dir, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return giveToCaller(d)
}

// lock keeps other writers out of a directory until unlock. The directory
// itself is what is locked, so nothing is left behind. On a file system
// without such locks nobody is kept out: files still appear whole, only the
// smaller of two cases written at once may lose.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for unix.Flock(int(d.Fd()), unix.LOCK_EX) == unix.EINTR {
	}
	return func() { d.Close() }, nil
}

// writeFile makes or replaces a file; the caller holds the directory's lock.
// A new file has no name before it is whole. One that replaces another bears a
// second name for the length of one system call; if the process dies just
// then, the next writer of the same file removes it.
func writeFile(path string, data []byte) error {
	staged := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err := os.Remove(staged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, named, err := openStaged(staged)
	if err != nil {
		return err
	}
	defer f.Close()
	err = fill(f, data)
	if err == nil && !named {
		err = link(f, path)
		if errors.Is(err, fs.ErrExist) {
			err = link(f, staged)
			named = err == nil
		}
	}
	if err == nil && named {
		err = os.Rename(staged, path)
	}
	if err != nil && named {
		_ = os.Remove(staged)
	}
	return err
}

// openStaged opens a file without a name, or where the file system has no such
// thing, one that is named.
func openStaged(staged string) (f *os.File, named bool, err error) {
	dir := filepath.Dir(staged)
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o666)
	if err == nil {
		return os.NewFile(uintptr(fd), dir), false, nil
	}
	f, err = os.OpenFile(staged, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	return f, true, err
}

// fill writes the whole content through to the disk: some file systems tell
// only then that they are full.
func fill(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return giveToCaller(f)
}

// link gives a file its name. It needs no privilege, unlike AT_EMPTY_PATH.
func link(f *os.File, path string) error {
	self := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, self, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &fs.PathError{Op: "link", Path: path, Err: err}
	}
	return nil
}

// giveToCaller makes a file that root made under sudo belong to who called
// sudo.
func giveToCaller(f *os.File) error {
	uid, gid, ok := sudoCaller()
	if !ok {
		return nil
	}
	err := f.Chown(uid, gid)
	if errors.Is(err, unix.EINVAL) {
		return nil // a user namespace that does not know the caller: root here is the caller
	}
	return err
}

func sudoCaller() (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	uid, err := strconv.Atoi(os.Getenv("SUDO_UID"))
	if err != nil {
		return 0, 0, false
	}
	gid, err = strconv.Atoi(os.Getenv("SUDO_GID"))
	return uid, gid, err == nil
}
