package props

import (
	"net/netip"
	"slices"

	"github.com/greka-sip/greka/model"
)

// site is where an element can be: an address of a host.
type site struct {
	host  string
	place model.Place // zero: the host's first address
	addr  netip.Addr
}

// twoNetworks draws two networks with a router between them, and hosts on
// either or on both.
func (d *draft) twoNetworks() {
	family := map[string]model.Family{"4": model.IPv4, "6": model.IPv6, "46": model.DualStack}[d.pick(&dimTwoFamily)]
	d.s.Nets = []model.Net{{Name: "near", Family: family}, {Name: "far", Family: family}}
	d.s.Hosts = []model.Host{{Name: "r1", Nets: []string{"near", "far"}, Router: true}}
	attached := map[string]int{}
	n := words[d.pick(&dimPlain)]
	for range n {
		attached[d.pick(&dimAttached)]++
	}
	for _, v := range dimAttached.values { // in this order: labs of one shape can be used again
		for range attached[v] {
			h := model.Host{Name: hostName(len(d.s.Hosts) + 1)}
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
				d.s.Routes = append(d.s.Routes, model.HostRoute{Host: h.Name, To: model.ToAll, Via: "r1"})
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
		if d.s.Addrs[i].Fate == model.Duplicate {
			d.s.Addrs[i].Fate = model.Tentative
		}
	}
}

// place puts the elements where each can reach each other, there and back. The
// judged element is placed first; if nobody else is within its reach all share
// its host. It returns nil if there is no place for the judged one.
func (d *draft) place(proxied, judgedProxy bool) []site {
	top := model.NewTopology(&d.s)
	homes := d.homes(top, d.space.Program)
	if len(homes) == 0 {
		return nil
	}
	judged := d.pickSite(homes, nil, top)
	chosen := []site{judged}
	n := len(d.agents()) - 1
	if proxied {
		n++
	}
	shared := d.pick(&dimLayout) == "shared"
	for range n {
		next := judged
		if !shared {
			next = d.pickSite(d.homes(top, false), chosen, top)
		}
		chosen = append(chosen, next)
	}
	d.dropIdleHosts(chosen)
	if !proxied || judgedProxy {
		return chosen
	}
	// The proxy comes first in a scenario; the judged one is another element.
	last := len(chosen) - 1
	return append([]site{chosen[last]}, chosen[:last]...)
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

// homes lists the sites of all hosts: addresses that a URI can name. With only,
// those of hosts that have just one: a program that is told of one interface
// or address does not use the others.
func (d *draft) homes(top *model.Topology, only bool) (out []site) {
	for i := range d.s.Hosts {
		h := &d.s.Hosts[i]
		own := d.s.Addr(h.Name, h.Nets[0])
		alive, _ := top.Addrs(h.Name)
		for _, p := range d.s.Places(h.Name) {
			a := d.s.PlaceAddr(h.Name, p)
			if p.LinkLocal || !slices.Contains(alive, a) || !d.carries(a) || only && len(d.s.Places(h.Name)) > 1 {
				continue
			}
			if a == own {
				p = model.Place{}
			}
			out = append(out, site{h.Name, p, a})
		}
	}
	return out
}

// carries reports whether the judged stack talks an address's family.
func (d *draft) carries(a netip.Addr) bool {
	for _, f := range d.space.Families {
		if f.Has(model.IPv4) && a.Is4() || f.Has(model.IPv6) && a.Is6() {
			return true
		}
	}
	return false
}

// pickSite draws a site that is connected with all that are chosen; the first
// of those if there is none.
func (d *draft) pickSite(all, chosen []site, top *model.Topology) site {
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
func connected(top *model.Topology, from, to site) bool {
	if from.addr.Is4() != to.addr.Is4() {
		return false
	}
	there, back := top.Reach(from.host, from.addr, to.addr)
	return there.Host() == to.host && back.End == model.Delivered && back.Host() == from.host
}

// unbound reports whether a program that leaves its source address to the kernel
// reaches a site from its own address all the same: not where a policy route is
// for that address only.
func unbound(top *model.Topology, from, to site) bool {
	there, back := top.Reach(from.host, netip.Addr{}, to.addr)
	return there.Host() == to.host && there.Source == from.addr && back.End == model.Delivered && back.Host() == from.host
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
func (d *draft) allConnected(s *model.Scenario, sites []site) bool {
	top := model.NewTopology(s)
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
func addrOf(s *model.Scenario, at site) netip.Addr {
	if at.place != (model.Place{}) {
		return s.PlaceAddr(at.host, at.place)
	}
	h, _ := s.Host(at.host)
	return s.Addr(at.host, h.Nets[0])
}

// withoutEmptyNets leaves out networks on which there is one host at the most,
// unless that one is used.
func withoutEmptyNets(s model.Scenario, used map[string]bool) model.Scenario {
	attached, kept := map[string]int{}, map[string]bool{"": true, model.ToAll: true}
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
	s.Nets = slices.DeleteFunc(s.Nets, func(n model.Net) bool { return empty(n.Name) })
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(a model.HostAddr) bool { return empty(a.Place.Net) })
	s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r model.HostRoute) bool {
		return empty(r.To) || empty(r.From) || empty(r.On) || empty(r.Source.Net)
	})
	return plainLists(s)
}
