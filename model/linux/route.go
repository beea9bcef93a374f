package linux

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// Ending says what becomes of a packet.
type Ending uint8

// The endings.
const (
	Delivered     Ending = iota // a host's stack takes it
	NoRoute                     // a host knows no way
	Refused                     // a route says unreachable, prohibit or blackhole
	NotForwarding               // it came to a host that is no router and not meant
	ReversePathed               // rp_filter: it came from where its source is not expected
	Martian                     // its source is an address of the host that it came to, or loopback
	NobodyThere                 // nobody on the last network answers for the address
	DeadAddress                 // the host is there, but its address is tentative or duplicate
	LinkDown                    // the interface that should take it is down
	Looping                     // routers sent it round until its hop limit was used up
	NoSource                    // the sender has no address to send it from
	SourceGone                  // the source is no address of the sender
	NeedsZone                   // link-local, and nobody said on which link, or on two
	ScopeExceeded               // link-local, and a router would have to forward it
	OtherLink                   // a socket that is bound to one link was answered on another
	OtherFamily                 // source and destination are not of one family
)

var endings = [...]string{"delivered", "no route", "a route that refuses", "not forwarding", "dropped by rp_filter",
	"an impossible source", "nobody there", "a dead address", "the link is down", "a routing loop", "no source address",
	"the source address is gone", "a link-local address without its link", "a link-local packet cannot be forwarded",
	"an answer on another link", "another address family"}

// String says it for people.
func (e Ending) String() string {
	if int(e) < len(endings) {
		return endings[e]
	}
	return "?"
}

// Path is the way of one packet.
type Path struct {
	Source netip.Addr // the packet's source; the kernel's choice if it was not given
	Hops   []Hop      // the sender, then every host that it came to
	End    Ending
	// Errno is what the sender's bind to the source, or its connect, returns
	// at once; OK if the packet left. (A socket that was bound while it still
	// had its source is told EINVAL over IPv4, and sends on over IPv6.)
	Errno Errno
	// Wavers is set where that is so at first only: the gateway of the way
	// does not answer, and once an IPv6 host that is no router has noticed it
	// takes another route that it has (RFC 4861 7.3.3, rt6_check_neigh).
	Wavers bool
}

// Hop is one host on a path, and the interfaces by which the packet came and
// went. 0 is none: the sender's In, the receiver's Out. What a host sends to
// itself has neither.
type Hop struct {
	Host    string
	In, Out uint32
}

// Host is the host whose stack takes the packet, "" if none does.
func (p *Path) Host() string {
	if p.End != Delivered {
		return ""
	}
	return p.At()
}

// At is the last host that the packet came to.
func (p *Path) At() string { return p.Hops[len(p.Hops)-1].Host }

// manyHops is the length of a path that has gone wrong.
const manyHops = 8

// String is one line: "box eth0 > eth1 r1 eth0 > eth0 pub: no route".
func (p *Path) String() string {
	var b strings.Builder
	for i, h := range p.Hops {
		if i == manyHops {
			fmt.Fprintf(&b, " > … (%d hosts)", len(p.Hops))
			break
		}
		if i > 0 {
			b.WriteString(" > ")
		}
		if h.In != 0 {
			fmt.Fprintf(&b, "eth%d ", h.In-scenario.FirstDevice)
		}
		b.WriteString(h.Host)
		if h.Out != 0 {
			fmt.Fprintf(&b, " eth%d", h.Out-scenario.FirstDevice)
		}
	}
	return b.String() + ": " + p.End.String()
}

// hopLimit is the hosts that a packet may come to (ip_default_ttl, hop_limit).
const hopLimit = 64

// Route says what becomes of the first packet that a host sends to an address
// with connect(2), from a source address or, if that is the zero Addr or
// unspecified, from the one that the kernel chooses. A link-local address
// carries its interface as a zone ("fe80::1:3%eth0"); an IPv4-mapped one is
// IPv4. Route panics if there is no such host.
func (t *Topology) Route(host string, src, dst netip.Addr) Path {
	w := walk{t: t, src: src.Unmap().WithZone(""), dst: dst.Unmap().WithZone(""), host: t.index(host)}
	w.path.Hops = []Hop{{Host: host}}
	if src.IsUnspecified() {
		w.src = netip.Addr{}
	}
	w.zones = src.Zone() != "" && dst.Zone() != "" && src.Zone() != dst.Zone()
	w.send(zoneOf(src, dst))
	w.path.Source = w.src
	return w.path
}

// Reach says what becomes of a TCP connection's first packet, and, if that is
// delivered, of the answer to it. A connection comes to be if both are.
func (t *Topology) Reach(host string, src, dst netip.Addr) (there, back Path) {
	there = t.Route(host, src, dst)
	if there.End != Delivered {
		return there, Path{}
	}
	last, to := there.Hops[len(there.Hops)-1], there.Source
	from, only := dst.Unmap().WithZone(""), zoneOf(src, dst)
	if from.IsUnspecified() {
		from = loopback(from)
	}
	switch {
	case !to.IsLinkLocalUnicast():
	case last.In != 0: // tcp_v6_init_req
		to = to.WithZone(fmt.Sprintf("eth%d", last.In-scenario.FirstDevice))
	case only >= 0:
		to = to.WithZone(fmt.Sprintf("eth%d", only))
	}
	back = t.Route(last.Host, from, to)
	if only >= 0 && back.End == Delivered && t.arrival(&back, there.Source) != only {
		back.End = OtherLink
	}
	return there, back
}

// arrival is the interface by which a delivered packet came, or, if its host
// sent it to itself, the one that has its address.
func (t *Topology) arrival(p *Path, dst netip.Addr) int {
	if in := p.Hops[len(p.Hops)-1].In; in != 0 {
		return int(in - scenario.FirstDevice)
	}
	return t.machine(p.At()).portOf(dst, -1)
}

func (t *Topology) index(host string) int {
	for i := range t.machines {
		if t.machines[i].name == host {
			return i
		}
	}
	panic("linux: no host " + host)
}

// zoneOf is the interface that one of two addresses names, -1 if neither does.
func zoneOf(addrs ...netip.Addr) int {
	for _, a := range addrs {
		number, ok := strings.CutPrefix(a.Zone(), "eth")
		if n, err := strconv.Atoi(number); ok && err == nil {
			return n
		}
	}
	return -1
}

// walk is a packet on its way.
type walk struct {
	t        *Topology
	path     Path
	src, dst netip.Addr
	host     int  // where it is
	in       int  // the interface by which it came
	zones    bool // source and destination are on different links
}

func (w *walk) machine() *machine { return &w.t.machines[w.host] }
func (w *walk) end(e Ending)      { w.path.End = e }

// fail ends the packet before it has left its sender.
func (w *walk) fail(e Ending, errno Errno) {
	w.path.End, w.path.Errno = e, errno
}

// send is what the sender does.
func (w *walk) send(only int) {
	dst := w.dst
	switch {
	case dst.IsUnspecified():
		w.dst = loopback(dst)
	case w.src.IsValid() && w.src.Is4() != dst.Is4():
		w.fail(OtherFamily, EAFNOSUPPORT)
		return
	}
	if w.dst.Is4() {
		w.send4()
	} else {
		w.send6(only)
	}
}

// send4 is ip_route_output_key_hash_rcu, twice if the kernel has to choose the
// source: policy routes see it the second time only (ip_route_connect).
func (w *walk) send4() {
	m := w.machine()
	if w.src.IsValid() && !w.src.IsLoopback() && m.portOf(w.src, -1) < 0 { // inet_bind
		w.fail(SourceGone, EADDRNOTAVAIL)
		return
	}
	if w.toSelf(-1) {
		return
	}
	if w.src.IsLoopback() {
		w.fail(SourceGone, EINVAL)
		return
	}
	r := w.t.find(m, w.src, w.dst, -1)
	if !w.src.IsValid() && w.usable(r) {
		w.src = m.source4(r)
		r = w.t.find(m, w.src, w.dst, -1)
	}
	if w.usable(r) {
		w.leave(r)
	}
}

// send6 is ip6_dst_lookup_tail. The route that was found before the source was
// chosen stays, unlike with IPv4; only if there was none is it looked up anew.
func (w *walk) send6(only int) {
	m := w.machine()
	switch {
	case w.src.IsValid() && !w.src.IsLoopback() && m.portOf(w.src, only) < 0: // inet6_bind: ipv6_chk_addr
		w.fail(SourceGone, EADDRNOTAVAIL)
		return
	case w.dst.IsLinkLocalUnicast() && only < 0, w.zones: // tcp_v6_connect
		w.fail(NeedsZone, EINVAL)
		return
	case w.toSelf(only):
		return
	}
	r := w.t.find(m, w.src, w.dst, only)
	if !w.src.IsValid() {
		out := -1
		if r != nil && r.kind == scenario.Unicast {
			out = r.port
		} else {
			r = nil
		}
		if w.src = m.source6(r, w.dst, out); !w.src.IsValid() {
			w.fail(NoSource, EADDRNOTAVAIL)
			return
		}
		if r == nil {
			r = w.t.find(m, w.src, w.dst, only)
		}
	}
	if w.usable(r) {
		w.leave(r)
	}
}

// toSelf delivers what a host sends to an address of its own. The source of
// IPv4 is the interface's first address, which the route to each of them names
// (fib_add_ifaddr); that of IPv6 is the address itself.
func (w *walk) toSelf(only int) bool {
	m := w.machine()
	i := m.portOf(w.dst, only)
	switch {
	case i < 0 && !w.dst.IsLoopback():
		return false
	case only >= 0 && i != only: // RT6_LOOKUP_F_IFACE: the route to an own address leads over its interface
		return false
	}
	switch {
	case w.src.IsValid():
	case w.dst.IsLoopback():
		w.src = loopback(w.dst)
	case w.dst.Is4():
		w.src = m.ports[i].primary()
	default:
		w.src = w.dst
	}
	return true
}

// usable reports whether a route sends on, and fails if not.
func (w *walk) usable(r *fibRoute) bool {
	switch {
	case r == nil:
		w.fail(NoRoute, ENETUNREACH)
		return false
	case r.kind != scenario.Unicast:
		w.fail(Refused, refusalOf(r.kind))
		return false
	}
	return true
}

// leave sends the packet by a route, to whoever takes it next.
func (w *walk) leave(r *fibRoute) {
	hop := &w.path.Hops[len(w.path.Hops)-1]
	hop.Out = scenario.FirstDevice + uint32(r.port)
	next := w.dst
	if r.gateway.IsValid() {
		next = r.gateway
	}
	net := w.machine().ports[r.port].net
	to, ok := w.t.neighbour(w.machine(), r.port, next)
	if !ok {
		w.end(NobodyThere)
		w.path.Wavers = r.gateway.Is6() && !w.machine().forward && w.hasOther(r)
		if r.gateway.IsValid() || !w.deadThere(net) {
			return
		}
		w.end(DeadAddress)
		return
	}
	w.host, w.in = to, w.t.machines[to].portOn(net)
	w.path.Hops = append(w.path.Hops, Hop{Host: w.machine().name, In: scenario.FirstDevice + uint32(w.in)})
	w.arrive()
}

// hasOther reports whether the host has a route beside r to the destination.
func (w *walk) hasOther(r *fibRoute) bool {
	for i := range w.machine().routes {
		if o := &w.machine().routes[i]; o != r && o.to.Contains(w.dst) {
			return true
		}
	}
	return false
}

// deadThere reports whether a host on the network has the destination, dead.
func (w *walk) deadThere(net string) bool {
	for i := range w.t.machines {
		if m := &w.t.machines[i]; m.portOn(net) >= 0 && m.dead(w.dst) {
			return true
		}
	}
	return false
}

// neighbour finds the host that answers for an address on a network. Over IPv4
// a host answers for all its addresses on every interface (arp_process,
// arp_ignore 0), over IPv6 for those of the interface that are in force
// (ndisc_recv_ns). Who answered once is remembered.
func (t *Topology) neighbour(m *machine, out int, a netip.Addr) (host int, ok bool) {
	net := m.ports[out].net
	if i, ok := t.known[netAddr{net, a}]; ok && &t.machines[i] != m {
		return i, true
	}
	for i := range t.machines {
		other := &t.machines[i]
		at := other.portOn(net)
		if at < 0 || other == m || !other.ports[at].up {
			continue
		}
		if on := other.portOf(a, at); on == at || on >= 0 && a.Is4() {
			return i, true
		}
	}
	return 0, false
}
