package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Who passes a limit is ended, with all that it started, and it is said which
// limit that was. The twin: without the limit the same program lives on.
func TestLimits(t *testing.T) {
	Require(t)
	for _, tt := range []struct {
		kind, limit string
		spec        Spec
	}{
		{"processes", "it had 30 processes and threads or more", Spec{Tasks: 30}},
		{"memory", "it used more than 64 MiB of memory", Spec{Memory: 64 << 20}},
		{"shared memory", "it used more than 64 MiB of memory", Spec{Memory: 64 << 20}},
		{"memory in files", "it used more than 64 MiB of memory", Spec{Memory: 64 << 20}},
		{"memory in segments", "it used more than 64 MiB of memory", Spec{Memory: 64 << 20}},
	} {
		t.Run(tt.kind, func(t *testing.T) {
			t.Parallel()
			out, err := bomb(t, tt.kind, tt.spec)
			var exit *Exit
			if !errors.As(err, &exit) || exit.Limit != tt.limit || !strings.Contains(err.Error(), tt.limit) ||
				!strings.Contains(out, "greka: this program was ended: "+tt.limit+"\n") {
				t.Errorf("with a limit: %v, %q", err, out)
			}
			tt.spec.without = []string{layerLimits}
			if out, err := bomb(t, tt.kind, tt.spec); err != nil || out != "went off\nlived on\n" {
				t.Errorf("without one: %v, %q", err, out)
			}
		})
	}
}

// bomb runs a program that takes more than it may.
func bomb(t *testing.T, kind string, s Spec) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.Argv, s.Env = []string{self, kind}, []string{programEnv + "=bomb"}
	out, err := RunAlone(context.Background(), s, 1000)
	return string(out), err
}

// What several processes share counts once: this takes 40 MiB in four.
func TestSharedMemoryCountsOnce(t *testing.T) {
	Require(t)
	if out, err := bomb(t, "a family", Spec{Memory: 100 << 20}); err != nil || out != "went off\nlived on\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// A file cannot become longer than all that a command may write.
func TestFilesAreBounded(t *testing.T) {
	Require(t)
	script := "dd if=/dev/zero of=/tmp/x bs=1M count=300 2>&1 | grep -c 'No space'; truncate -s 300M /dev/shm/y; echo $?"
	out, err := RunAlone(context.Background(), Spec{Argv: []string{"sh", "-c", script}}, 1000)
	if !strings.HasPrefix(string(out), "1\n") || strings.HasSuffix(string(out), "\n0\n") {
		t.Errorf("%v, %q", err, out)
	}
}

const bombSize = 160 << 20

func init() {
	programs["bomb"] = func() int {
		if err := bombs[os.Args[1]](); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("went off")
		// The limits are looked at every 50 ms, most of them.
		time.Sleep(40 * watchPause)
		fmt.Println("lived on")
		return 0
	}
}

var bombs = map[string]func() error{
	"nothing": func() error { return nil },
	"processes": func() error {
		for range 40 {
			if _, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "60"}, nil); err != nil {
				return err
			}
		}
		return nil
	},
	"memory":        func() error { return take(unix.MAP_PRIVATE|unix.MAP_ANON, bombSize) },
	"shared memory": func() error { return take(unix.MAP_SHARED|unix.MAP_ANON, bombSize) },
	"memory in files": func() error {
		fd, err := unix.MemfdCreate("bomb", 0)
		for n := 0; n < bombSize && err == nil; n += 1 << 20 {
			_, err = unix.Write(fd, make([]byte, 1<<20))
		}
		return err
	},
	"memory in segments": func() error {
		id, err := unix.SysvShmGet(unix.IPC_PRIVATE, bombSize, unix.IPC_CREAT|0o600)
		if err != nil {
			return err
		}
		b, err := unix.SysvShmAttach(id, 0, 0)
		if err != nil {
			return err
		}
		touch(b)
		return unix.SysvShmDetach(b) // it stays
	},
	"a family": func() error {
		fd, err := unix.MemfdCreate("family", 0)
		if err == nil {
			err = unix.Ftruncate(fd, 40<<20)
		}
		if err != nil {
			return err
		}
		for range 3 {
			cmd := exec.Command("/proc/self/exe", "40")
			cmd.Env = []string{programEnv + "=relative"}
			cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(fd), "family")}
			if err := cmd.Start(); err != nil {
				return err
			}
		}
		return nil
	},
}

func init() {
	// relative maps what its parent gave it, and touches all of it.
	programs["relative"] = func() int {
		b, err := unix.Mmap(3, 0, 40<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			return 1
		}
		touch(b)
		time.Sleep(time.Minute)
		return 0
	}
}

func take(flags, size int) error {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags)
	if err == nil {
		touch(b)
	}
	return err
}

func touch(b []byte) {
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
}
