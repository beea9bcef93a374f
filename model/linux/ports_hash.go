package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// The kernel's hash tables, as far as they decide who gets a packet: in which
// order sockets stand in the chain of an address, which flow a connected UDP
// socket is filed under, and which SO_REUSEPORT group a socket is in.

// chainMiddle is the place of nobody in a chain: what is hashed at the head is
// above it, what is hashed at the tail below.
const chainMiddle = 1 << 32

// head is the next place at the head of a chain.
func (p *Ports) head() uint64 { return chainMiddle + p.tick() }

// end or beginning: an IPv6 socket with SO_REUSEPORT goes to the tail, so that
// IPv4 sockets are met first (udp_lib_get_port, __inet_hash).
func (p *Ports) place(s *Socket) uint64 {
	if s.V6 && s.ReusePort {
		return chainMiddle - p.tick()
	}
	return p.head()
}

// slot is the address whose chain a socket is in (ipv4_portaddr_hash,
// ipv6_portaddr_hash): both families' wildcards share one.
func slot(s *Socket) netip.Addr {
	a := s.Local.Addr().Unmap()
	if a.IsUnspecified() {
		return netip.IPv4Unspecified()
	}
	return a
}

// flow is both ends of a connected UDP socket.
type flow struct{ local, remote netip.AddrPort }

func flowOf(s *Socket) flow { return flow{UnmapPort(s.Local), UnmapPort(s.Remote)} }

// enter puts a socket that has got a port into the tables (udp_lib_get_port).
// A TCP socket enters them when it listens or dials.
func (p *Ports) enter(r ref) {
	s, m := p.socket(r), p.more(r)
	if s.Carrier == sip.CarrierTCP {
		return
	}
	p.joinGroup(r)
	s.Order = p.place(s)
	m.bound, m.slot = s.Order, slot(s)
}

// rehash follows a change of a UDP socket's address, or of its device
// (udp_lib_rehash): it goes to the head of its new chain, leaves its group for
// ever, and its flow is filed anew.
func (p *Ports) rehash(r ref) {
	s, m := p.socket(r), p.more(r)
	if s.Local.Port() == 0 {
		return
	}
	p.leaveGroup(r)
	if now := slot(s); now != m.slot {
		p.hit(ruleRehash)
		s.Order, m.slot = p.head(), now
	}
	switch {
	case m.flowPlace == 0:
	case slot(s).IsUnspecified():
		m.flowPlace = 0
	case m.flow != flowOf(s):
		m.flow, m.flowPlace = flowOf(s), p.tick()
	}
	p.findFlow(r)
}

// fileFlow files a UDP socket that was connected under its ends, unless it is
// filed already: then it stays where it is, even if its ends are others by now
// (udp_lib_hash4).
func (p *Ports) fileFlow(r ref) {
	if m := p.more(r); m.flowPlace == 0 || p.wrong == ReconnectFilesAnew {
		p.leaveGroup(r)
		m.flow, m.flowPlace = flowOf(p.socket(r)), p.tick()
	}
	p.findFlow(r)
}

// findFlow says whether a socket is found under the ends that it has.
func (p *Ports) findFlow(r ref) {
	s, m := p.socket(r), p.more(r)
	s.Flow = m.flowPlace
	if s.Flow != 0 && m.flow != flowOf(s) {
		s.Flow = 0
		if s.State == StateEstablished {
			p.hit(ruleStaleFlow)
		}
	}
}

// leaveTables takes a UDP socket out of all of them (udp_lib_unhash).
func (p *Ports) leaveTables(r ref) {
	p.leaveGroup(r)
	s, m := p.socket(r), p.more(r)
	s.Order, s.Flow, m.flowPlace = 0, 0, 0
}

// joinGroup puts a socket with SO_REUSEPORT into the group of the first one met
// that has it too, with the same address, device and family; one that has lost
// its group founds another (udp_reuseport_add_sock, inet_reuseport_add_sock).
// It is asked when a UDP socket gets its port, and when a TCP socket listens.
func (p *Ports) joinGroup(r ref) {
	s := p.socket(r)
	if !s.ReusePort {
		return
	}
	h := &p.hosts[r.host]
	var first *Socket
	var at uint64
	for i := range h.Sockets {
		o := &h.Sockets[i]
		place := h.more[i].bound
		if s.Carrier == sip.CarrierTCP {
			place = o.Order
		}
		if i != r.socket && p.partners(s, o) && (first == nil || place > at) {
			first, at = o, place
		}
	}
	switch {
	case first == nil:
		s.Group, s.Mixed = p.newGroup(), false
		return
	case first.Group == 0:
		p.hit(ruleGroupAnew)
		first.Group, first.Mixed = p.newGroup(), false
	}
	s.Group, s.Mixed = first.Group, first.Mixed
}

// partners reports whether o is one whose group s joins.
func (p *Ports) partners(s, o *Socket) bool {
	in := o.State == StateListen
	if s.Carrier == sip.CarrierUDP {
		in = o.Local.Port() != 0
	}
	return in && o.Carrier == s.Carrier && o.ReusePort && o.V6 == s.V6 && v6only(o) == v6only(s) &&
		o.Device == s.Device && o.Local.Port() == s.Local.Port() && addrEqual(s, o, false, false)
}

func (p *Ports) newGroup() uint32 {
	p.lastGroup++
	return p.lastGroup
}

// leaveGroup is reuseport_detach_sock.
func (p *Ports) leaveGroup(r ref) {
	s := p.socket(r)
	if s.Group != 0 && s.Carrier == sip.CarrierUDP {
		p.hit(ruleLeaveGroup)
	}
	s.Group, s.Mixed = 0, false
}

// mixGroup notes that a member of a group was connected
// (reuseport_has_conns_set).
func (p *Ports) mixGroup(r ref) {
	g := p.socket(r).Group
	if g == 0 {
		return
	}
	p.hit(ruleGroupMixed)
	h := &p.hosts[r.host]
	for i := range h.Sockets {
		if h.Sockets[i].Group == g {
			h.Sockets[i].Mixed = true
		}
	}
}
