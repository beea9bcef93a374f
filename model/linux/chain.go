package linux

import (
	"net/netip"
	"sort"

	"github.com/greka-sip/greka/model/sip"
)

// The chain of one bound address: who is in it, in which order, and which of
// them fits a packet best.

// walk goes through the chain of one bound address as the kernel does
// (inet_lhash2_lookup, udp4_lib_lookup2): a greater score wins, the first of
// equal ones stays, and a SO_REUSEPORT group that scores better than all before
// it ends the walk with one of its members, whatever comes later. In UDP it does
// not end it any more once a member was connected (reuseport_has_conns).
func (p *packet) walk(sockets []Socket, bound netip.Addr) Reached {
	chain, ordered := p.chain(sockets, bound)
	var r Reached
	best := -1
	for _, s := range chain {
		score := p.score(s)
		switch {
		case score < 0:
		case score > best:
			r.Socket, r.Also, best = s, nil, score
			if !s.grouped() || !s.Serves() {
				continue
			}
			r.Also = group(chain, s)
			if p.carrier == sip.CarrierTCP || !s.Mixed {
				return r
			}
		case score == best && !ordered:
			r.Also = append(r.Also, s)
		}
	}
	return r
}

// chain returns the sockets bound to an address and the packet's port, in the
// order of the kernel's hash chain, and whether that order is known.
func (p *packet) chain(sockets []Socket, bound netip.Addr) (chain []*Socket, ordered bool) {
	ordered = true
	for i := range sockets {
		s := &sockets[i]
		if s.Carrier == p.carrier && s.Local.Port() == p.dst.Port() && p.listed(s) && p.boundTo(s, bound) {
			chain = append(chain, s)
			ordered = ordered && s.Order != 0
		}
	}
	if ordered && len(chain) > 1 {
		sort.Slice(chain, func(i, j int) bool { return p.hashedBefore(chain[i], chain[j]) })
	}
	return chain, ordered
}

// grouped reports whether a socket stands for its SO_REUSEPORT group: it may
// have lost its group and kept the option, or the other way round
// (inet_lookup_reuseport).
func (s *Socket) grouped() bool { return s.ReusePort && s.Group != 0 }

// listed reports whether a socket is in the chains of bound addresses: listeners
// (lhash2), and every UDP socket (hash2).
func (p *packet) listed(s *Socket) bool {
	return s.Serves() || s.Carrier == sip.CarrierUDP
}

func (p *packet) hashedBefore(a, b *Socket) bool {
	if p.wrong == OldestUDPWins && p.carrier == sip.CarrierUDP {
		return a.Order < b.Order
	}
	return a.Order > b.Order
}

// boundTo reports whether a socket sits in the chain of an address. The IPv6
// wildcard sits in IPv4's chain too, and takes IPv4 unless it is v6only
// (ipv6_portaddr_hash, ipv6_only_sock).
func (p *packet) boundTo(s *Socket, a netip.Addr) bool {
	local := s.Local.Addr()
	if !a.Is4() {
		return s.V6 && local == a
	}
	if s.V6 && local.IsUnspecified() && local.Is6() {
		takes4 := !s.V6Only || p.wrong == V6OnlyIgnored
		return takes4 && a.IsUnspecified() && p.wrong != V6WildcardApart
	}
	return local.Unmap() == a
}

// score is how well a socket of the chain fits: -1 if it does not take the
// packet (compute_score in net/ipv4/inet_hashtables.c, net/ipv4/udp.c and
// their IPv6 twins). A socket that is bound to a device takes only what arrives
// there.
func (p *packet) score(s *Socket) int {
	if !p.deviceFits(s) {
		return -1
	}
	score, fits := p.peerScore(s)
	if !fits {
		return -1
	}
	if s.V6 == p.dst.Addr().Is6() {
		score++
	}
	if s.Device != 0 {
		score += deviceWeight(p.carrier, p.dst.Addr())
	}
	if s.Warm && p.wrong != WarmthIgnored {
		score++
	}
	return score
}

// peerScore is what a UDP socket's peer counts, and whether the packet may come
// from elsewhere. An IPv6 socket may have a peer's address without a port: see
// Socket.Remote. IPv4 knows nothing of that one.
func (p *packet) peerScore(s *Socket) (score int, fits bool) {
	switch {
	case s.Carrier == sip.CarrierTCP || !s.Remote.IsValid() || p.wrong == ConnectedUDPTakesAll:
		return 0, true
	case s.Serves() && p.dst.Addr().Is4():
		return 0, true
	}
	remote, weight := s.Remote, 1
	if p.dst.Addr().Is4() {
		remote, weight = UnmapPort(s.Remote), 4
	}
	if remote.Port() != 0 { // connected to port 0 it hears every port
		score, fits = weight, remote.Port() == p.src.Port()
	} else {
		fits = true
	}
	return score + weight, fits && remote.Addr() == p.src.Addr()
}

// deviceWeight is what a bound device counts beside the family's 1 or 2: as
// much in TCP, more in UDP over IPv4. (In IPv6 all in the chain are IPv6.)
func deviceWeight(t sip.Carrier, a netip.Addr) int {
	if t == sip.CarrierUDP && a.Is4() {
		return 4
	}
	return 1
}

// deviceFits tells whether a socket's device lets it take the packet
// (inet_sk_bound_dev_eq).
func (p *packet) deviceFits(s *Socket) bool {
	return s.Device == 0 || s.Device == p.device || p.device == 0 && s.Device != loopbackDevice ||
		p.wrong == DeviceIgnored
}

// group returns the other members of a socket's SO_REUSEPORT group: any of them
// may be picked, by a hash of the packet (reuseport_select_sock).
func group(chain []*Socket, s *Socket) []*Socket {
	var others []*Socket
	for _, o := range chain {
		if o != s && o.Group == s.Group && o.Serves() {
			others = append(others, o)
		}
	}
	return others
}
