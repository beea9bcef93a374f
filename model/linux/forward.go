package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
)

// arrive is what a host does with a packet that came by an interface
// (ip_route_input_slow, ip6_route_input).
func (w *walk) arrive() {
	m := w.machine()
	switch {
	case !m.ports[w.in].up:
		w.end(LinkDown)
	case w.src.Is6() && w.src.IsLoopback(): // ip6_rcv_core
		w.end(Martian)
	case m.portOf(w.dst, w.in) >= 0: // on whichever interface it is: the weak host model (RFC 1122 3.3.4.2)
		w.admit()
	case m.dead(w.dst):
		w.end(DeadAddress)
	default:
		w.forward()
	}
}

// forward is what a host does with a packet that is not for itself
// (__mkroute_input, ip_forward, ip6_forward).
func (w *walk) forward() {
	m, only := w.machine(), -1
	if w.dst.IsLinkLocalUnicast() { // rt6_need_strict: back to the link that it came from
		only = w.in
	}
	r := w.t.find(m, w.src, w.dst, only)
	switch {
	case r == nil:
		w.end(NoRoute)
	case r.kind != scenario.Unicast:
		w.end(Refused)
	case !m.forward:
		w.end(NotForwarding)
	case w.src.IsLinkLocalUnicast() && r.port != w.in: // ip6_forward looks only where it could not redirect
		w.end(ScopeExceeded)
	case !w.admit():
	case len(w.path.Hops) > hopLimit:
		w.end(Looping)
	default:
		w.leave(r)
	}
}

// admit looks at a packet's source, over IPv4 only (fib_validate_source).
func (w *walk) admit() bool {
	m := w.machine()
	if !w.src.Is4() {
		return true
	}
	if m.portOf(w.src, -1) >= 0 {
		w.end(Martian)
		return false
	}
	if !m.expects(w.t, w.src, w.dst, w.in) {
		w.end(ReversePathed)
		return false
	}
	return true
}

// expects is rp_filter's question: would a packet back to the source, from
// this destination, leave by the interface by which the packet came? A host
// that is loose is content with any way back (__fib_validate_source).
func (m *machine) expects(t *Topology, src, dst netip.Addr, in int) bool {
	if m.reverse == scenario.ReversePathOff {
		return true
	}
	r := t.find(m, dst, src, -1)
	switch {
	case r == nil || r.kind != scenario.Unicast:
		return false
	case r.port == in:
		return true
	}
	return m.reverse == scenario.ReversePathLoose && m.ports[in].primary().IsValid() // no_addr
}
