package program

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsWrittenCanBeExecuted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	for _, says := range []string{"once", "and again"} {
		Write(t, path, "#!/bin/sh\necho "+says+"\n")
		if out, err := exec.Command(path).Output(); err != nil || string(out) != says+"\n" {
			t.Errorf("%v, %q", err, out)
		}
	}
	path = filepath.Join(t.TempDir(), "copy")
	CopySelf(t, path)
	if out, err := exec.Command(path, "-test.list", "Executed$").Output(); err != nil || string(out) != t.Name()+"\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// A file that is open for writing is busy, and here no child that is forked
// can have it open.
func TestNothingForksMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "script")
	written := false
	write(t, path, during(func() {
		written = true
		if canFork() {
			t.Error("while a program is written a process can be forked")
		}
	}))
	if !written || !canFork() {
		t.Errorf("written: %v; afterwards no process can be forked", written)
	}
	open, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := exec.Command(path).Run(); !errors.Is(err, syscall.ETXTBSY) {
		t.Errorf("what is open for writing is not busy: %v", err)
	}
}

func canFork() bool {
	can := syscall.ForkLock.TryLock()
	if can {
		syscall.ForkLock.Unlock()
	}
	return can
}

// during is an empty script that does something when it is read.
type during func()

func (d during) Read(p []byte) (int, error) {
	d()
	return strings.NewReader("").Read(p)
}
