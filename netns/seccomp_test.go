//go:build amd64 || arm64

package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each call is denied in the sandbox, with the error that programs know what to
// do about, and without the filter it gets another answer, if only that its
// arguments are wrong.
func TestSystemCalls(t *testing.T) {
	Require(t)
	with, without := calls(t), calls(t, layerCalls)
	for _, number := range append(refused, refusedHere...) {
		name := fmt.Sprint(number)
		if with[name] != unix.EPERM.Error() {
			t.Errorf("system call %d: %s", number, with[name])
		}
	}
	for _, number := range append(absent, absentHere...) {
		name := fmt.Sprint(number)
		if with[name] != unix.ENOSYS.Error() {
			t.Errorf("system call %d: %s", number, with[name])
		}
	}
	differ := 0
	for name, answer := range without {
		if with[name] != answer {
			differ++
		}
	}
	// Many are denied by the kernel as well: that is what two walls are.
	if differ < 20 {
		t.Errorf("only %d of %d calls are answered otherwise without the filter", differ, len(with))
	}
	for name, want := range map[string][2]string{
		"AF_UNIX":           {"ok", "ok"},
		"AF_INET":           {"ok", "ok"},
		"AF_INET6":          {"ok", "ok"},
		"netlink route":     {"ok", "ok"},
		"AF_PACKET":         {unix.EAFNOSUPPORT.Error(), unix.EPERM.Error()},
		"AF_KEY":            {unix.EAFNOSUPPORT.Error(), ""},
		"netlink connector": {unix.EPROTONOSUPPORT.Error(), ""},
		"TIOCSTI":           {unix.EPERM.Error(), unix.ENOTTY.Error()},
		"TIOCGWINSZ":        {unix.ENOTTY.Error(), unix.ENOTTY.Error()},
		"unshare files":     {"ok", "ok"},
		"unshare network":   {unix.EPERM.Error(), unix.EPERM.Error()},
		"a new one":         {unix.ENOSYS.Error(), ""},
	} {
		if with[name] != want[0] || want[1] != "" && without[name] != want[1] {
			t.Errorf("%s: %q with the filter, %q without", name, with[name], without[name])
		}
	}
}

// calls makes system calls in the sandbox, and returns what came of each.
func calls(t *testing.T, without ...string) map[string]string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := RunAlone(context.Background(), Spec{Argv: []string{self}, Env: []string{programEnv + "=calls"}, without: without}, 1<<20)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	all := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, answer, _ := strings.Cut(line, "=")
		all[name] = answer
	}
	return all
}

func init() {
	programs["calls"] = func() int {
		say := func(name string, err error) {
			if err == nil {
				err = errors.New("ok")
			}
			fmt.Printf("%s=%v\n", name, err)
		}
		for _, list := range [][]uint32{refused, refusedHere, absent, absentHere} {
			for _, number := range list {
				// No call does anything with these arguments.
				_, _, e := unix.RawSyscall6(uintptr(number), ^uintptr(0), ^uintptr(0), ^uintptr(0), ^uintptr(0), ^uintptr(0), ^uintptr(0))
				say(fmt.Sprint(number), e)
			}
		}
		say("AF_UNIX", socket(unix.AF_UNIX, unix.SOCK_STREAM, 0))
		say("AF_INET", socket(unix.AF_INET, unix.SOCK_STREAM, 0))
		say("AF_INET6", socket(unix.AF_INET6, unix.SOCK_DGRAM, 0))
		say("AF_PACKET", socket(unix.AF_PACKET, unix.SOCK_RAW, 0))
		say("AF_KEY", socket(unix.AF_KEY, unix.SOCK_RAW, 2))
		say("netlink route", socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE))
		say("netlink connector", socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_CONNECTOR))
		say("TIOCSTI", unix.IoctlSetPointerInt(0, unix.TIOCSTI, 'x'))
		_, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		say("TIOCGWINSZ", err)
		say("unshare files", unix.Unshare(unix.CLONE_FILES))
		say("unshare network", unix.Unshare(unix.CLONE_NEWNET))
		_, _, e := unix.RawSyscall(lastKnown+1, 0, 0, 0)
		say("a new one", e)
		return 0
	}
}
