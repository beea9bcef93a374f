package netns

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// plan is everything about a scenario that a lab is built from: what the
// kernel is told, worked out before the first namespace is made.
type plan struct {
	nets  []string
	hosts []hostPlan
	at    [][]port // who is attached to each network
	// routed is set where packets go through hosts, or may be refused by them.
	routed bool
	// For a pool: key is all that a lab is built from, without names, and
	// shape what of it cannot be changed in a lab that is there.
	key, shape string
}

// hostPlan is what one host is to be.
type hostPlan struct {
	name   string
	router bool
	filter scenario.ReversePath
	ports  []port
	routes []route
}

// port is where a host is attached to a network.
type port struct {
	host   int // index
	net    int // index
	device uint32
	mac    []byte
	addrs  []address
}

// address is one address of a port.
type address struct {
	netip.Addr
	fate scenario.Fate
}

// String tells it apart from the same one with another fate.
func (a address) String() string {
	if a.fate == scenario.Usable {
		return a.Addr.String()
	}
	return a.Addr.String() + " " + a.fate.String()
}

// Devices read as identities, as addresses do: eth0 is device 2 of its host,
// eth1 is 3, the fabric of network n is device 100+n of the host that keeps
// it, and host 3 has 02:77:00:01:00:03 on the second network.
const (
	firstDevice  = scenario.FirstDevice
	fabricDevice = 100
)

func hardware(net, host int) []byte {
	return []byte{2, 0x77, byte(net >> 8), byte(net), byte((host + 1) >> 8), byte(host + 1)}
}

// newPlan works out the plan of a scenario's topology, or says why it cannot
// be built.
func newPlan(s *scenario.Scenario) (*plan, error) {
	if err := check(s); err != nil {
		return nil, err
	}
	p := &plan{hosts: make([]hostPlan, len(s.Hosts)), at: make([][]port, len(s.Nets))}
	index := map[string]int{}
	for i := range s.Nets {
		p.nets = append(p.nets, s.Nets[i].Name)
		index[s.Nets[i].Name] = i
	}
	fates := map[string]map[scenario.Place]scenario.Fate{}
	for _, a := range s.Addrs {
		if fates[a.Host] == nil {
			fates[a.Host] = map[scenario.Place]scenario.Fate{}
		}
		fates[a.Host][a.Place] = a.Fate
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		p.hosts[i] = hostPlan{name: h.Name, router: h.Router, filter: h.ReversePath}
		p.routed = p.routed || h.Router || h.ReversePath != scenario.ReversePathOff || len(s.Routes) > 0
		for j, name := range h.Nets {
			n := index[name]
			p.hosts[i].ports = append(p.hosts[i].ports, port{host: i, net: n, device: uint32(firstDevice + j), mac: hardware(n, i)})
		}
		for _, place := range s.Places(h.Name) {
			at := p.hosts[i].port(index[place.Net])
			at.addrs = append(at.addrs, address{s.PlaceAddr(h.Name, place), fates[h.Name][place]})
		}
		for _, at := range p.hosts[i].ports {
			p.at[at.net] = append(p.at[at.net], at)
		}
	}
	for i := range s.Routes {
		if err := p.addRoute(s, &s.Routes[i], index); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// port returns the host's port on a network, or nil.
func (h *hostPlan) port(net int) *port {
	for i := range h.ports {
		if h.ports[i].net == net {
			return &h.ports[i]
		}
	}
	return nil
}

func (p *plan) host(name string) *hostPlan {
	for i := range p.hosts {
		if p.hosts[i].name == name {
			return &p.hosts[i]
		}
	}
	return nil
}

// addRoute adds what a route line means in each family.
func (p *plan) addRoute(s *scenario.Scenario, line *scenario.HostRoute, index map[string]int) error {
	h := p.host(line.Host)
	for _, f := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
		on, ok := s.Way(line, f)
		if !ok {
			continue
		}
		r := route{family: f, kind: line.Kind, metric: uint32(line.Metric), to: line.To, from: line.From,
			dst: s.Prefix(line.To, f), src: s.Prefix(line.From, f)}
		if line.From != "" {
			r.table = policyTable + uint32(index[line.From])
		}
		if line.Kind == scenario.Unicast {
			at := h.port(index[on])
			if at == nil {
				return fmt.Errorf("route of host %s to %s: it is not on network %s", line.Host, line.To, on)
			}
			r.device = at.device
			if line.Via != "" {
				r.gateway = s.PlaceAddr(line.Via, placeIn(s, on, f))
			}
		}
		if source := s.PlaceAddr(line.Host, line.Source); source.IsValid() && source.Is4() == (f == scenario.IPv4) {
			r.source = source
		}
		h.routes = append(h.routes, r)
	}
	return nil
}

// placeIn is the first place of a family on a network.
func placeIn(s *scenario.Scenario, net string, f scenario.Family) scenario.Place {
	at := scenario.Place{Net: net}
	if n, _ := s.Net(net); n.Family == scenario.DualStack && f == scenario.IPv6 {
		at.Family = scenario.IPv6
	}
	return at
}

// has reports whether the port has an address of a family.
func (p *port) has(is6 bool) bool {
	return slices.ContainsFunc(p.addrs, func(a address) bool { return a.Is6() == is6 })
}

// asksFor reports whether the host looks for IPv4 addresses of other networks
// on this one's link, because a route without a gateway says so. Linux answers
// such questions for every address that a host has, on whatever interface
// (arp_ignore is 0).
func (h *hostPlan) asksFor(at *port) bool {
	for _, r := range h.routes {
		if r.family == scenario.IPv4 && r.kind == scenario.Unicast && !r.gateway.IsValid() && r.device == at.device {
			return true
		}
	}
	return false
}

// check refuses what cannot be built. What else is wrong with a scenario that
// was not validated, the kernel says.
func check(s *scenario.Scenario) error {
	if len(s.Hosts) == 0 || len(s.Hosts) > scenario.MaxHosts || len(s.Nets) > scenario.MaxNets {
		return fmt.Errorf("a lab needs 1 to %d hosts on at most %d networks, got %d on %d", scenario.MaxHosts, scenario.MaxNets, len(s.Hosts), len(s.Nets))
	}
	nets, hosts := map[string]bool{}, map[string]bool{}
	for _, n := range s.Nets {
		if len(n.Family.Families()) == 1 && n.Family != scenario.IPv4 && n.Family != scenario.IPv6 {
			return fmt.Errorf("network %q: family %d is none of 4, 6 and 46", n.Name, n.Family)
		}
		nets[n.Name] = true
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		if hosts[h.Name] {
			return fmt.Errorf("two hosts are called %q", h.Name)
		}
		hosts[h.Name] = true
		for j, name := range h.Nets {
			if !nets[name] {
				return fmt.Errorf("host %q: no network is called %q", h.Name, name)
			}
			if slices.Contains(h.Nets[:j], name) {
				return fmt.Errorf("host %q is attached to network %q twice", h.Name, name)
			}
		}
	}
	for _, a := range s.Addrs {
		if !s.PlaceAddr(a.Host, a.Place).IsValid() {
			return fmt.Errorf("host %q has no place for the address %s", a.Host, a.Place)
		}
	}
	for _, r := range s.Routes {
		if !hosts[r.Host] || r.Via != "" && !hosts[r.Via] || int(r.Kind) >= len(routeTypes) {
			return fmt.Errorf("route of host %q to %s via %q: no such host", r.Host, r.To, r.Via)
		}
	}
	return nil
}

// sign works out the plan's key and shape.
func (p *plan) sign() {
	var key, shape strings.Builder
	for i := range p.hosts {
		h := &p.hosts[i]
		fmt.Fprintf(&shape, "host %t %d %t", h.router, h.filter, h.hasDead())
		for _, at := range h.ports {
			fmt.Fprint(&shape, " ", at.net)
			fmt.Fprintln(&key, "at", i, at.device, at.addrs)
		}
		for _, r := range h.routes {
			r.to, r.from = "", ""
			fmt.Fprintln(&key, "route", i, r)
		}
		shape.WriteByte('\n')
	}
	p.shape = shape.String()
	p.key = p.shape + key.String()
}

// config is everything that configure gives host i, and more: what it is told
// of others may depend on all of their addresses.
func (p *plan) config(i int) string {
	var b strings.Builder
	h := &p.hosts[i]
	for _, at := range h.ports {
		fmt.Fprintln(&b, at.device, at.addrs)
		for _, other := range p.at[at.net] {
			for _, q := range p.hosts[other.host].ports {
				fmt.Fprintln(&b, other.host, q.device, q.addrs)
			}
		}
	}
	for _, r := range h.routes {
		r.to, r.from = "", ""
		fmt.Fprintln(&b, "route", r)
	}
	return b.String()
}
