package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// bucket is what the kernel remembers of a TCP port beside its sockets
// (struct inet_bind_bucket): the last socket that was bound with SO_REUSEPORT
// next to others.
type bucket struct {
	port   uint16
	strict bool   // there is such a socket (FASTREUSEPORT_STRICT)
	last   Socket // it
}

// bucket returns the bucket of a socket's port, a new one if no other socket
// has the port.
func (p *Ports) bucket(r ref) *bucket {
	h := &p.hosts[r.host]
	port := p.socket(r).Local.Port()
	at := -1
	for i := range h.buckets {
		if h.buckets[i].port == port {
			at = i
		}
	}
	if at < 0 {
		h.buckets = append(h.buckets, bucket{port: port})
		return &h.buckets[len(h.buckets)-1]
	}
	for i := range h.Sockets {
		if i != r.socket && p.holdsPort(ref{r.host, i}, sip.CarrierTCP, port) {
			return &h.buckets[at]
		}
	}
	if p.socket(r).State != StateListen {
		h.buckets[at] = bucket{port: port}
	}
	return &h.buckets[at]
}

// vouchesFor is sk_reuseport_match: a socket with SO_REUSEPORT whose address is
// that of the last one needs no other check. A wildcard vouches for every
// address of its family, and 0.0.0.0 for :: too.
func (b *bucket) vouchesFor(s *Socket) bool {
	return b.strict && s.ReusePort && addrEqual(&b.last, s, true, false)
}

// remember is inet_csk_update_fastreuse.
func (b *bucket) remember(s *Socket) {
	b.strict = s.ReusePort
	if s.ReusePort {
		b.last = *s
	}
}

// clash reports whether two sockets' addresses have an address in common, so
// that only one of them can have the port. The first is being bound.
func (p *Ports) clash(r, o ref) bool {
	a, b := p.socket(r), p.socket(o)
	if p.wrong == V6WildcardApart && a.V6 != b.V6 {
		return false
	}
	switch {
	case !addrEqual(a, b, true, true):
		p.hit(ruleNoClash)
		return false
	case a.Local.Addr().Unmap() == b.Local.Addr().Unmap():
		p.hit(ruleClashSame)
	case !a.V6 && b.V6 && !b.Local.Addr().Unmap().Is4() && !b.Local.Addr().IsUnspecified():
		p.hit(ruleClashConnected6)
	default:
		p.hit(ruleClashWildcard)
	}
	return true
}

// addrEqual is inet_rcv_saddr_equal. A wildcard has every address of its
// family, and an IPv6 one every IPv4 address too unless it is v6only; any1 and
// any2 say whose wildcards count. IPv4 compares the IPv4 address that every
// IPv6 socket has on the side as well, hence ruleClashConnected6.
func addrEqual(a, b *Socket, any1, any2 bool) bool {
	if !a.V6 || inFour(a) && inFour(b) {
		x, y := sideAddr(a), sideAddr(b)
		return !v6only(b) && (x == y || any1 && x.IsUnspecified() || any2 && y.IsUnspecified())
	}
	x, y := a.Local.Addr(), b.Local.Addr()
	any6 := b.V6 && y.IsUnspecified()
	switch {
	case x.IsUnspecified() && any6:
		return true
	case any6 && any2 && !(v6only(b) && inFour(a)):
		return true
	case x.IsUnspecified() && any1 && !(v6only(a) && inFour(b)):
		return true
	}
	return b.V6 && x == y
}

// inFour reports whether a socket's own address is an IPv4 one.
func inFour(s *Socket) bool { return !s.V6 || s.Local.Addr().Is4In6() }

func v6only(s *Socket) bool { return s.V6 && s.V6Only }

// sideAddr is the IPv4 address of a socket (sk_rcv_saddr). One that has an IPv6
// address has a stand-in there that no other socket has (LOOPBACK4_IPV6).
func sideAddr(s *Socket) netip.Addr {
	a := s.Local.Addr()
	switch {
	case a.Unmap().Is4():
		return a.Unmap()
	case a.IsUnspecified():
		return netip.IPv4Unspecified()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 6})
}
