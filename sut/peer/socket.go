package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// backlog is how many connections may wait for a listener of ours.
const backlog = 64

// maxBuffered is the most bytes of one unfinished message that a connection
// keeps: a stack that floods its peer loses the connection, not our memory.
const maxBuffered = 256 << 10

// sock is one socket of an element: a listener, a connection or a UDP socket.
type sock struct {
	fd        int
	owner     *element
	transport sip.Transport
	listening bool
	dialled   bool
	v6        bool           // an AF_INET6 socket: IPv4 is written as ::ffff:a.b.c.d
	local     netip.AddrPort // of a wildcard socket: 0.0.0.0 or ::, and the port
	remote    netip.AddrPort // zero for listeners and UDP
	buf       []byte
	outbox    []parcel    // of a connection: what waits to be sent
	connected func(error) // of a connection that is being dialled: told how that ends
	clients   []*clientTx // requests that went down a connection and were not answered yet
}

// leg describes the path of a message that came on s, to local from remote.
func (s *sock) leg(local, remote netip.AddrPort) model.Leg {
	return model.Leg{Transport: s.transport, Local: local, Remote: remote}
}

// wildcard reports whether s takes what comes to any address of its host.
func (s *sock) wildcard() bool { return s.local.Addr().IsUnspecified() }

// open makes a socket in the element's host and tells the lab whose it is.
func (e *element) open(t sip.Transport, v6, v6only bool) (int, error) {
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if v6 {
		domain = unix.AF_INET6
	}
	if !t.Reliable() {
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
	if v6 {
		only := 0
		if v6only {
			only = 1
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
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

// listen opens one of the element's listening ports: on its address, or on the
// wildcard that the scenario binds it to.
func (e *element) listen(l scenario.Listen) error {
	addr, v6only := e.world.sc.BindAddr(e.el.Name)
	at := netip.AddrPortFrom(addr, l.Port)
	fd, err := e.open(l.Transport, addr.Is6(), v6only)
	if err != nil {
		return fmt.Errorf("peer: open a %s socket for %s: %w", l.Transport, e.el.Name, err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err := unix.Bind(fd, sockaddr(at, addr.Is6())); err != nil {
		unix.Close(fd)
		return fmt.Errorf("peer: bind %s %s for %s: %w", l.Transport, at, e.el.Name, err)
	}
	s := &sock{fd: fd, owner: e, transport: l.Transport, listening: l.Transport.Reliable(), v6: addr.Is6(), local: at}
	if !l.Transport.Reliable() {
		s.tuneUDP()
	} else if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return fmt.Errorf("peer: listen on %s for %s: %w", at, e.el.Name, err)
	}
	return e.world.add(s)
}

// tuneUDP asks for errors of datagrams (ICMP) as events, so that a lost request
// is known at once and not after a time-out, and for the address to which each
// one was sent, which a wildcard socket does not know otherwise.
func (s *sock) tuneUDP() {
	unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_RECVERR, 1)
	unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	if s.v6 {
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVERR, 1)
		unix.SetsockoptInt(s.fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
	}
}

// tuneTCP turns delays off: a delayed ACK between 180 and 200 costs 40 ms.
func tuneTCP(fd int) {
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
}

// writeTo sends a datagram. An error that an earlier datagram left on the
// socket is taken off first: it is not this one's.
func (s *sock) writeTo(raw []byte, to netip.AddrPort) error {
	for try := 0; ; try++ {
		_, err := unix.SendmsgN(s.fd, raw, s.source(to), sockaddr(to, s.v6), unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EMSGSIZE) {
			return fmt.Errorf("its %d bytes are too many for a datagram: %w", len(raw), err)
		}
		if err == nil || try > 0 {
			return err
		}
		s.owner.world.datagramErrors(s)
	}
}

// source makes a wildcard socket send from the element's own address, which is
// where responses have to come from (RFC 3581 4): the kernel would choose by
// its routes. To another family it may.
func (s *sock) source(to netip.AddrPort) []byte {
	own := s.owner.addr
	if !s.wildcard() || to.Addr().Unmap().Is4() != own.Is4() {
		return nil
	}
	if !s.v6 {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: own.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Addr: own.As16()})
}

// sockaddr writes an address for a socket of a family.
func sockaddr(a netip.AddrPort, v6 bool) unix.Sockaddr {
	if ip := a.Addr().Unmap(); ip.Is4() && !v6 {
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

// arrivedAt returns the address that a datagram was sent to, from the ancillary
// data that came with it; the zero Addr if that does not tell.
func arrivedAt(oob []byte) netip.Addr {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return netip.Addr{}
	}
	for _, m := range msgs {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			return netip.AddrFrom4([4]byte(m.Data[8:12]))
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			return netip.AddrFrom16([16]byte(m.Data[:16])).Unmap()
		}
	}
	return netip.Addr{}
}

// shut closes a socket now. A process that another goroutine forks shares the
// descriptor until it executes its program: closing alone would leave the
// connection open, and events of it coming, for that long.
func (s *sock) shut(ep int) {
	_ = unix.EpollCtl(ep, unix.EPOLL_CTL_DEL, s.fd, nil)
	if s.transport.Reliable() {
		_ = unix.Shutdown(s.fd, unix.SHUT_RDWR)
	}
	unix.Close(s.fd)
}

// abort ends a socket at once, without TIME-WAIT, whoever else shares the
// descriptor: to connect a TCP socket to no family is to reset it
// (tcp_disconnect, net/ipv4/tcp.c).
func (s *sock) abort() {
	if s.transport.Reliable() {
		_, _, _ = unix.Syscall(unix.SYS_CONNECT, uintptr(s.fd), uintptr(unsafe.Pointer(&unix.RawSockaddr{Family: unix.AF_UNSPEC})), unix.SizeofSockaddrInet4)
	}
	unix.Close(s.fd)
}
