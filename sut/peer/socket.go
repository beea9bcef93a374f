package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// dialBound ends a dial that nobody answers.
const dialBound = time.Second

// maxBuffered is the most bytes of one unfinished message that a connection
// keeps: a stack that floods its peer loses the connection, not our memory.
const maxBuffered = 256 << 10

// sock is one socket of an element: a listener, a connection or a UDP socket.
type sock struct {
	fd        int
	owner     *element
	transport model.Transport
	listening bool
	dialled   bool
	local     netip.AddrPort
	remote    netip.AddrPort // zero for listeners and UDP
	buf       []byte
}

// leg describes the path of a message that came on s from remote.
func (s *sock) leg(remote netip.AddrPort) model.Leg {
	return model.Leg{Transport: s.transport, Local: s.local, Remote: remote}
}

// open makes a socket in the element's host and tells the lab whose it is.
func (e *element) open(t model.Transport) (int, error) {
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if e.addr.Is6() {
		domain = unix.AF_INET6
	}
	if t == model.UDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := e.world.lab.Host(e.el.Host).Socket(domain, typ, 0)
	if err != nil {
		return -1, err
	}
	if err := e.claim(fd); err != nil {
		unix.Close(fd)
		return -1, err
	}
	if domain == unix.AF_INET6 {
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
	}
	return fd, nil
}

// claim registers a descriptor's inode as the element's.
func (e *element) claim(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	e.world.lab.Own(st.Ino, e.el.Name)
	return nil
}

// listen opens one of the element's listening ports.
func (e *element) listen(l model.Listen) error {
	at := netip.AddrPortFrom(e.addr, l.Port)
	fd, err := e.open(l.Transport)
	if err != nil {
		return fmt.Errorf("peer: open a %s socket for %s: %w", l.Transport, e.el.Name, err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		unix.Close(fd)
		return fmt.Errorf("peer: bind %s %s for %s: %w", l.Transport, at, e.el.Name, err)
	}
	if l.Transport == model.UDP {
		// Errors of datagrams (ICMP) come back as events, so that a lost
		// request is known at once and not after a time-out.
		level, opt := unix.IPPROTO_IP, unix.IP_RECVERR
		if e.addr.Is6() {
			level, opt = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
		}
		unix.SetsockoptInt(fd, level, opt, 1)
	} else if err := unix.Listen(fd, 64); err != nil {
		unix.Close(fd)
		return fmt.Errorf("peer: listen on %s for %s: %w", at, e.el.Name, err)
	}
	return e.world.add(&sock{fd: fd, owner: e, transport: l.Transport, listening: l.Transport == model.TCP, local: at})
}

// dial opens a connection. The handshake needs no help of ours on the far
// side (the kernel completes it), so waiting here stops nobody who matters.
func (e *element) dial(to netip.AddrPort) (*sock, error) {
	fd, err := e.open(model.TCP)
	if err != nil {
		return nil, err
	}
	s := &sock{fd: fd, owner: e, transport: model.TCP, dialled: true, remote: to}
	if err := connect(fd, to); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("%s dials %s: %w", e.el.Name, to, err)
	}
	if sa, err := unix.Getsockname(fd); err == nil {
		s.local = addrPort(sa)
	}
	if s.local == to {
		unix.Close(fd)
		return nil, fmt.Errorf("%s dials %s: connected to itself", e.el.Name, to)
	}
	tuneTCP(fd)
	if err := e.world.add(s); err != nil {
		return nil, err
	}
	return s, nil
}

func connect(fd int, to netip.AddrPort) error {
	err := unix.Connect(fd, sockaddr(to))
	if !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	if err := await(fd, unix.POLLOUT, dialBound); err != nil {
		return err
	}
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
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

// tuneTCP turns delays off: a delayed ACK between 180 and 200 costs 40 ms.
func tuneTCP(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}

// write sends all of raw down a connection.
func (s *sock) write(raw []byte) error {
	for len(raw) > 0 {
		n, err := unix.SendmsgN(s.fd, raw, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EAGAIN) {
			err = await(s.fd, unix.POLLOUT, dialBound)
			n = 0
		}
		if err != nil {
			return err
		}
		raw = raw[n:]
	}
	return nil
}

// writeTo sends a datagram. An error that an earlier datagram left on the
// socket is taken off first: it is not this one's.
func (s *sock) writeTo(raw []byte, to netip.AddrPort) error {
	for try := 0; ; try++ {
		err := unix.Sendto(s.fd, raw, unix.MSG_NOSIGNAL, sockaddr(to))
		if err == nil || try > 0 {
			return err
		}
		s.owner.world.datagramErrors(s)
	}
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
