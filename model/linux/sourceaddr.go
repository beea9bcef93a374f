package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
)

// primary is the IPv4 address that speaks for an interface: the first one that
// it got (inet_select_addr; all others on its network are IFA_F_SECONDARY).
func (p *port) primary() netip.Addr {
	for _, a := range p.addrs {
		if a.Is4() {
			return a.Addr
		}
	}
	return netip.Addr{}
}

// source4 is the source that an IPv4 packet gets which has none
// (fib_result_prefsrc).
func (m *machine) source4(r *fibRoute) netip.Addr {
	if r.source.IsValid() {
		return r.source
	}
	return m.ports[r.port].primary()
}

// source6 chooses the source of an IPv6 packet that has none: that of the
// route, or the best by RFC 6724 5 as Linux has it (ip6_route_get_saddr,
// ipv6_dev_get_saddr, ipv6_get_saddr_eval). out is the interface it leaves by,
// -1 if that is not known. For a link-local destination only the addresses of
// that interface are candidates, if it is known. Of equally good ones the first
// stays, in the order in which the interfaces were made: in a lab that of the
// networks.
func (m *machine) source6(r *fibRoute, dst netip.Addr, out int) netip.Addr {
	if r != nil && r.source.IsValid() {
		return r.source
	}
	best := netip.Addr{}
	bestScore := [5]int{}
	if !dst.IsLinkLocalUnicast() || out < 0 { // lo's own, the last resort
		best = netip.IPv6Loopback()
		bestScore = score6(ownAddr{Addr: best}, false, dst)
	}
	for _, i := range m.made {
		if dst.IsLinkLocalUnicast() && out >= 0 && i != out {
			continue
		}
		for _, a := range m.ports[i].addrs {
			if !a.Is6() || a.fate.Dead() {
				continue
			}
			if score := score6(a, i == out, dst); !best.IsValid() || better(score, bestScore) {
				best, bestScore = a.Addr, score
			}
		}
	}
	return best
}

// score6 rates a candidate by those of RFC 6724's rules that can tell two
// addresses of a lab apart: 1 same address, 2 scope, 3 not deprecated, 5
// outgoing interface, 8 longest matching prefix, which Linux does not count
// beyond the address's own prefix. (All have one label but the link-local
// ones, which rule 2 has told apart.)
func score6(a ownAddr, out bool, dst netip.Addr) [5]int {
	var s [5]int
	if a.Addr == dst {
		s[0] = 1
	}
	s[1] = scopeScore(a.Addr, dst)
	if a.fate != scenario.Deprecated {
		s[2] = 1
	}
	if out {
		s[3] = 1
	}
	s[4] = min(commonBits(a.Addr, dst), scenario.PrefixBits(scenario.IPv6))
	return s
}

// scopeScore prefers the smallest scope that is large enough for the
// destination, then the largest one (IPV6_SADDR_RULE_SCOPE).
func scopeScore(a, dst netip.Addr) int {
	const link, global = 2, 14
	scope := func(a netip.Addr) int {
		if a.IsLinkLocalUnicast() || a.IsLoopback() {
			return link
		}
		return global
	}
	if have, need := scope(a), scope(dst); have >= need {
		return -have
	} else {
		return have - 128
	}
}

// better compares scores rule by rule. The first of equal ones stays.
func better(a, b [5]int) bool {
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

func commonBits(a, b netip.Addr) (n int) {
	x, y := a.As16(), b.As16()
	for i := range x {
		for bit := 7; bit >= 0; bit-- {
			if (x[i]^y[i])>>bit&1 != 0 {
				return n
			}
			n++
		}
	}
	return n
}
