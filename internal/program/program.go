// Package program writes programs for tests to execute: a script, a copy of the
// test itself. Only tests import it.
//
// A file that somebody has open for writing cannot be executed (ETXTBSY,
// execve(2)). A child that is forked while the file is open holds it too, until
// it executes its own program; so whoever writes a program and starts it fails
// now and then, if other goroutines start processes meanwhile. Here nothing is
// forked as long as the file is open.
package program

import (
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

// Write makes an executable file of a text.
func Write(t testing.TB, path, text string) {
	t.Helper()
	write(t, path, strings.NewReader(text))
}

// CopySelf makes an executable file of the test binary.
func CopySelf(t testing.TB, path string) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	write(t, path, self)
}

func write(t testing.TB, path string, content io.Reader) {
	t.Helper()
	syscall.ForkLock.RLock() // whoever forks holds it as a writer
	defer syscall.ForkLock.RUnlock()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, content)
	// Chmod: the umask does not count.
	if err := errors.Join(err, f.Chmod(0o755), f.Close()); err != nil {
		t.Fatal(err)
	}
}
