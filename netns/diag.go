package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// From linux/sock_diag.h and linux/inet_diag.h.
const (
	tcpDiagGetSock   = 18 // TCPDIAG_GETSOCK: TCP, both families in one walk
	sockDiagByFamily = 20 // SOCK_DIAG_BY_FAMILY
	diagSKV6Only     = 11 // INET_DIAG_SKV6ONLY, always there for LISTEN and CLOSE
	diagNoCookie     = ^uint64(0)
	diagMessageSize  = 72 // struct inet_diag_msg
	// allStates leaves BOUND_INACTIVE out: 0.6 ms for sockets that neither
	// accept nor talk.
	allStates = 1<<linux.StateBoundInactive - 2
)

// diagID is a struct inet_diag_sockid: the socket's own end, its other end,
// its interface.
func diagID(b *batch, local, remote netip.AddrPort, device uint32, cookie uint64) {
	b.buf = binary.BigEndian.AppendUint16(b.buf, local.Port())
	b.buf = binary.BigEndian.AppendUint16(b.buf, remote.Port())
	for _, a := range []netip.Addr{local.Addr(), remote.Addr()} {
		var wide [16]byte
		copy(wide[:], a.AsSlice())
		b.u8(wide[:]...)
	}
	b.u32(device)
	b.u64(cookie)
}

// dumpTCP asks for every TCP socket of both families
// (struct inet_diag_req; AF_UNSPEC is what makes it both).
func dumpTCP(b *batch) {
	b.request(tcpDiagGetSock, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	diagID(b, netip.AddrPort{}, netip.AddrPort{}, 0, 0)
	b.u32(allStates)
	b.u32(0)
}

// dumpUDP asks for every UDP socket of one family (struct inet_diag_req_v2).
func dumpUDP(b *batch, family byte) {
	b.request(sockDiagByFamily, unix.NLM_F_DUMP, "")
	b.u8(family, unix.IPPROTO_UDP, 0, 0)
	b.u32(allStates)
	diagID(b, netip.AddrPort{}, netip.AddrPort{}, 0, 0)
}

// sockets appends every socket of the namespace, without owners.
func (c *conn) sockets(all []linux.Socket) ([]linux.Socket, error) {
	all, err := c.tcpSockets(all)
	if err != nil {
		return nil, err
	}
	for _, f := range []byte{unix.AF_INET, unix.AF_INET6} {
		var b batch
		dumpUDP(&b, f)
		if all, err = c.list(all, sip.CarrierUDP, &b); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *conn) tcpSockets(all []linux.Socket) ([]linux.Socket, error) {
	var b batch
	dumpTCP(&b)
	return c.list(all, sip.CarrierTCP, &b)
}

// list appends what a dump returns.
func (c *conn) list(all []linux.Socket, t sip.Carrier, b *batch) ([]linux.Socket, error) {
	var bad error
	err := c.query(b, true, func(body []byte) {
		s, err := parseSocket(t, body)
		bad = errors.Join(bad, err)
		all = append(all, s)
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("list %s sockets: %w", t, err)
	}
	return all, nil
}

// lookup asks the kernel which socket takes a segment or datagram that has
// come from one address to another: its own look-up, a connection before a
// listener. device is where it comes in, 0 if that makes no difference. ok is
// false if nobody takes it.
func (c *conn) lookup(t sip.Carrier, from, to netip.AddrPort, device uint32) (s linux.Socket, ok bool, err error) {
	proto := byte(unix.IPPROTO_TCP)
	local, remote := to, from
	if t == sip.CarrierUDP {
		// udp_dump_one (net/ipv4/udp_diag.c) reads the two the other way.
		proto, local, remote = unix.IPPROTO_UDP, from, to
	}
	var b batch
	b.request(sockDiagByFamily, 0, "")
	b.u8(family(to.Addr()), proto, 0, 0)
	b.u32(allStates)
	diagID(&b, local, remote, device, diagNoCookie)
	err = c.query(&b, false, func(body []byte) { s, err = parseSocket(t, body) })
	if errors.Is(err, unix.ENOENT) {
		return s, false, nil
	}
	if err != nil {
		return s, false, fmt.Errorf("look up %s socket for %s from %s: %w", t, to, from, err)
	}
	return s, true, nil
}

// parseSocket reads a struct inet_diag_msg and its attributes.
func parseSocket(t sip.Carrier, p []byte) (linux.Socket, error) {
	if len(p) < diagMessageSize {
		return linux.Socket{}, fmt.Errorf("sock_diag answer of %d bytes is cut off", len(p))
	}
	s := linux.Socket{
		Carrier: t,
		V6:      p[0] == unix.AF_INET6,
		State:   linux.State(p[1]),
		Device:  native.Uint32(p[40:]),
		Cookie:  native.Uint64(p[44:]),
		Queue:   native.Uint32(p[56:]),
		Inode:   uint64(native.Uint32(p[68:])),
	}
	s.Local = diagAddr(s.V6, p[8:24], p[4:6])
	s.Remote = diagAddr(s.V6, p[24:40], p[6:8])
	if s.Remote.Port() == 0 && (t == sip.CarrierTCP || s.Remote.Addr().IsUnspecified()) { // a dial that failed leaves its address behind
		s.Remote = netip.AddrPort{}
	}
	if s.State == linux.StateListen {
		s.Backlog = native.Uint32(p[60:])
	}
	attributes(p[diagMessageSize:], func(typ uint16, value []byte) {
		if typ == diagSKV6Only && len(value) == 1 {
			s.V6Only = s.V6 && value[0] != 0
		}
	})
	return s, nil
}

func diagAddr(v6 bool, addr, port []byte) netip.AddrPort {
	a := netip.AddrFrom4([4]byte(addr[:4]))
	if v6 {
		a = netip.AddrFrom16([16]byte(addr))
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(port))
}
