package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
)

// Errors of sending that only routes know.
const (
	EACCES       Errno = "EACCES"       // prohibited
	EHOSTUNREACH Errno = "EHOSTUNREACH" // a route that says so, or nobody there
)

// refusalOf is what a route that sends nothing on answers (fib_props,
// fib6_prop).
func refusalOf(k scenario.RouteKind) Errno {
	return [...]Errno{scenario.Unicast: OK, scenario.UnreachableRoute: EHOSTUNREACH, scenario.ProhibitRoute: EACCES, scenario.BlackholeRoute: EINVAL}[k]
}

// find looks a destination up in the tables, after the local one
// (fib_rules_lookup, fib_table_lookup, fib6_table_lookup): those of policy
// routes in the order of the networks, if the source is known and of that
// network, then the main one. In a table the longest prefix wins, then the
// lowest metric. only, if not -1, is the one interface that may be used. It
// returns nil if there is no route.
func (t *Topology) find(m *machine, src, dst netip.Addr, only int) *fibRoute {
	for i := range t.s.Nets {
		from := t.s.Nets[i].Name
		if !src.IsValid() || !t.s.Prefix(from, scenario.FamilyOf(dst)).Contains(src) {
			continue
		}
		if r := m.best(from, dst, only); r != nil {
			return r
		}
	}
	return m.best("", dst, only)
}

func (m *machine) best(from string, dst netip.Addr, only int) (best *fibRoute) {
	for i := range m.routes {
		r := &m.routes[i]
		switch {
		case r.from != from || !r.to.Contains(dst):
		case only >= 0 && r.port != only:
		case best == nil || r.to.Bits() > best.to.Bits() || r.to.Bits() == best.to.Bits() && r.metric < best.metric:
			best = r
		}
	}
	return best
}

// addRoute makes the routes of a line, one for each family that the way has.
func (t *Topology) addRoute(line *scenario.HostRoute) {
	m := t.machine(line.Host)
	for _, f := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
		net, ok := t.s.Way(line, f)
		if !ok {
			continue
		}
		r := fibRoute{to: destination(t.s, line.To, f), from: line.From, kind: line.Kind, port: -1,
			metric: line.MetricIn(f), line: line}
		if line.Kind == scenario.Unicast {
			r.port = m.portOn(net)
		}
		if line.Via != "" {
			r.gateway = t.s.PlaceAddr(line.Via, firstPlace(t.s, net, f))
		}
		if src := t.s.PlaceAddr(line.Host, line.Source); src.IsValid() && scenario.FamilyOf(src) == f {
			r.source = src
		}
		m.routes = append(m.routes, r)
	}
}

// firstPlace is the first address of a family on a network.
func firstPlace(s *scenario.Scenario, net string, f scenario.Family) scenario.Place {
	p := scenario.Place{Net: net}
	if n, _ := s.Net(net); f == scenario.IPv6 && n.Family == scenario.DualStack {
		p.Family = scenario.IPv6
	}
	return p
}

// destination is the range of addresses that a route's To means.
func destination(s *scenario.Scenario, to string, f scenario.Family) netip.Prefix {
	switch {
	case to != scenario.ToAll:
		return s.Prefix(to, f)
	case f == scenario.IPv4:
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}

// connect adds the route to an interface's own network that comes with an
// address, unless it is there already (fib_add_ifaddr, addrconf_prefix_route).
// That of IPv4 names the address as the source, that of IPv6 names none.
func (m *machine) connect(i int, to netip.Prefix, a netip.Addr) {
	r := fibRoute{to: to, port: i, connected: true, metric: scenario.ConnectedMetric(scenario.FamilyOf(a))}
	if a.Is4() {
		r.source = a
	}
	for k := range m.routes {
		if old := &m.routes[k]; old.connected && old.port == i && old.to == to {
			return
		}
	}
	m.routes = append(m.routes, r)
}

// forget removes the routes that match.
func (m *machine) forget(match func(*fibRoute) bool) {
	var kept []fibRoute
	for i := range m.routes {
		if !match(&m.routes[i]) {
			kept = append(kept, m.routes[i])
		}
	}
	m.routes = kept
}
