package props

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// restrict does to a fake's listener what keeps others off it.
func (u *fakeUA) restrict(l *net.TCPListener, at string) {
	raw, err := l.SyscallConn()
	if err != nil {
		panic(err)
	}
	do := func(f func(fd int) error) {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil || failed != nil {
			panic(cmp.Or(err, failed))
		}
	}
	if u.device {
		do(func(fd int) error { return unix.BindToDevice(fd, interfaceOf(u.host)) })
	}
	if u.full { // with a backlog of 0 one connection has room, and it is our own
		do(func(fd int) error { return syscall.Listen(fd, 0) })
		c, err := net.Dial("tcp", at)
		if err != nil {
			panic(err)
		}
		u.kept = append(u.kept, c)
	}
}

// dropsAll keeps everybody off a listener: who is not on its own link, with a
// time to live of 255, has his SYN dropped (tcp_v4_rcv, tcp_v6_rcv). A filter of
// the socket's would do the same; since Linux 6.18 TCP takes one only with
// CAP_NET_ADMIN, which no program in a lab has.
func dropsAll(network, _ string, raw syscall.RawConn) (err error) {
	level, option := unix.IPPROTO_IP, unix.IP_MINTTL
	if network == "tcp6" {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MINHOPCOUNT
	}
	failed := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 255) })
	return cmp.Or(err, failed)
}

// interfaceOf names the interface that has an address.
func interfaceOf(host string) string {
	want, err := netip.ParseAddr(host)
	if len(host) > 0 && host[0] == '[' {
		want, err = netip.ParseAddr(host[1 : len(host)-1])
	}
	if err != nil {
		panic(err)
	}
	all, err := net.Interfaces()
	if err != nil {
		panic(err)
	}
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == want {
				return i.Name
			}
		}
	}
	panic("no interface has " + host)
}

// TestDeadPrograms: what a program does to itself is found, and named right.
func TestDeadPrograms(t *testing.T) {
	t.Parallel()
	wait := waiters{t: t}
	defer wait.all.Wait()
	for _, x := range []struct {
		how    string
		checks int
		want   model.Class
		may    model.Class // what else may be found, rightly
	}{
		{"dies-at-third", 60, model.Crashed, ""},
		{"hangs", 24, model.Hung, model.NoAnswer},
		{"full-queue", 24, model.CannotAccept, ""},
		{"filtered", 24, model.CannotAccept, ""},
		{"device-lies", 40, model.Closed, model.WrongTransport},
	} {
		wait.run(x.how, func(t *testing.T) {
			sum := huntFake(t, x.how, Config{Checks: checks(x.checks), Workers: manyWaiting})
			if !slices.ContainsFunc(sum.Findings, func(f *Finding) bool { return f.Class == x.want }) {
				t.Errorf("not found: %s; exit status %d, %s", x.want, sum.ExitStatus(), sum.EmptyRun)
			}
			for _, f := range sum.Findings {
				if f.Class != x.want && f.Class != x.may {
					t.Errorf("named %s, too:\n%s\n%s", f.Class, f.Scenario, f.Explanation)
				}
			}
		})
	}
}

// TestDeviceBound: an honest program that binds its listener to an interface is
// judged, and found clean. One scenario of this seed gives it a caller on its
// own host whose way does not lead through the interface: that call says nothing.
func TestDeviceBound(t *testing.T) {
	t.Parallel()
	sum := huntFake(t, "device", Config{Checks: checks(60)})
	if sum.ExitStatus() != ExitClean || sum.Inconclusive > 1 || sum.Broken+sum.LookupDisagreements+sum.Unexplained != 0 {
		t.Errorf("exit status %d, %d broken, %d inconclusive, %d disagreements, %d unexplained: %s",
			sum.ExitStatus(), sum.Broken, sum.Inconclusive, sum.LookupDisagreements, sum.Unexplained, sum.EmptyRun)
	}
}
