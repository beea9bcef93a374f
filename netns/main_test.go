package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// roleEnv makes the test binary do a part in a test of another one: see roles.
const roleEnv = "GREKA_NETNS_ROLE"

var roles = map[string]func() int{}

// programEnv makes the test binary a program that Spawn starts: see programs.
const programEnv = "GREKA_NETNS_PROGRAM"

var programs = map[string]func() int{}

func TestMain(m *testing.M) {
	if program := os.Getenv(programEnv); program != "" {
		os.Exit(programs[program]())
	}
	if role := os.Getenv(roleEnv); role != "" {
		if err := Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(roles[role]())
	}
	Main(m)
}

// families are what most tests are run with.
var families = []scenario.Family{scenario.IPv4, scenario.IPv6}

// lan is a scenario of hosts on one network.
func lan(f scenario.Family, hosts ...string) *scenario.Scenario {
	s := &scenario.Scenario{Nets: []scenario.Net{{Name: "lan", Family: f}}}
	for _, h := range hosts {
		s.Hosts = append(s.Hosts, scenario.Host{Name: h, Nets: []string{"lan"}})
	}
	return s
}

func newLab(t testing.TB, s *scenario.Scenario) *Lab {
	t.Helper()
	Require(t)
	l, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// sock is a socket of the test in a host.
type sock struct {
	t     testing.TB
	fd    int
	addr  netip.AddrPort
	inode uint64
}

// open makes a socket and binds it.
func open(t testing.TB, h *Host, typ int, at netip.AddrPort) *sock {
	t.Helper()
	fd, err := h.Socket(int(family(at.Addr())), typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := adopt(t, fd)
	s.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
	s.must(unix.Bind(fd, sockaddr(at)))
	s.addr, err = localAddr(fd)
	s.must(err)
	return s
}

func adopt(t testing.TB, fd int) *sock {
	t.Helper()
	s := &sock{t: t, fd: fd}
	t.Cleanup(s.close)
	var st unix.Stat_t
	s.must(unix.Fstat(fd, &st))
	s.inode = st.Ino
	return s
}

func listen(t testing.TB, h *Host, at netip.AddrPort) *sock {
	t.Helper()
	s := open(t, h, unix.SOCK_STREAM, at)
	s.must(unix.Listen(s.fd, 64))
	return s
}

// dial connects from a host and waits for it.
func dial(t testing.TB, h *Host, from netip.Addr, to netip.AddrPort) *sock {
	t.Helper()
	s := open(t, h, unix.SOCK_STREAM, netip.AddrPortFrom(from, 0))
	if err := unix.Connect(s.fd, sockaddr(to)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	s.wait(unix.POLLOUT)
	code, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	s.must(err)
	if code != 0 {
		t.Fatal(unix.Errno(code))
	}
	return s
}

func (s *sock) accept() *sock {
	s.t.Helper()
	s.wait(unix.POLLIN)
	fd, _, err := unix.Accept4(s.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	s.must(err)
	return adopt(s.t, fd)
}

func (s *sock) wait(events int16) {
	s.t.Helper()
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: events}}, 5000)
	s.must(err)
	if n == 0 {
		s.t.Fatal("nothing happened to the socket for 5 s")
	}
}

func (s *sock) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *sock) close() {
	if s.fd >= 0 {
		unix.Close(s.fd)
	}
	s.fd = -1
}

// eventually waits until ok holds, 10 s at the most.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func tcpTo(a netip.AddrPort) sip.Target { return sip.Target{Transport: sip.TCP, Addr: a} }
func udpTo(a netip.AddrPort) sip.Target { return sip.Target{Transport: sip.UDP, Addr: a} }

// netListen listens with Go's net in a host.
func netListen(t testing.TB, h *Host, addr string) net.Listener {
	t.Helper()
	var l net.Listener
	if err := h.Do(func() (err error) { l, err = net.Listen("tcp", addr); return err }); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
