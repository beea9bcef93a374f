package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
)

// Apply plays what a step does to addresses, links and routes. Steps that do
// nothing to them change nothing.
func (t *Topology) Apply(step scenario.Step) {
	switch st := step.(type) {
	case scenario.SetLink:
		m := t.machine(st.Host)
		if i := m.portOn(st.Net); st.Up != m.ports[i].up {
			m.setLink(t.s, i, st.Up)
		}
		t.notice()
	case scenario.Assign:
		t.machine(st.Host).assign(t.s, st.Place, t.s.PlaceAddr(st.Host, st.Place), scenario.Usable)
	case scenario.Unassign:
		t.machine(st.Host).unassign(t.s.PlaceAddr(st.Host, st.Place), t.machine(st.Host).portOn(st.Place.Net))
		t.notice()
	case scenario.Renumber:
		t.Apply(scenario.Unassign{Host: st.Host, Place: st.Old})
		t.Apply(scenario.Assign{Host: st.Host, Place: st.New})
	case scenario.RemoveAddr:
		m := t.machine(st.Host)
		if i := m.portOf(st.Addr, -1); i >= 0 {
			m.unassign(st.Addr, i)
		}
	case scenario.Withdraw:
		t.machine(st.Host).forget(func(r *fibRoute) bool {
			return r.line != nil && r.line.To == st.To && r.line.From == st.From
		})
	case scenario.SetForwarding:
		t.machine(st.Host).forward = st.On
	default:
		if step.Kind() == scenario.NetworkFault {
			panic("linux: nothing is known of what " + scenario.Word(step) + " does to a network")
		}
	}
}

// notice makes everybody forget who is not there any more.
func (t *Topology) notice() {
	for at, i := range t.known {
		m := &t.machines[i]
		if k := m.portOn(at.net); !m.ports[k].up || m.portOf(at.addr, k) != k {
			delete(t.known, at)
		}
	}
}

// setLink takes an interface down or up. Down, IPv4 loses its routes and keeps
// its addresses, to which the host still answers on other interfaces
// (fib_sync_down_dev spares local routes); IPv6 loses both (addrconf_ifdown).
// Up, IPv4 gets the route to its own network back (fib_netdev_event).
func (m *machine) setLink(s *scenario.Scenario, i int, up bool) {
	p := &m.ports[i]
	p.up = up
	if up {
		if a := p.primary(); a.IsValid() {
			m.connect(i, s.Prefix(p.net, scenario.IPv4), a)
		}
		return
	}
	m.forget(func(r *fibRoute) bool { return r.port == i })
	var kept []ownAddr
	for _, a := range p.addrs {
		if a.Is4() {
			kept = append(kept, a)
		}
	}
	p.addrs = kept
}

// assign gives the host an address. What it has already stays.
func (m *machine) assign(s *scenario.Scenario, at scenario.Place, a netip.Addr, fate scenario.Fate) {
	i := m.portOn(at.Net)
	p := &m.ports[i]
	for _, own := range p.addrs {
		if own.Addr == a {
			return
		}
	}
	if a.Is6() { // ipv6_link_dev_addr
		p.addrs = append([]ownAddr{{a, fate}}, p.addrs...)
	} else {
		p.addrs = append(p.addrs, ownAddr{a, fate})
	}
	if !p.up {
		if a.Is6() { // addrconf_dad_begin waits for the link; inet6_addr_add refuses nothing
			p.addrs[0].fate = scenario.Tentative
		}
		return
	}
	to := s.Prefix(at.Net, scenario.FamilyOf(a))
	if at.LinkLocal {
		to = netip.PrefixFrom(netip.MustParseAddr("fe80::"), 64)
	}
	m.connect(i, to, a)
}

// unassign takes an address from an interface, and with it what depends on it.
func (m *machine) unassign(a netip.Addr, i int) {
	p := &m.ports[i]
	was := p.primary()
	var kept []ownAddr
	for _, own := range p.addrs {
		if own.Addr != a && (a != was || !own.Is4()) { // inet_del_ifa: the secondaries go with their primary
			kept = append(kept, own)
		}
	}
	if len(kept) == len(p.addrs) {
		return
	}
	gone := p.addrs
	p.addrs = kept
	if a.Is4() {
		m.lost4(i, gone)
	} else {
		m.lost6(i, a)
	}
}

// lost4: with the last address go all routes over the interface
// (fib_disable_ip); with any, those of table main that name it as their source
// (fib_sync_down_addr).
func (m *machine) lost4(i int, before []ownAddr) {
	if !m.ports[i].primary().IsValid() {
		m.forget(func(r *fibRoute) bool { return r.port == i && r.to.Addr().Is4() })
	}
	for _, a := range before {
		if a.Is4() && m.portOf(a.Addr, -1) < 0 {
			m.forget(func(r *fibRoute) bool { return r.source == a.Addr && r.from == "" })
		}
	}
}

// lost6: the route to the network goes with the last address in it
// (check_cleanup_prefix_route), routes of table main forget the source
// (fib6_remove_prefsrc; before Linux 6.6 those of every table over the
// interface did, and no others).
func (m *machine) lost6(i int, a netip.Addr) {
	last := true
	for _, own := range m.ports[i].addrs {
		if own.Is6() && own.IsLinkLocalUnicast() == a.IsLinkLocalUnicast() {
			last = false
		}
	}
	if last {
		m.forget(func(r *fibRoute) bool { return r.connected && r.port == i && r.to.Contains(a) })
	}
	for k := range m.routes {
		if r := &m.routes[k]; r.source == a && r.from == "" {
			r.source = netip.Addr{}
		}
	}
}
