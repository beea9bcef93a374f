package netns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

func init() {
	roles["user"] = userRole
}

// userRole does what its arguments say, as a user that a test chose.
func userRole() int {
	switch os.Args[1] {
	case "lab":
		if err := errors.Join(busyLab("user"), tryLab(scenario.IPv4, 5060), tryLab(scenario.IPv6, 5060)); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("works for uid", os.Getuid())
		return 0
	case "loopback":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err == nil {
			_, err = net.Dial("tcp", l.Addr().String())
		}
		fmt.Println(err)
		return 0
	case "write":
		fmt.Println(os.WriteFile(os.Args[2], nil, 0o644))
		return 0
	case "crowd":
		if err := crowdedRole(); err != nil {
			fmt.Println(err)
			return 1
		}
		return 0
	case "exit":
		return 42
	case "kill":
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		select {}
	case "wait":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGINT)
		fmt.Println("ready")
		<-signals
		return 43
	}
	return 1
}

// ordinary returns a command that runs this binary as an ordinary user, who
// needs a user namespace.
func ordinary(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	Require(t)
	cmd := exec.Command(copyOfSelf(t, "user"), args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=user"}
	asUser(cmd, uids()[len(uids())-1])
	return cmd
}

func TestOrdinaryUsersHaveLabs(t *testing.T) {
	out, err := ordinary(t, "lab").CombinedOutput()
	if want := "works for uid 0\n"; err != nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestOrdinaryUsersLoopbackWorks(t *testing.T) {
	out, err := ordinary(t, "loopback").CombinedOutput()
	if err != nil || string(out) != "<nil>\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// What the user's root writes outside belongs to the user.
func TestOrdinaryUsersOwnTheirFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	if out, err := ordinary(t, "write", path).CombinedOutput(); err != nil || string(out) != "<nil>\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := int(info.Sys().(*syscall.Stat_t).Uid), uids()[len(uids())-1]; got != want {
		t.Errorf("the file belongs to uid %d, want %d", got, want)
	}
}

// How the program inside ends is how the one that was called ends.
func TestOrdinaryUsersSeeHowItEnded(t *testing.T) {
	var exit *exec.ExitError
	if err := ordinary(t, "exit").Run(); !errors.As(err, &exit) || exit.ExitCode() != 42 {
		t.Errorf("an exit status of 42 becomes %v", err)
	}
	err := ordinary(t, "kill").Run()
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("death by SIGTERM becomes %v", err)
	}

	cmd := ordinary(t, "wait")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 64)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 43 {
		t.Errorf("SIGINT is not passed on: %v", err)
	}
}

// Where user namespaces are forbidden as well, one line says what to do.
func TestRefusalIsOneLine(t *testing.T) {
	Require(t)
	for name, tt := range map[string]struct{ forbid, want string }{
		"no user namespace, no capability": {
			"echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -all --inh-caps -all --no-new-privs \"$0\" lab",
			"; give this root CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --privileged), or allow user namespaces: sysctl -w user.max_user_namespaces=10000"},
		"no user namespace, no CAP_NET_ADMIN": {
			"echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -net_admin --inh-caps -all --no-new-privs \"$0\" lab",
			"; give this root CAP_NET_ADMIN (docker run --privileged), or allow user namespaces: sysctl -w user.max_user_namespaces=10000"},
		"no network namespace": {
			"echo 0 > /proc/sys/user/max_net_namespaces; exec \"$0\" lab",
			", or allow user namespaces: sysctl -w user.max_net_namespaces=10000"},
		"nothing works inside either": {
			"echo 0 > /proc/sys/user/max_net_namespaces; " + mark + "=" + markInside + " exec \"$0\" lab",
			"; run as root, or allow user namespaces: sysctl -w user.max_net_namespaces=10000"},
	} {
		cmd := exec.Command("/bin/sh", "-c", tt.forbid, copyOfSelf(t, "user"))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=user"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}}
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		line := strings.TrimSuffix(string(out), "\n")
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || strings.Contains(line, "\n") ||
			!strings.HasPrefix(line, "netns: labs are not possible here: ") || !strings.HasSuffix(line, tt.want) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}
