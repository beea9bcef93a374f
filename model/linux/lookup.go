package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// Reached is what a SYN or a datagram meets.
type Reached struct {
	Host   string    // host whose stack takes it, "" if nobody's or out of reach
	Socket *Socket   // the socket picked, nil if none: RST, or ICMP port unreachable
	Also   []*Socket // others that the kernel may pick as well; empty usually
	Rule   string    // the kernel's rule that decided, for people
}

// Takes reports whether the packet ends at a socket that serves new peers: a
// listener, or a UDP socket that takes this sender's datagrams.
func (r Reached) Takes() bool {
	return r.Socket != nil && (r.Socket.Carrier == sip.CarrierUDP || r.Socket.State == StateListen)
}

// The rules by which a look-up ends, as Reached.Rule says them.
const (
	RuleNobody       = "nobody has this address, or there is no route to it"
	RuleExact        = "a connection with exactly these two ends (__inet_lookup_established)"
	RuleTimeWait     = "TIME-WAIT gives way to the listener (tcp_timewait_state_process)"
	RuleTimeWaitOnly = "TIME-WAIT, and no listener that it could give way to (tcp_timewait_state_process)"
	RuleSpecific     = "bound to exactly this address (lhash2 by address; udp hash2)"
	RuleWildcard     = "wildcard, since no socket is bound to exactly this address (INADDR_ANY, in6addr_any)"
	RuleWildcardV6   = "IPv6 wildcard that takes IPv4 too (bindv6only off, IPV6_V6ONLY off)"
	RuleConnected    = "connected to exactly this sender (udp4_lib_lookup4, udp6_lib_lookup4)"
	RuleEarly        = "the first in the chain of this address, and connected to exactly this sender (udp_v4_early_demux)"
	RuleNone         = "no socket takes it: RST, or ICMP port unreachable"
)

// Lookup says which socket a SYN or a datagram from a host to an address would
// reach. It needs nothing but the snapshot. A source port of 0 means a fresh
// one, that is the end of no connection.
//
// It follows the kernel in three stages, the first that finds something
// deciding: a connection with exactly these ends (established), then what is
// bound to exactly the destination, then the wildcards (listening). Within the
// last two the best score wins (score), and between equal ones the order in the
// hash chain (walk).
func Lookup(s *Snapshot, from string, t sip.Carrier, src, dst netip.AddrPort) Reached {
	src, dst = UnmapPort(src), UnmapPort(dst)
	if dst.Addr().IsUnspecified() {
		dst = netip.AddrPortFrom(ThisHost(src.Addr(), dst.Addr()), dst.Port())
	}
	host, p := s.arrive(from, packet{carrier: t, src: src, dst: dst})
	if host == nil {
		return Reached{Rule: RuleNobody}
	}
	r := p.lookup(host.Sockets)
	r.Host = host.Host
	return r
}

// ThisHost is where the kernel takes what is sent to 0.0.0.0 or ::. For IPv4
// that is the socket's own address, if it is bound to one
// (ip_route_output_key_hash_rcu), else 127.0.0.1; for IPv6 always ::1
// (ip6_datagram_dst_update, tcp_v6_connect).
func ThisHost(src, dst netip.Addr) netip.Addr {
	if dst.Is4() && src.Is4() && !src.IsUnspecified() {
		return src
	}
	return loopback(dst)
}

// ListenerOf returns, among a host's sockets, the listener from which a
// connection came: the one that would take its SYN now, nil if none would.
func ListenerOf(sockets []Socket, c *Socket) *Socket {
	k := packet{carrier: sip.CarrierTCP, src: UnmapPort(c.Remote), dst: UnmapPort(c.Local), device: c.Device}
	return k.listening(sockets).Socket
}

// arrive returns the host that a packet from another one arrives at, nil if
// none, and the packet as it is then: where the snapshot knows of routes (its
// Topology), its source is chosen if it had none. Without them there is one
// network, and who has the address is reached by whoever has one of its family.
func (s *Snapshot) arrive(from string, p packet) (*HostSockets, packet) {
	if s.Topology == nil {
		host := s.reach(from, p.dst.Addr())
		if host != nil {
			p.device, p.outside = arrival(host, p.dst.Addr()), host.Host != from
		}
		return host, p
	}
	if s.Topology.machine(from) == nil {
		return nil, p
	}
	path := s.Topology.Route(from, p.src.Addr(), p.dst.Addr())
	host := s.Host(path.Host())
	if host == nil {
		return nil, p
	}
	p.outside = host.Host != from
	p.src, p.dst = netip.AddrPortFrom(path.Source, p.src.Port()), netip.AddrPortFrom(p.dst.Addr().WithZone(""), p.dst.Port())
	if p.device = path.Hops[len(path.Hops)-1].In; p.device == 0 {
		p.device = arrival(host, p.dst.Addr())
	}
	return host, p
}

// reach is arrive on one network: the owner of an address, if the sender has
// an address to send from.
func (s *Snapshot) reach(from string, a netip.Addr) *HostSockets {
	to := s.HostOf(from, a)
	if to == from {
		return s.Host(from)
	}
	sender := s.Host(from)
	if to == "" || sender == nil {
		return nil
	}
	for _, own := range sender.Addrs {
		if own.Is4() == a.Is4() {
			return s.Host(to)
		}
	}
	return nil
}

// loopbackDevice is lo's number in every network namespace (LOOPBACK_IFINDEX).
const loopbackDevice = 1

// arrival returns the device by which a packet to an address of a host arrives:
// the one that has the address, since every network has its own; 0 if the
// snapshot does not tell, which stands for any but lo. That goes for what a
// host sends to itself too, although it travels over lo (orig_oif in
// ip_route_output_key_hash_rcu, IP6CB(skb)->iif in ip6_rcv_core).
func arrival(h *HostSockets, a netip.Addr) uint32 {
	if a.IsLoopback() {
		return loopbackDevice
	}
	for i, at := range h.Addrs {
		if at == a && i < len(h.Devices) {
			return h.Devices[i]
		}
	}
	return 0
}

// packet is a SYN or a datagram on its arrival at a host.
type packet struct {
	carrier  sip.Carrier
	src, dst netip.AddrPort // unmapped
	device   uint32         // see arrival
	outside  bool           // it comes from another host
	wrong    Mistake        // 0, except in a wrong model
}

// lookup picks among the sockets of the host that the packet arrived at.
func (p *packet) lookup(sockets []Socket) Reached {
	r := p.lookupLate(sockets)
	if s := p.early(sockets); s != nil && s != r.Socket {
		return Reached{Socket: s, Also: append([]*Socket{r.Socket}, r.Also...), Rule: RuleEarly}
	}
	return r
}

// lookupLate is lookup without what is done early.
func (p *packet) lookupLate(sockets []Socket) Reached {
	exact := p.established(sockets)
	if exact.Socket != nil && exact.Socket.State != StateTimeWait {
		return exact
	}
	r := p.listening(sockets)
	switch {
	case exact.Socket != nil && r.Socket != nil:
		r.Rule = RuleTimeWait
	case exact.Socket != nil:
		r = Reached{Socket: exact.Socket, Rule: RuleTimeWaitOnly}
	}
	return r
}

// established finds the connection, or connected UDP socket, whose two ends are
// the packet's (__inet_lookup_established, udp4_lib_lookup4, inet_match). UDP
// knows several such sockets: of those in the table of flows the last that came
// into it has the packet. One that is not there under its present ends is left
// to listening.
func (p *packet) established(sockets []Socket) Reached {
	r := Reached{Rule: RuleExact}
	place := func(s *Socket) uint64 { return s.Order }
	if p.carrier == sip.CarrierUDP {
		r.Rule = RuleConnected
		place = func(s *Socket) uint64 { return s.Flow }
	}
	for i := range sockets {
		s := &sockets[i]
		switch {
		case !p.isEnd(s), p.carrier == sip.CarrierUDP && s.Flow == 0 && s.Order != 0:
		case r.Socket == nil || place(s) > place(r.Socket):
			r.Socket, r.Also = s, nil
		case place(s) == place(r.Socket):
			r.Also = append(r.Also, s)
		}
	}
	return r
}

// early finds the UDP socket that has a packet from outside before any other
// look-up: the first in its address's chain, if that one is connected to the
// sender (udp_v4_early_demux, udp_v6_early_demux). The machine's other sockets
// may be in that chain too, by accident: one in front of it, and the look-up
// goes on as ever.
func (p *packet) early(sockets []Socket) *Socket {
	if p.carrier == sip.CarrierTCP || !p.outside || p.wrong == EarlyIgnored {
		return nil
	}
	var first *Socket
	for i := range sockets {
		s := &sockets[i]
		if s.Carrier == sip.CarrierUDP && UnmapPort(s.Local) == p.dst && (first == nil || s.Order > first.Order) {
			first = s
		}
	}
	if first == nil || first.Order == 0 || !p.isEnd(first) {
		return nil
	}
	return first
}

// isEnd reports whether a socket is the conversation of which the packet is a
// part.
func (p *packet) isEnd(s *Socket) bool {
	return s.Carrier == p.carrier && s.Remote.Port() != 0 && s.State != StateListen &&
		(s.State != StateClose || s.Carrier == sip.CarrierUDP) &&
		UnmapPort(s.Local) == p.dst && UnmapPort(s.Remote) == p.src && p.deviceFits(s)
}

// listening finds the listener or UDP socket that takes the packet: first those
// that are bound to exactly its destination, then the wildcards
// (__inet_lookup_listener, __udp4_lib_lookup). A UDP socket that is connected
// to the packet's sender counts among them, with a score above all others'.
func (p *packet) listening(sockets []Socket) Reached {
	if r := p.walk(sockets, p.dst.Addr()); r.Socket != nil && !p.believesOther(sockets) {
		r.Rule = RuleSpecific
		if !r.Socket.Serves() {
			r.Rule = RuleConnected
		}
		return r
	}
	r := p.walk(sockets, unspecified(p.dst.Addr()))
	switch {
	case r.Socket == nil && p.wrong == ConnectionPortAccepts:
		return p.anyConnection(sockets)
	case r.Socket == nil:
		r.Rule = RuleNone
	case r.Socket.V6 && p.dst.Addr().Is4():
		r.Rule = RuleWildcardV6
	default:
		r.Rule = RuleWildcard
	}
	return r
}

// Serves reports whether a socket takes packets from whoever has no conversation
// with it: a listener, or a UDP socket that is not connected.
func (s *Socket) Serves() bool {
	if s.Carrier == sip.CarrierUDP {
		return s.State != StateEstablished
	}
	return s.State == StateListen
}

// anyConnection is what ConnectionPortAccepts believes.
func (p *packet) anyConnection(sockets []Socket) Reached {
	for i := range sockets {
		if s := &sockets[i]; s.Carrier == sip.CarrierTCP && p.carrier == sip.CarrierTCP && s.State == StateEstablished && UnmapPort(s.Local) == p.dst {
			return Reached{Socket: s, Rule: RuleExact}
		}
	}
	return Reached{Rule: RuleNone}
}

// believesOther is what WildcardBeatsSpecific believes.
func (p *packet) believesOther(sockets []Socket) bool {
	return p.wrong == WildcardBeatsSpecific && p.walk(sockets, unspecified(p.dst.Addr())).Socket != nil
}

// UnmapPort returns an address with an IPv4-mapped one as the IPv4 address that
// it stands for.
func UnmapPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func loopback(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
