package netns

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Start arranges the privilege that labs need. It is the first call of a
// command's main, before it starts goroutines or reads its input.
//
// If the process may make network namespaces, as root may, it returns nil.
// Otherwise it executes the program again in a user namespace, in which the
// caller's user is root and owns what it writes outside as before, passes
// signals on and exits as that one does: then it does not return. In there the
// program sees a loopback interface and no other, and sudo does not work: what
// needs the machine's network or its root comes before Start. If user
// namespaces are not allowed either, Start returns an error of one line that
// says what to do.
func Start() error {
	inside := os.Getenv(mark) == markInside
	_, refused := motherNamespace()
	if refused == nil && inside {
		return loopbackUp()
	}
	if refused == nil {
		return nil
	}
	if inside || errors.Is(refused, errProc) {
		return fmt.Errorf("netns: %w", impossible(refused))
	}
	status, err := runInside()
	if err != nil {
		return fmt.Errorf("netns: %w", impossible(err))
	}
	os.Exit(status)
	return nil
}

// loopbackUp makes 127.0.0.1 and ::1 work where the program itself stands, as
// tests of other things expect.
func loopbackUp() error {
	c, err := newConn(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("netns: %w", err)
	}
	defer c.close()
	var b batch
	setUp(&b, loopbackDevice)
	if err := c.do(&b); err != nil {
		return fmt.Errorf("netns: %w", err)
	}
	return nil
}

// impossible explains why there can be no labs, and what to do.
func impossible(err error) error {
	if errors.Is(err, errProc) {
		return fmt.Errorf("labs are not possible here: %w", err)
	}
	needed := "run as root"
	if os.Geteuid() == 0 && os.Getenv(mark) != markInside {
		needed = "give this root " + missing() + " (docker run --privileged)"
	}
	return fmt.Errorf("labs are not possible here: %w; %s, or allow user namespaces%s", err, needed, sysctlAdvice())
}

// missing names the capabilities that labs need and the process has not.
func missing() string {
	var names []string
	for _, c := range []struct {
		number int
		name   string
	}{{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN"}, {unix.CAP_NET_ADMIN, "CAP_NET_ADMIN"}} {
		if !has(c.number) {
			names = append(names, c.name)
		}
	}
	if names == nil {
		return "more rights"
	}
	return strings.Join(names, " and ")
}

// Main is the whole of a test's TestMain:
//
//	func TestMain(m *testing.M) { netns.Main(m) }
//
// It calls Start, runs the tests and exits. Where labs are not possible it
// says so once, and runs the tests all the same: those that need none pass,
// the others say so by Require.
func Main(m *testing.M) {
	if err := Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(m.Run())
}

// Require skips a test that needs a lab where none is possible. With CI=true
// in the environment it fails: there, nothing may be left out silently.
func Require(t testing.TB) {
	t.Helper()
	_, err := motherNamespace()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatal(impossible(err))
	default:
		t.Skip(impossible(err))
	}
}
