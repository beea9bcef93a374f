package props

import (
	"net/netip"
	"slices"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/sut"
)

// site is where an element can be: an address of a host.
type site struct {
	host  string
	place scenario.Place // zero: the host's first address
	addr  netip.Addr
}

// twoNetworks draws two networks with a router between them, and hosts on
// either or on both.
func (d *draft) twoNetworks() {
	family := familyWords[d.pick(&dimTwoFamily)]
	linkLocal := d.linkLocal(family)
	d.s.Nets = []scenario.Net{{Name: "near", Family: family, LinkLocal: linkLocal}, {Name: "far", Family: family, LinkLocal: linkLocal}}
	d.s.Hosts = []scenario.Host{{Name: "r1", Nets: []string{"near", "far"}, Router: true}}
	attached := map[string]int{}
	n := words[d.pick(&dimPlain)]
	for range n {
		attached[d.pick(&dimAttached)]++
	}
	for _, v := range dimAttached.values { // in this order: labs of one shape can be used again
		for range attached[v] {
			h := scenario.Host{Name: hostName(len(d.s.Hosts) + 1)}
			switch v {
			case "first":
				h.Nets = []string{"near"}
			case "second":
				h.Nets = []string{"far"}
			default:
				h.Nets = []string{"far", "near"}
			}
			d.s.Hosts = append(d.s.Hosts, h)
			if len(h.Nets) == 1 {
				d.s.Routes = append(d.s.Routes, scenario.HostRoute{Host: h.Name, To: scenario.ToAll, Via: "r1"})
			}
			if d.space.Several.Addresses && d.yes(&dimMoreOn) {
				d.s.Addrs = append(d.s.Addrs, scenario.HostAddr{Host: h.Name, Place: scenario.Place{Net: h.Nets[0], Nth: 1}})
			}
		}
	}
}

// larger draws networks, routers and routes as Topologies does.
func (d *draft) larger() {
	w := &world{draft: *d}
	w.topology()
	d.s = w.s
	for i := range d.s.Addrs {
		// To the elements one dead address is like another, and a
		// duplicate (RFC 4862 5.4) takes some milliseconds more to make.
		if d.s.Addrs[i].Fate == scenario.Duplicate {
			d.s.Addrs[i].Fate = scenario.Tentative
		}
	}
}

// place puts the elements where each can reach each other, there and back. The
// judged element is placed first; if nobody else is within its reach all share
// its host. It returns nil if there is no place for the judged one.
func (d *draft) place(proxies int, judgedProxy bool) []site {
	top := linux.NewTopology(&d.s)
	homes := d.homes(top, true)
	if len(homes) == 0 {
		return nil
	}
	judged := d.pickSite(homes, nil, top)
	chosen := []site{judged}
	n := len(d.agents()) - 1 + proxies
	shared := d.pick(&dimLayout) == "shared"
	for range n {
		next := judged
		if !shared {
			next = d.pickSite(d.homes(top, false), chosen, top)
		}
		chosen = append(chosen, next)
	}
	d.dropIdleHosts(chosen)
	if proxies == 0 || judgedProxy {
		return chosen
	}
	// Proxies come first in a scenario; the judged one is another element.
	last := len(chosen) - proxies
	return append(slices.Clone(chosen[last:]), chosen[:last]...)
}

// topology draws a topology without faults.
func (w *world) topology() {
	w.networks()
	w.joints()
	w.plainHosts()
	w.addresses()
	for i := range w.s.Hosts {
		w.routes(&w.s.Hosts[i])
	}
}

// homes lists the sites of all hosts: addresses that a URI can name. For the
// judged element, those of hosts that have no more than it can put up with.
func (d *draft) homes(top *linux.Topology, judged bool) (out []site) {
	for i := range d.s.Hosts {
		h := &d.s.Hosts[i]
		if judged && !d.space.Several.Covers(sut.HostHas(&d.s, h.Name)) {
			continue
		}
		alive, _ := top.Addrs(h.Name)
		for _, p := range d.s.Places(h.Name) {
			a := d.s.PlaceAddr(h.Name, p)
			if p.LinkLocal || !slices.Contains(alive, a) || !d.carries(a) {
				continue
			}
			out = append(out, d.siteAt(h.Name, p))
		}
	}
	return out
}

// carries reports whether the judged stack talks an address's family.
func (d *draft) carries(a netip.Addr) bool {
	for _, f := range d.space.Families {
		if f.Has(scenario.IPv4) && a.Is4() || f.Has(scenario.IPv6) && a.Is6() {
			return true
		}
	}
	return false
}

// pickSite draws a site that is connected with all that are chosen; the first
// of those if there is none.
func (d *draft) pickSite(all, chosen []site, top *linux.Topology) site {
	var fit []site
	for _, s := range all {
		ok := true
		for i, c := range chosen {
			ok = ok && connected(top, s, c) && connected(top, c, s) && (i > 0 || !d.space.Program || unbound(top, c, s))
		}
		if ok {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 && len(chosen) > 0 {
		return chosen[0]
	}
	return fit[uniform(d.t, "site", len(fit))]
}

// connected reports whether what one site sends to another, from its own
// address, arrives and is answered.
func connected(top *linux.Topology, from, to site) bool {
	if from.addr.Is4() != to.addr.Is4() {
		return false
	}
	there, back := top.Reach(from.host, from.addr, to.addr)
	return there.Host() == to.host && back.End == linux.Delivered && back.Host() == from.host
}

// unbound reports whether a program that leaves its source address to the kernel
// reaches a site, from whichever address that is, and is answered.
func unbound(top *linux.Topology, from, to site) bool {
	from.addr = netip.Addr{}
	there, back := top.Reach(from.host, from.addr, to.addr)
	return there.Host() == to.host && back.End == linux.Delivered && back.Host() == from.host
}

// namesWell reports whether a judged element that listens on a wildcard finds an
// address of its own to hand out: all whom it talks to reach it, at all times,
// at the address on which it is found, and at every one from which the kernel
// makes it send to any of them. Which of these it names is its own choice.
func namesWell(s *scenario.Scenario) bool {
	e := s.SUT()
	if e.Bind == scenario.BindAddr {
		return true
	}
	me := site{host: e.Host, addr: s.ElementAddr(e.Name)}
	top := linux.NewTopology(s)
	names := []netip.Addr{me.addr}
	for i := -1; i < len(s.Steps); i++ {
		if i >= 0 && !changesNetwork(s.Steps[i]) {
			continue
		}
		if i >= 0 {
			top.Apply(s.Steps[i])
		}
		if names = sentFrom(s, top, names); !reachable(s, top, me, names) {
			return false
		}
	}
	return true
}

// sentFrom adds the addresses from which the kernel makes the judged element send to
// the others now.
func sentFrom(s *scenario.Scenario, top *linux.Topology, names []netip.Addr) []netip.Addr {
	e := s.SUT()
	for _, o := range s.Elements {
		there, _ := top.Reach(e.Host, netip.Addr{}, s.ElementAddr(o.Name))
		if o.Name != e.Name && there.End == linux.Delivered && !slices.Contains(names, there.Source) {
			names = append(names, there.Source)
		}
	}
	return names
}

// reachable reports whether all that are connected with a site now are so with
// other addresses of its host.
func reachable(s *scenario.Scenario, top *linux.Topology, me site, names []netip.Addr) bool {
	for _, o := range s.Elements {
		to := site{host: o.Host, addr: s.ElementAddr(o.Name)}
		if o.SUT || !connected(top, me, to) {
			continue
		}
		for _, a := range names {
			if !connected(top, site{host: me.host, addr: a}, to) {
				return false
			}
		}
	}
	return true
}

// dropIdleHosts leaves out plain hosts on which nobody is, and what joins
// networks to one on which nobody else is: they only cost time.
func (d *draft) dropIdleHosts(chosen []site) {
	used := map[string]bool{}
	for _, c := range chosen {
		used[c.host] = true
	}
	d.s = withoutIdleHosts(d.s, used)
	less := d.s
	for n := 0; n != len(less.Hosts); {
		n = len(less.Hosts)
		less = withoutIdleHosts(withoutEmptyNets(less, used), used)
	}
	if d.allConnected(&less, chosen) { // a route's source may have been on what is gone
		d.s = less
	}
}

// allConnected reports whether sites, of which the first is the judged one's,
// are connected in a scenario. They may have other addresses in it.
func (d *draft) allConnected(s *scenario.Scenario, sites []site) bool {
	top := linux.NewTopology(s)
	now := slices.Clone(sites)
	for i := range now {
		now[i].addr = addrOf(s, now[i])
	}
	for i, a := range now {
		for _, b := range now {
			if a != b && (!connected(top, a, b) || i == 0 && d.space.Program && !unbound(top, a, b)) {
				return false
			}
		}
	}
	return true
}

// addrOf is the address of a site in a scenario.
func addrOf(s *scenario.Scenario, at site) netip.Addr {
	if at.place != (scenario.Place{}) {
		return s.PlaceAddr(at.host, at.place)
	}
	h, _ := s.Host(at.host)
	return s.Addr(at.host, h.Nets[0])
}

// withoutEmptyNets leaves out networks on which there is one host at the most,
// unless that one is used.
func withoutEmptyNets(s scenario.Scenario, used map[string]bool) scenario.Scenario {
	attached, kept := map[string]int{}, map[string]bool{"": true, scenario.ToAll: true}
	for _, h := range s.Hosts {
		for _, n := range h.Nets {
			attached[n]++
			kept[n] = kept[n] || used[h.Name]
		}
	}
	empty := func(n string) bool { return attached[n] < 2 && !kept[n] }
	s.Hosts, s.Nets = slices.Clone(s.Hosts), slices.Clone(s.Nets)
	for i := range s.Hosts {
		s.Hosts[i].Nets = slices.DeleteFunc(slices.Clone(s.Hosts[i].Nets), empty)
	}
	s.Nets = slices.DeleteFunc(s.Nets, func(n scenario.Net) bool { return empty(n.Name) })
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(a scenario.HostAddr) bool { return empty(a.Place.Net) })
	s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r scenario.HostRoute) bool {
		return empty(r.To) || empty(r.From) || empty(r.On) || empty(r.Source.Net)
	})
	return plainLists(s)
}
