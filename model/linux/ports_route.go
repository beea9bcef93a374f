package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// way is how a packet of a socket goes: from where to where, or why it does
// not go at all. A silent one is sent and heard by nobody.
type way struct {
	src, dst netip.Addr // unmapped
	host     int        // the host that dst belongs to, -1 if it is silent
	err      Errno
}

// route finds the way to an address (ip_route_output_key_hash_rcu,
// ip6_dst_lookup_tail, and what tcp_v4_connect, tcp_v6_connect,
// __ip4_datagram_connect, __ip6_datagram_connect check before).
func (p *Ports) route(r ref, dst netip.Addr) way {
	s := p.socket(r)
	bound := s.Local.Addr()
	if !bound.IsValid() || bound.Unmap().IsUnspecified() {
		bound = netip.Addr{}
	}
	switch {
	case !s.V6 && dst.Is6():
		p.hit(ruleOtherFamily)
		return way{err: EAFNOSUPPORT}
	case s.V6 && dst.Is4() && s.V6Only:
		p.hit(ruleV6OnlyTo4)
		return way{err: ENETUNREACH}
	case s.V6 && dst.Is4() && bound.Is6() && !bound.Is4In6():
		panic(undecided("an IPv6 UDP socket that was connected to IPv6 sends to IPv4"))
	case dst.IsUnspecified():
		p.hit(ruleToUnspecified)
		dst = p.hereInstead(s, bound, dst)
	case s.V6 && dst.Is6() && s.Local.Addr().Is4In6(): // ::ffff:0.0.0.0 too
		w := p.routeFrom(r, netip.Addr{}, dst)
		if w.err == OK {
			p.hit(ruleMappedTo6)
			w.err = EAFNOSUPPORT
		}
		return w
	}
	return p.routeFrom(r, bound.Unmap(), dst)
}

// hereInstead is what 0.0.0.0 or :: means as a destination: the socket's own
// IPv4 address, or loopback.
func (p *Ports) hereInstead(s *Socket, bound, dst netip.Addr) netip.Addr {
	switch {
	case dst.Is4() && bound.IsValid():
		return bound.Unmap()
	case dst.Is6() && s.Local.Addr().Is4In6():
		return loopback(netip.IPv4Unspecified())
	}
	return loopback(dst)
}

func (p *Ports) routeFrom(r ref, bound, dst netip.Addr) way {
	s := p.socket(r)
	if s.Device != 0 && !(p.leadsTo(r.host, s.Device, dst) && (!bound.IsValid() || p.leadsTo(r.host, s.Device, bound))) {
		panic(undecided("a socket sends where its device does not lead, or from an address that its device has not got"))
	}
	w := way{src: bound, dst: dst, host: -1}
	switch {
	case bound.IsValid() && !p.local(r.host, bound):
		p.hit(ruleSourceGone)
		w.err = ENETUNREACH
		if bound.Is6() {
			panic(undecided("an IPv6 socket sends from an address that is gone"))
		}
	case p.topology != nil && !dst.IsLoopback():
		p.routed(r, &w)
	case dst.IsLoopback() || p.ownAddr(r.host, dst) >= 0:
		w.host = r.host
		if !bound.IsValid() {
			w.src = dst
			if dst.IsLoopback() {
				w.src = loopback(dst)
			}
		}
	default:
		p.routeOut(r, &w)
	}
	return w
}

// routeOut finds the way to another host.
func (p *Ports) routeOut(r ref, w *way) {
	own := p.neighbour(r.host, w.dst)
	switch {
	case !own.IsValid():
		p.hit(ruleNoRoute)
		w.err = ENETUNREACH
	case w.src.IsLoopback() && w.src.Is4():
		p.hit(ruleLoopbackOut)
		w.err = EINVAL
	case w.src.IsLoopback():
		panic(undecided("::1 sends to another host"))
	default:
		if !w.src.IsValid() {
			w.src = own
		}
		for h := range p.hosts {
			if p.ownAddr(h, w.dst) >= 0 {
				w.host = h
			}
		}
		if w.host < 0 {
			p.hit(ruleNobodyThere)
		}
	}
}

// routed finds the way where Topology knows it, also to the host itself: there
// the source of what goes to a further address is the first one. A packet whose answer would not come back
// is as good as lost.
func (p *Ports) routed(r ref, w *way) {
	there, back := p.topology.Reach(p.hosts[r.host].Host, w.src, w.dst)
	w.src, w.err = there.Source, there.Errno
	if w.err != OK || there.End != Delivered || back.End != Delivered {
		return
	}
	for h := range p.hosts {
		if p.hosts[h].Host == there.Host() {
			w.host = h
		}
	}
}

// change plays what befalls addresses, links and routes: what has been bound
// stays as it is.
func (p *Ports) change(step scenario.Step) Errno {
	if p.topology == nil {
		p.topology = NewTopology(p.scenario)
	}
	p.topology = p.topology.Clone() // snapshots keep the one that was
	p.topology.Apply(step)
	for i := range p.hosts {
		p.hosts[i].Addrs, p.hosts[i].Devices = p.topology.Addrs(p.hosts[i].Host)
	}
	return OK
}

// neighbour returns a host's own address on the network of another address,
// the zero Addr if it is not on it.
func (p *Ports) neighbour(host int, a netip.Addr) netip.Addr {
	for _, own := range p.hosts[host].Addrs {
		if own.Is4() != a.Is4() {
			continue
		}
		bits := 64
		if own.Is4() {
			bits = 24
		}
		if prefix, err := own.Prefix(bits); err == nil && prefix.Contains(a) {
			return own
		}
	}
	return netip.Addr{}
}

// leadsTo reports whether an address is a device's own or on its network.
func (p *Ports) leadsTo(host int, device uint32, dst netip.Addr) bool {
	if dst.IsLoopback() {
		return device == loopbackDevice
	}
	own := p.neighbour(host, dst)
	i := p.ownAddr(host, own)
	return i >= 0 && p.hosts[host].Devices[i] == device
}

// packet is what arrives at a way's end.
func (p *Ports) packet(r ref, w way, srcPort, dstPort uint16) packet {
	k := packet{carrier: p.socket(r).Carrier, outside: w.host != r.host, wrong: p.wrong,
		src: netip.AddrPortFrom(w.src, srcPort), dst: netip.AddrPortFrom(w.dst, dstPort)}
	k.device = arrival(&p.hosts[w.host].HostSockets, w.dst)
	return k
}

// arrives looks up who takes a packet at a host. The socket's index is -1 if
// nobody does.
func (p *Ports) arrives(host int, k packet) (ref, string) {
	found := k.lookup(p.hosts[host].Sockets)
	p.reached.rule(found.Rule)
	if found.Socket == nil {
		return ref{host, -1}, found.Rule
	}
	pick := found.Socket
	if n := len(found.Also); n > 0 {
		p.branches, p.early = n+1, found.Rule == RuleEarly
		if c := p.choice % (n + 1); c > 0 {
			pick = found.Also[c-1]
		}
	}
	for i := range p.hosts[host].Sockets {
		if &p.hosts[host].Sockets[i] == pick {
			return ref{host, i}, found.Rule
		}
	}
	panic("linux: a look-up found a socket of another host")
}

// carrierPort is a port of a carrier.
type carrierPort struct {
	Carrier sip.Carrier
	Port    uint16
}

// isFiltered reports whether a host drops what comes to a port from outside.
func (p *Ports) isFiltered(from, to int, t sip.Carrier, port uint16) bool {
	if from == to {
		return false
	}
	for _, f := range p.hosts[to].filtered {
		if f.Carrier == t && f.Port == port {
			return p.met(ruleFiltered)
		}
	}
	return false
}

// filter drops what comes to a port from now on.
func (p *Ports) filter(st scenario.FilterPort) Errno {
	for h := range p.hosts {
		if p.hosts[h].Host == st.Host {
			p.hosts[h].filtered = append(p.hosts[h].filtered, carrierPort{st.Carrier, st.Port})
		}
	}
	return OK
}

// removeAddr takes an address from a host. Its sockets stay as they are:
// nobody tells them (inet_del_ifa, addrconf_del_ifaddr).
func (p *Ports) removeAddr(st scenario.RemoveAddr) Errno {
	for h := range p.hosts {
		if p.hosts[h].Host != st.Host {
			continue
		}
		i := p.ownAddr(h, st.Addr)
		if i < 0 {
			p.hit(ruleRemoveNone)
			return EADDRNOTAVAIL
		}
		p.hit(ruleRemoveAddr)
		at := &p.hosts[h]
		at.Addrs = append(at.Addrs[:i:i], at.Addrs[i+1:]...)
		at.Devices = append(at.Devices[:i:i], at.Devices[i+1:]...)
		if p.topology != nil {
			p.topology = p.topology.Clone()
			p.topology.Apply(st)
		}
	}
	return OK
}
