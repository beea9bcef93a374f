package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// fail turns an error of a socket call into a result.
func (p *probe) fail(err error) {
	p.Detail = err.Error()
	switch {
	case errors.Is(err, errProbe):
		p.Result = model.ProbeError
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		p.Result = model.ProbeRefused
	case errors.Is(err, unix.ETIMEDOUT):
		p.Result = model.ProbeTimeout
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EINVAL),
		errors.Is(err, unix.EACCES), errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EPERM):
		// EINVAL: a link-local or loopback address that this source cannot
		// reach. EACCES: broadcast. EPERM, EHOSTUNREACH: a firewall's or a
		// route's prohibition.
		p.Result = model.ProbeUnreachable
	default:
		p.Result = model.ProbeError
	}
}

// wantErrors asks to be told of every ICMP error. Without it a UDP socket
// learns of a closed port but not of a host that does not exist (ip(7)).
func (p *probe) wantErrors() error {
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	if p.Source.Addr().Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	if err := unix.SetsockoptInt(p.fd, level, option, 1); err != nil {
		return fmt.Errorf("%w: ask for ICMP errors: %w", errProbe, err)
	}
	return nil
}

// await waits for an event or an error of the socket, probeBound at the most.
func (p *probe) await(events int16) error {
	err := await(p.fd, events, probeBound)
	if err != nil && !errors.Is(err, unix.ETIMEDOUT) {
		return fmt.Errorf("%w: %w", errProbe, err)
	}
	if err != nil {
		return err
	}
	return p.pending()
}

// await waits for an event or an error of a socket.
func await(fd int, events int16, bound time.Duration) error {
	for end := time.Now().Add(bound); ; {
		left := time.Until(end)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(left.Milliseconds())+1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n > 0:
			return nil
		}
	}
}

// pending returns the error that has arrived for the socket, if any.
func (p *probe) pending() error {
	code, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("%w: read socket error: %w", errProbe, err)
	}
	if code != 0 {
		return unix.Errno(code)
	}
	return nil
}

// findOwner names the owner of the socket that took the connection.
func (p *probe) findOwner() error {
	owner, _, err := p.taker()
	p.Owner = owner
	return err
}

// taker looks up, in the host that has the target's address, the socket that
// takes what this probe sends.
func (p *probe) taker() (owner string, found bool, err error) {
	h := p.host.lab.hostOf(p.host, p.Target.Addr())
	if h == nil {
		return "", false, nil
	}
	s, found, err := h.diag.lookup(p.Carrier, p.Source, p.Target, h.arrival(p.Target.Addr()))
	if err == nil && found {
		s.Owner = h.ownerOf(s)
	}
	if err == nil && found && s.Owner == "" && p.Carrier == sip.CarrierTCP {
		// Nobody has accepted it, or has said so yet, or it was closed
		// already. Ask again from a port that no connection can have, and the
		// look-up ends at the listener.
		s, found, err = h.diag.lookup(p.Carrier, netip.AddrPortFrom(p.Source.Addr(), 0), p.Target, h.arrival(p.Target.Addr()))
		s.Owner = h.ownerOf(s)
	}
	if err != nil {
		return "", false, fmt.Errorf("%w: host %s: %w", errProbe, h.name, err)
	}
	return s.Owner, found, nil
}

func (h *Host) ownerOf(s linux.Socket) string {
	one := []linux.Socket{s}
	h.own(one)
	return one[0].Owner
}

// hostOf returns the host that has an address as seen from another one, or nil.
func (l *Lab) hostOf(from *Host, a netip.Addr) *Host {
	a = a.WithZone("")
	if a.IsLoopback() {
		return from
	}
	for _, h := range l.hosts {
		for _, own := range h.Addrs() {
			if own == a {
				return h
			}
		}
	}
	return nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, fmt.Errorf("read local address: %w", errors.Join(err, unix.EAFNOSUPPORT))
}
