package scenario

import (
	"net/netip"
	"strconv"
)

// What makes no sense in addresses and routes.

func (c *checker) netOptions(n *Net) {
	if n.LinkLocal && !n.Family.Has(IPv6) {
		c.fail(0, "link-local", "link-local only on a network that has IPv6")
	}
}

func (c *checker) hostOptions(h *Host) {
	if h.ReversePath > ReversePathLoose {
		c.fail(0, "rp_filter="+h.ReversePath.String(), "rp_filter=strict or rp_filter=loose")
	}
}

// attached finds the host of a word and demands that it is on a network.
func (c *checker) attached(hostWord int, host string, netWord int, net string) *Host {
	h := c.host(hostWord, host)
	if h != nil && !h.on(net) {
		c.fail(netWord, net, "a network that "+host+" is attached to")
		return nil
	}
	return h
}

// place demands that a place of a host stands for an address.
func (c *checker) place(word int, found, host string, p Place) netip.Addr {
	h, _ := c.s.Host(host)
	n := c.nets[p.Net]
	switch {
	case h == nil:
	case n == nil || !h.on(p.Net):
		c.fail(word, found, "a network that "+host+" is attached to")
	case p.Family != 0 && (p.Family != IPv6 || n.Family != DualStack || p.LinkLocal):
		c.fail(word, found, "a family only where the network has two, and then 6")
	case p.LinkLocal && !n.LinkLocal:
		c.fail(word, found, "a network that is link-local")
	case p.LinkLocal && p.Nth != 0:
		c.fail(word, found, "one link-local address")
	case !c.s.PlaceAddr(host, p).IsValid():
		c.fail(word, found, "an address that there is: they end with "+strconv.Itoa(maxNumber4))
	}
	return c.s.PlaceAddr(host, p)
}

// addrLine checks a further address. Two hosts may come to the same number
// (host 103's first address and host 3's second): the later one is wrong.
func (c *checker) addrLine(a *HostAddr) {
	c.host(1, a.Host)
	addr := c.place(2, a.Place.String(), a.Host, a.Place)
	if c.err != nil {
		return
	}
	owner, last := c.owners()[addr], Place{Net: a.Place.Net, Family: a.Place.Family, Nth: a.Place.Nth - 1}
	switch at := (hostPlace{a.Host, a.Place}); {
	case a.Fate > Deprecated:
		c.fail(3, a.Fate.String(), "tentative, duplicate or deprecated")
	case c.places[at]:
		c.fail(2, a.Place.String(), "one line for each address")
	case a.Place.LinkLocal && !a.Fate.Dead(), a.Place.Nth == 0 && a.Fate == Usable:
		c.fail(2, a.Place.String(), "a further address, as in lan.2, or what is special about this one")
	case a.Fate.Dead() && addr.Is4():
		c.fail(3, a.Fate.String(), "tentative and duplicate only of IPv6 addresses: IPv4 detects nothing")
	case a.Place.Nth > 0 && owner != "":
		c.fail(2, a.Place.String(), "an address that "+owner+" has not: "+addr.String())
	case a.Place.Nth > 1 && !c.places[hostPlace{a.Host, last}]:
		c.fail(2, a.Place.String(), last.String()+" first")
	default:
		c.places[at] = true
		c.owner[addr] = a.Host
	}
}

type hostPlace struct {
	host  string
	place Place
}

// owners is who has which address so far; the first addresses go to their
// hosts before all others.
func (c *checker) owners() map[netip.Addr]string {
	if c.owner != nil {
		return c.owner
	}
	c.owner = map[netip.Addr]string{}
	for i := range c.s.Hosts {
		h := &c.s.Hosts[i]
		for _, net := range h.Nets {
			for _, p := range c.nets[net].firsts() {
				c.owner[c.s.PlaceAddr(h.Name, p)] = h.Name
			}
		}
	}
	return c.owner
}

// numbers demands that two hosts on one network do not come to the same IPv4
// number, as the first and the 255th would.
func (c *checker) numbers(i int, h *Host) {
	for k, net := range h.Nets {
		n := c.nets[net]
		if n == nil || !n.Family.Has(IPv4) {
			continue
		}
		key := netNumber{net, number4(i)}
		if other := c.numbered4[key]; other != "" {
			c.fail(2+k, net, "a network without "+other+", whose number "+h.Name+" has: "+strconv.Itoa(number4(i)))
		}
		c.numbered4[key] = h.Name
	}
}

type netNumber struct {
	net    string
	number int
}

// has demands that a host has the address of a place from the start.
func (c *checker) has(word int, found, host string, p Place) netip.Addr {
	a := c.place(word, found, host, p)
	if c.err == nil && p.Nth > 0 && !c.places[hostPlace{host, p}] {
		c.fail(word, found, "an address that "+host+" has: addr "+host+" "+p.String())
	}
	return a
}

// routeLine checks a route.
func (c *checker) routeLine(r *HostRoute) {
	h := c.host(1, r.Host)
	if r.To != ToAll && c.nets[r.To] == nil {
		c.fail(2, r.To, "the name of a net, or default")
	}
	if r.Family != 0 && r.Family != IPv4 && r.Family != IPv6 {
		c.fail(0, "family="+strconv.Itoa(int(r.Family)), "family=4 or family=6")
	}
	if r.From != "" && c.nets[r.From] == nil {
		c.fail(0, "from="+r.From, "from= and the name of a net")
	}
	if h == nil || c.err != nil {
		return
	}
	if r.Kind == Unicast {
		c.unicast(h, r)
	} else {
		c.refusing(r)
	}
	c.routeOnce(h, r)
}

// unicast checks a route that sends packets on.
func (c *checker) unicast(h *Host, r *HostRoute) {
	switch gw := c.hosts[r.Via]; {
	case r.Via == "" && r.On == "":
		c.fail(0, "", "via=HOST or on=NET, or unreachable, prohibit or blackhole")
	case r.On != "" && !h.on(r.On):
		c.fail(0, "on="+r.On, "on= and a network that "+r.Host+" is attached to")
	case r.Via != "" && gw == nil:
		c.fail(0, "via="+r.Via, "via= and the name of a host")
	case r.Via == r.Host:
		c.fail(0, "via="+r.Via, "via= and another host")
	}
	if r.Source != (Place{}) {
		c.has(0, "source="+r.Source.String(), r.Host, r.Source)
		if r.Source.LinkLocal {
			c.fail(0, "source="+r.Source.String(), "an address that leads further than its link")
		}
		if c.dead(r.Host, r.Source) {
			c.fail(0, "source="+r.Source.String(), "an address that can be sent from")
		}
	}
}

// dead reports whether an address never comes into force.
func (c *checker) dead(host string, p Place) bool {
	for i := range c.s.Addrs {
		if a := &c.s.Addrs[i]; a.Host == host && a.Place == p {
			return a.Fate.Dead()
		}
	}
	return false
}

// refusing checks a route that sends nothing on.
func (c *checker) refusing(r *HostRoute) {
	switch {
	case r.Kind > BlackholeRoute:
		c.fail(0, r.Kind.String(), "unreachable, prohibit or blackhole")
	case r.Via != "":
		c.fail(0, "via="+r.Via, "no via= where nothing is sent on")
	case r.On != "":
		c.fail(0, "on="+r.On, "no on= where nothing is sent on")
	case r.Source != (Place{}):
		c.fail(0, "source="+r.Source.String(), "no source= where nothing is sent on")
	}
}

type routeKey struct {
	host, to, from string
	family         Family
	metric         uint32
}

// routeOnce demands that no two routes are equal to the kernel, and that one
// of them exists at all.
func (c *checker) routeOnce(h *Host, r *HostRoute) {
	exists := false
	for _, f := range []Family{IPv4, IPv6} {
		if _, ok := c.s.Way(r, f); c.err != nil || !ok {
			continue
		}
		exists = true
		key := routeKey{r.Host, r.To, r.From, f, r.MetricIn(f)}
		if c.routes[key] || r.From == "" && h.on(r.To) && key.metric == ConnectedMetric(f) {
			c.fail(2, r.To, "another metric= than the other route of "+r.Host+" there has")
		}
		c.routes[key] = true
	}
	if !exists {
		c.fail(2, r.To, "a route whose way has a family of its destination")
	}
}

// MetricIn is a route's metric in a family (IP6_RT_PRIO_USER).
func (r *HostRoute) MetricIn(f Family) uint32 {
	if r.Metric == 0 && f == IPv6 {
		return 1024
	}
	return uint32(r.Metric)
}

// ConnectedMetric is that of the routes which come with addresses
// (IP6_RT_PRIO_ADDRCONF).
func ConnectedMetric(f Family) uint32 {
	if f == IPv6 {
		return 256
	}
	return 0
}

// elementPlace checks where an element is found and where it listens.
func (c *checker) elementPlace(e *Element) {
	at := e.At
	if at == (Place{}) {
		at.Net = c.hosts[e.Host].Nets[0]
	}
	c.has(0, "at="+at.String(), e.Host, at)
	if c.dead(e.Host, at) {
		c.fail(0, choose(e.At == Place{}, e.Host, "at="+at.String()), "an address that can be bound")
	}
	if c.err != nil {
		return
	}
	a, found := c.s.ElementAddr(e.Name), "bind="+e.Bind.String()
	switch {
	case e.Bind > BindAny6Only:
		c.fail(0, found, "bind=0.0.0.0, bind=:: or bind=v6only")
	case e.Bind == BindAny4 && !a.Is4(), e.Bind == BindAny6Only && !a.Is6():
		c.fail(0, found, "bind= that takes what is sent to "+e.Name+"'s address "+a.String())
	}
}

// numbered demands that a place stands for an address which no other host has
// or may get.
func (c *checker) numbered(word int, host string, p Place) netip.Addr {
	c.host(1, host)
	a := c.place(word, p.String(), host, p)
	owner := c.owners()[a]
	if c.err == nil && owner != "" && owner != host {
		c.fail(word, p.String(), "an address that "+owner+" has not: "+a.String())
	}
	if c.err == nil && !p.LinkLocal {
		c.owner[a] = host
	}
	return a
}
