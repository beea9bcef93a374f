package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// Without a /proc that shows this process one line says so. The twin: with one
// that is mounted for it, labs work.
func TestNoProcOrAnothersIsTold(t *testing.T) {
	Require(t)
	for name, tt := range map[string]struct {
		script string
		flags  uintptr
		want   string
	}{
		"none":    {"umount -l /proc", unix.CLONE_NEWNS, "/proc does not show this process; run: mount -t proc proc /proc (readlink /proc/self: no such file or directory)"},
		"stale":   {"true", unix.CLONE_NEWNS | unix.CLONE_NEWPID, "/proc does not show this process; run: mount -t proc proc /proc (this is process 1, there it is "},
		"its own": {"mount -t proc proc /proc", unix.CLONE_NEWNS | unix.CLONE_NEWPID, ""},
	} {
		cmd := exec.Command("/bin/sh", "-c", tt.script+" && exec \"$0\" lab", copyOfSelf(t, "user"))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=user"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: tt.flags}
		out, err := cmd.CombinedOutput()
		line := strings.TrimSuffix(string(out), "\n")
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v, %s", name, err, out)
		case tt.want != "" && (err == nil || !strings.HasPrefix(line, "netns: labs are not possible here: "+tt.want) || strings.Contains(line, "\n")):
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}

// Who may start no more processes is told so, and Greka goes on.
func TestNoMoreProcessesIsTold(t *testing.T) {
	if out, err := ordinary(t, "crowd").CombinedOutput(); err != nil || !strings.HasSuffix(string(out), "works again\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// crowdedRole is done by an ordinary user, to whom the limit applies.
func crowdedRole() error {
	l, err := New(lan(scenario.IPv4, "a"))
	if err != nil {
		return err
	}
	defer l.Close()
	spawn := func() error {
		p, err := l.Host("a").Spawn(Spec{Owner: "x", Argv: []string{"true"}})
		if err == nil {
			err = p.Kill()
		}
		return err
	}
	if err := spawn(); err != nil { // this process has its threads now
		return err
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NPROC, &before); err != nil {
		return err
	}
	few := unix.Rlimit{Cur: 1, Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &few); err != nil {
		return err
	}
	refused := spawn()
	if err := unix.Setrlimit(unix.RLIMIT_NPROC, &before); err != nil {
		return err
	}
	if refused == nil || !strings.Contains(refused.Error(), "may have no more processes: see ulimit -u and pids.max") || strings.Contains(refused.Error(), "\n") {
		return fmt.Errorf("with no process to spare: %v", refused)
	}
	if err := spawn(); err != nil {
		return err
	}
	fmt.Println("works again")
	return nil
}

// Low ports are anybody's in a lab: SIP over TLS and WebSocket use 443, and no
// stack has a capability. The twin: elsewhere the kernel refuses them.
func TestLowPortsCanBeBound(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := lan(scenario.IPv4, "a")
	at := netip.AddrPortFrom(s.Addr("a", "lan"), 443)
	spec := Spec{Owner: "bob", Argv: []string{self}, Env: []string{programEnv + "=listen", "AT=" + at.String()}}
	l := newLab(t, s)
	p, err := l.Host("a").Spawn(spec)
	if err != nil {
		t.Fatal(err)
	}
	said(t, p, "listening")
	if err := l.Host("a").Do(func() error { return writeSysctl("ipv4/ip_unprivileged_port_start", "1024") }); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if p, err = l.Host("a").Spawn(spec); err != nil {
		t.Fatal(err)
	}
	if exit := ended(t, p); exit.Status == 0 || !strings.Contains(string(p.Output()), "permission denied") {
		t.Errorf("%v, %q", exit, p.Output())
	}
}

// A stack can bind its socket to an interface.
func TestSpawnedCanBindToADevice(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newLab(t, lan(scenario.IPv4, "a")).Host("a").Spawn(Spec{Owner: "bob", Argv: []string{self}, Env: []string{programEnv + "=device"}})
	if err != nil {
		t.Fatal(err)
	}
	if exit := ended(t, p); exit.Status != 0 {
		t.Errorf("%v, %q", exit, p.Output())
	}
}

func init() {
	programs["device"] = func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.BindToDevice(fd, "eth0")
		}
		if missing := unix.BindToDevice(fd, "eth7"); missing == nil {
			err = errors.Join(err, errors.New("bound to an interface that is not there"))
		}
		if err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	}
}
