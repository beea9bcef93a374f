package peer

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// ErrSelf is a connection that has the same socket at both ends.
var ErrSelf = errors.New("connected to itself")

const (
	// quickDial is how long a dial is waited for on the spot: inside a lab the
	// answer to a SYN is there when the system call that sent it returns,
	// unless the machine is busy.
	quickDial = 5 * time.Millisecond
	// retransmitted is when the kernel has sent its first SYN again, and the
	// answer to that would be there: TCP_TIMEOUT_INIT is 1 s, and doubles.
	retransmitted = 1100 * time.Millisecond
)

// dial opens a connection. What is sent down it before anybody has answered
// waits, and the world goes on meanwhile. met, which may be nil, is told what
// became of the dial, at once or later.
func (e *element) dial(t sip.Transport, to netip.AddrPort, met func(error)) (*sock, error) {
	var failed error
	s, err := e.connect(t, to)
	told := func(err error) {
		if met != nil {
			met(err)
		}
		if err != nil {
			failed = fmt.Errorf("%s dials %s: %w", e.el.Name, to, err)
		}
	}
	if err != nil {
		told(err)
		return nil, failed
	}
	s.connected = func(err error) {
		s.connected = nil
		told(err)
		if err != nil {
			e.world.drop(s)
			s.giveBack(failed)
			return
		}
		s.flush()
	}
	if await(s.fd, unix.POLLOUT, quickDial) != nil {
		e.world.watchDial(s)
		return s, nil
	}
	e.world.connected(s)
	return s, failed
}

// connect begins a connection.
func (e *element) connect(t sip.Transport, to netip.AddrPort) (*sock, error) {
	if e.el.Lacks == t {
		return nil, fmt.Errorf("it has no %s", t)
	}
	fd, err := e.open(t, to.Addr().Is6(), true)
	if err != nil {
		return nil, err
	}
	if err = e.bindSource(fd, to.Addr()); err == nil {
		err = unix.Connect(fd, sockaddr(to, to.Addr().Is6()))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return nil, err
	}
	s := &sock{fd: fd, owner: e, transport: t, dialled: true, v6: to.Addr().Is6(), remote: to}
	return s, e.world.add(s)
}

// bindSource makes an element dial from its own address, whatever the routes of
// its host would choose: the address on which its peers know it.
func (e *element) bindSource(fd int, to netip.Addr) error {
	if to.Unmap().Is4() != e.addr.Is4() {
		return nil
	}
	return unix.Bind(fd, sockaddr(netip.AddrPortFrom(e.addr, 0), e.addr.Is6()))
}

// connected ends the dial of a connection.
func (w *World) connected(s *sock) {
	code, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		s.connected(err)
		return
	}
	if sa, err := unix.Getsockname(s.fd); err == nil {
		s.local = addrPort(sa)
	}
	if s.local == s.remote {
		s.connected(ErrSelf)
		return
	}
	tuneTCP(s.fd)
	w.expect(s, unix.EPOLLIN)
	s.connected(nil)
}

// watchDial waits for a dial that nobody has answered yet. The kernel sends its
// SYN again and again; whether that can ever be answered the runner is asked
// each time: a full queue may take it once it has room, nobody's address not.
func (w *World) watchDial(s *sock) {
	w.expect(s, unix.EPOLLIN|unix.EPOLLOUT)
	waits := func() bool { return s.connected != nil && w.socks[s.fd] == s }
	w.after(retransmitted, func() bool {
		if waits() && w.hopeless(s.owner, sip.Target{Transport: s.transport, Addr: s.remote}) {
			s.connected(unix.ETIMEDOUT)
		}
		return waits()
	})
	w.after(cmp.Or(w.hooks.Patience, 64*t1), func() bool {
		if waits() {
			s.connected(unix.ETIMEDOUT)
		}
		return false
	})
}

// hopeless reports whether nobody takes what an element sends to a target, as
// far as the runner knows.
func (w *World) hopeless(e *element, t sip.Target) bool {
	return w.hooks.Hopeless != nil && w.hooks.Hopeless(e.el.Name, t)
}

// await polls one descriptor for an event within a bound.
func await(fd int, events int16, bound time.Duration) error {
	deadline := time.Now().Add(bound)
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(p, int(left/time.Millisecond)+1)
		if n > 0 || (err != nil && !errors.Is(err, unix.EINTR)) {
			return err
		}
	}
}
