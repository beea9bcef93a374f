package props

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// The lab's answer to the model's question: who is reached from where.

// meetingPort is where every host listens on all its addresses.
const meetingPort = 5060

// attempt is one connect, and what came of it.
type attempt struct {
	host     string
	src, dst netip.Addr // src is the zero Addr where the kernel chooses

	fd      int
	errno   linux.Errno    // what connect returned at once, OK if it is on its way
	local   netip.AddrPort // where it is connected from
	reached string         // the host that accepted it
}

// probes are all attempts in a lab at once.
type probes struct {
	lab       *netns.Lab
	listeners map[int]string // descriptor to host
	attempts  []attempt
	accepted  []accepted
}

// accepted is a connection that came to a listener.
type accepted struct {
	fd   int
	host string
	from netip.AddrPort
	to   netip.Addr
}

func (p *probes) close() {
	for fd := range p.listeners {
		unix.Close(fd)
	}
	for _, a := range p.attempts {
		if a.fd >= 0 {
			unix.Close(a.fd)
		}
	}
	for _, a := range p.accepted {
		unix.Close(a.fd)
	}
}

// listen makes every host listen on 0.0.0.0 and on ::.
func (p *probes) listen(s *scenario.Scenario) error {
	p.listeners = map[int]string{}
	for _, h := range s.Hosts {
		for _, any := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
			fd, err := p.lab.Host(h.Name).Socket(domain(any), unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			p.listeners[fd] = h.Name
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			if any.Is6() {
				_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
			}
			if err := unix.Bind(fd, sockaddrOf(netip.AddrPortFrom(any, meetingPort), 0)); err != nil {
				return fmt.Errorf("%s: bind to %s: %w", h.Name, any, err)
			}
			if err := unix.Listen(fd, 4096); err != nil {
				return err
			}
		}
	}
	return nil
}

// connect makes one attempt.
func (p *probes) connect(host string, src, dst netip.Addr) error {
	at := attempt{host: host, src: src, dst: dst, fd: -1}
	err := p.lab.Host(host).Do(func() error {
		fd, err := unix.Socket(domain(dst), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		at.fd = fd
		_ = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		if src.IsValid() {
			err = unix.Bind(fd, sockaddrOf(netip.AddrPortFrom(src, 0), zone(src, dst)))
		}
		if err == nil {
			err = unix.Connect(fd, sockaddrOf(netip.AddrPortFrom(dst, meetingPort), zone(src, dst)))
		}
		at.errno = errnoOf(err)
		return nil
	})
	p.attempts = append(p.attempts, at)
	return err
}

// settle finds out who was reached by the first packet. What one host sends
// another is there when the system call that sent it returns; patience, for
// those that should have arrived and have not, is for a machine that is too
// busy for that, or for asking who has an address. Of the others nothing is
// believed that comes later: a packet that is sent again may go another way.
func (p *probes) settle(patience time.Duration, missing func(*attempt) bool) error {
	first := true
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if err := p.take(); err != nil {
			return err
		}
		waits := false
		for i := range p.attempts {
			a := &p.attempts[i]
			if a.errno == linux.OK && a.reached == "" && (first || missing(a)) {
				p.match(a)
				waits = waits || a.reached == "" && missing(a)
			}
		}
		if !waits || time.Now().After(end) {
			return nil
		}
		first = false
	}
}

// take accepts all that has come.
func (p *probes) take() error {
	for fd, host := range p.listeners {
		for {
			child, from, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err == unix.EAGAIN {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: accept: %w", host, err)
			}
			_ = unix.SetsockoptLinger(child, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
			to, err := unix.Getsockname(child)
			if err != nil {
				return err
			}
			p.accepted = append(p.accepted, accepted{child, host, addrPortOf(from), addrPortOf(to).Addr()})
		}
	}
	return nil
}

// match finds the accepted end of an attempt that is connected. Hosts have
// addresses of their own, so that no two attempts have equal ends.
func (p *probes) match(a *attempt) {
	if _, err := unix.Getpeername(a.fd); err != nil {
		return
	}
	sa, err := unix.Getsockname(a.fd)
	if err != nil {
		return
	}
	a.local = addrPortOf(sa)
	for _, c := range p.accepted {
		if c.from == a.local && c.to == a.dst.WithZone("") {
			a.reached = c.host
		}
	}
}

func domain(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// zone is the device that the zone of one of the addresses names.
func zone(addrs ...netip.Addr) uint32 {
	for _, a := range addrs {
		var n uint32
		if _, err := fmt.Sscanf(a.Zone(), "eth%d", &n); err == nil {
			return scenario.FirstDevice + n
		}
	}
	return 0
}

func sockaddrOf(a netip.AddrPort, zone uint32) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	out := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if a.Addr().IsLinkLocalUnicast() {
		out.ZoneId = zone
	}
	return out
}

func addrPortOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// errnoOf is the name of what a system call returned.
func errnoOf(err error) linux.Errno {
	if errno, ok := err.(unix.Errno); ok && errno != unix.EINPROGRESS {
		return linux.Errno(unix.ErrnoName(errno))
	}
	return linux.OK
}
