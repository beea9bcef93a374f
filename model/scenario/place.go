package scenario

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Place names one address of a host without its number: "lan" is the first
// one that it has on network lan, "lan.2" the second, "lan/6" the IPv6 one
// where lan is dual stack, "lan/6.2" the second of those, "lan/link" the
// link-local one. The zero Place is none.
type Place struct {
	Net       string
	Family    Family // IPv6 on a dual-stack network, where 0 is IPv4; 0 on all others
	Nth       int    // 0 is the first, up to MaxNth
	LinkLocal bool
}

// MaxNth is the Nth of the last address that a host can have on one network
// in one family.
const MaxNth = 2

// String returns the place as a scenario has it.
func (p Place) String() string {
	out := p.Net
	switch {
	case p.LinkLocal:
		return out + "/link"
	case p.Family != 0:
		out += "/" + strconv.Itoa(int(p.Family))
	}
	if p.Nth != 0 {
		out += "." + strconv.Itoa(p.Nth+1)
	}
	return out
}

// ParsePlace reads what String wrote.
func ParsePlace(s string) (p Place, ok bool) {
	rest, nth, numbered := strings.Cut(s, ".")
	if numbered {
		n, err := strconv.Atoi(nth)
		if err != nil || n < 2 || n > MaxNth+1 || strconv.Itoa(n) != nth {
			return Place{}, false
		}
		p.Nth = n - 1
	}
	name, kind, said := strings.Cut(rest, "/")
	p.Net = name
	switch {
	case !said:
	case kind == "6":
		p.Family = IPv6
	case kind == "link" && !numbered:
		p.LinkLocal = true
	default:
		return Place{}, false
	}
	return p, validName(name)
}

const placeRule = "one of a host's addresses, as in lan, lan.2, lan/6, lan/6.2 or lan/link"

// Has reports whether a network of family f carries packets of another one,
// IPv4 or IPv6.
func (f Family) Has(one Family) bool {
	return f == one || f == DualStack && (one == IPv4 || one == IPv6)
}

// Families lists what a network carries.
func (f Family) Families() []Family {
	if f == DualStack {
		return []Family{IPv4, IPv6}
	}
	return []Family{f}
}

// familyOf is the family of a place on a network.
func (p Place) familyOf(n *Net) Family {
	switch {
	case p.LinkLocal:
		return IPv6
	case n.Family != DualStack:
		return n.Family
	case p.Family == IPv6:
		return IPv6
	}
	return IPv4
}

// PlaceAddr returns the address that a place of a host stands for, whether the
// host has it or not: addresses read as identities. Host 3 on the second
// network has 10.77.1.3 and fd77:1::3, then 10.77.1.103 and fd77:1::1:3, then
// 10.77.1.203 and fd77:1::2:3, and fe80::1:3. It is the zero Addr if the host
// is not on that network, the network does not carry that family, or there is
// no such number.
func (s *Scenario) PlaceAddr(host string, p Place) netip.Addr {
	h, hi := s.Host(host)
	n, ni := s.Net(p.Net)
	if h == nil || n == nil || !h.on(p.Net) || p.Nth < 0 || p.Nth > MaxNth {
		return netip.Addr{}
	}
	f := p.familyOf(n)
	switch {
	case p.LinkLocal && n.LinkLocal && n.Family.Has(IPv6):
		return netip.MustParseAddr(fmt.Sprintf("fe80::%x:%x", ni, hi+1))
	case p.LinkLocal, !n.Family.Has(f), p.Family != 0 && n.Family != DualStack, f == IPv4 && 100*p.Nth+number4(hi) > maxNumber4:
		return netip.Addr{}
	case f == IPv4:
		return address(f, ni, 100*p.Nth+number4(hi))
	}
	a := address(f, ni, hi+1).As16()
	a[13] = byte(p.Nth)
	return netip.AddrFrom16(a)
}

// maxNumber4 is the highest number of a host in 10.77.1.0/24.
const maxNumber4 = 254

// number4 is a host's number in an IPv4 address: that of the host, or from the
// 255th on what is left of it. Such hosts are on networks of their own.
func number4(host int) int { return host%maxNumber4 + 1 }

// Prefix is the network's range of addresses in a family, 10.77.1.0/24 or
// fd77:1::/64; the zero Prefix if it does not carry that family.
func (s *Scenario) Prefix(net string, f Family) netip.Prefix {
	n, ni := s.Net(net)
	if n == nil || !n.Family.Has(f) || f == DualStack {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(address(f, ni, 0), PrefixBits(f))
}

// PrefixBits is how long the prefix of a network is.
func PrefixBits(f Family) int {
	if f == IPv4 {
		return 24
	}
	return 64
}

// on reports whether the host is attached to a network.
func (h *Host) on(net string) bool { return h.Device(net) != 0 }

// FirstDevice is the number of a host's first interface in a lab, the next one
// has the next number.
const FirstDevice = 2

// Device is the number of the host's interface on a network, 0 if it has none.
func (h *Host) Device(net string) uint32 {
	for i, n := range h.Nets {
		if n == net {
			return FirstDevice + uint32(i)
		}
	}
	return 0
}

// Places lists the addresses that a host has at the start, interface by
// interface: in each the link-local one first, then IPv4 and IPv6, the first
// of each, then what addr lines add.
func (s *Scenario) Places(host string) (all []Place) {
	h, _ := s.Host(host)
	if h == nil {
		return nil
	}
	for _, name := range h.Nets {
		n, _ := s.Net(name)
		if n == nil {
			continue
		}
		if n.LinkLocal {
			all = append(all, Place{Net: name, LinkLocal: true})
		}
		for _, first := range n.firsts() {
			f := first.familyOf(n)
			all = append(all, first)
			for i := range s.Addrs {
				a := &s.Addrs[i]
				if a.Host == host && a.Place.Net == name && a.Place.Nth > 0 && a.Place.familyOf(n) == f {
					all = append(all, a.Place)
				}
			}
		}
	}
	return all
}

// firsts lists the first place of each family on a network.
func (n *Net) firsts() []Place {
	if n.Family == DualStack {
		return []Place{{Net: n.Name}, {Net: n.Name, Family: IPv6}}
	}
	return []Place{{Net: n.Name}}
}
