package netns

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// runInside runs this program again, in a user namespace of its own, and
// returns the status to exit with.
//
// unshare(CLONE_NEWUSER) is refused to a process with threads, and a Go
// program has some from the start: hence a second process. It is killed when
// this one dies, and its processes with it.
func runInside() (status int, err error) {
	// The signal of a parent's death is that of the thread that started the
	// child: keep it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 16)
	shared := onTerminal()
	signal.Notify(signals, passedOn(shared)...)
	defer signal.Stop(signals)
	child, err := os.StartProcess("/proc/self/exe", os.Args, &os.ProcAttr{
		Env:   append(os.Environ(), mark+"="+markInside),
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
			Pdeathsig:   syscall.SIGKILL,
			Setpgid:     !shared,
		},
	})
	if err != nil {
		return 0, fmt.Errorf("make user namespace: %w", err)
	}
	go func() {
		for s := range signals {
			_ = child.Signal(s)
		}
	}()
	state, err := child.Wait()
	if err != nil {
		return 0, fmt.Errorf("wait for the program in its user namespace: %w", err)
	}
	return exitAs(state.Sys().(syscall.WaitStatus)), nil
}

// onTerminal reports whether this process group is the one that the terminal
// sends its signals to.
func onTerminal() bool {
	tty, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(tty)
	group, err := unix.IoctlGetInt(tty, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// passedOn lists the signals to pass on to the child. On a terminal both are
// in the group that a key sends its signal to: passed on it would arrive
// twice, and a second Ctrl-C means something. Notify takes those as well, so
// that they do not end this process before its child; they are dropped.
// Without a terminal the child has a group of its own and gets each once.
func passedOn(shared bool) []os.Signal {
	if shared {
		signal.Ignore(syscall.SIGINT, syscall.SIGQUIT)
		return []os.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2}
}

// exitAs ends this process by the signal that ended the child, or returns the
// child's exit status.
func exitAs(s syscall.WaitStatus) int {
	if !s.Signaled() {
		return s.ExitStatus()
	}
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	signal.Reset(s.Signal())
	_ = syscall.Kill(os.Getpid(), s.Signal())
	// A signal that Go turns into something else, or that was blocked.
	return 128 + int(s.Signal())
}

// sysctlAdvice names the switch that forbids user namespaces, if there is one.
func sysctlAdvice() string {
	for _, s := range []struct{ file, off, fix string }{
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns=0"},
		{"kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"},
		{"user/max_user_namespaces", "0", "user.max_user_namespaces=10000"},
		{"user/max_net_namespaces", "0", "user.max_net_namespaces=10000"},
	} {
		value, err := os.ReadFile("/proc/sys/" + s.file)
		if err == nil && strings.TrimSpace(string(value)) == s.off {
			return ": sysctl -w " + s.fix
		}
	}
	return ""
}
