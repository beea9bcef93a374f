package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/plain"
)

// memory is the file in which it is kept what was allowed: one line for each,
// a fingerprint and the path that it was seen under, for people. It is in the
// user's state directory, private, and only added to, so that several hunts
// may write it at once.
type memory struct {
	path  string
	known map[string]bool
}

// openMemory reads what was allowed. A file that others can write proves
// nothing, and is an error.
func openMemory() (memory, error) {
	path, err := memoryPath()
	if err != nil {
		return memory{}, err
	}
	m := memory{path: path, known: map[string]bool{}}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return memory{}, err
	}
	defer f.Close()
	if err := private(f); err != nil {
		return memory{}, err
	}
	lines := bufio.NewScanner(io.LimitReader(f, 64<<20))
	for lines.Scan() {
		print, _, _ := strings.Cut(lines.Text(), " ")
		m.known[print] = true
	}
	return m, lines.Err()
}

// memoryPath follows the XDG Base Directory Specification.
func memoryPath() (string, error) {
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil || !filepath.IsAbs(home) {
			return "", errors.New("there is no home directory to remember it in")
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "greka", "allowed"), nil
}

// private refuses a file that somebody else may have written.
func private(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	mine := ok && (int(st.Uid) == os.Geteuid() || os.Geteuid() == 0 && fmt.Sprint(st.Uid) == os.Getenv("SUDO_UID"))
	if !info.Mode().IsRegular() || !mine || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not private to this user (chmod 600, or remove it)", f.Name())
	}
	return nil
}

func (m memory) has(print string) bool { return m.known[print] }

// add remembers one more.
func (m memory) add(print, file string) error {
	if err := os.MkdirAll(filepath.Dir(m.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(m.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := private(f); err != nil {
		return err
	}
	for unix.Flock(int(f.Fd()), unix.LOCK_EX) == unix.EINTR {
	}
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	line := print + " " + plain.Line(file) + "\n"
	if !endsLine(f) {
		line = "\n" + line // somebody's disk was full
	}
	_, err = f.WriteString(line)
	return errors.Join(err, ownAsDirectory(m.path))
}

// endsLine reports whether a file is empty or its last line is whole.
func endsLine(f *os.File) bool {
	end, err := f.Seek(0, io.SeekEnd)
	last := make([]byte, 1)
	if err != nil || end == 0 {
		return true
	}
	_, err = f.ReadAt(last, end-1)
	return err == nil && last[0] == '\n'
}

// ownAsDirectory gives what root made in the home of who called sudo to that
// user: the home's owner is who has to read it next.
func ownAsDirectory(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Uid == 0 || fmt.Sprint(st.Uid) != os.Getenv("SUDO_UID") {
			continue
		}
		for made := path; made != dir; made = filepath.Dir(made) {
			if err := os.Lchown(made, int(st.Uid), int(st.Gid)); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}
