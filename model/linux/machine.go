package linux

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// Topology is who has which address and route at one moment of a scenario: what
// the kernels of its hosts know. NewTopology gives the beginning, Apply plays a
// step; Route and Reach ask it.
//
// It assumes what a lab gives: a host knows at once who has an address on its
// networks, and that nobody has it any more (but see RemoveAddr); redirects are neither sent nor
// heeded (send_redirects, accept_redirects), and what a machine's
// administrator may have set otherwise has the kernel's own defaults: rp_filter
// as the scenario says, promote_secondaries 0, keep_addr_on_down 0, arp_ignore
// 0, accept_local 0, and IPv6 addresses without detection unless their fate
// says so.
type Topology struct {
	s        *scenario.Scenario
	machines []machine
	known    map[netAddr]int // who answered for an address when it was asked for last
}

type netAddr struct {
	net  string
	addr netip.Addr
}

// machine is one host.
type machine struct {
	name    string
	forward bool
	reverse scenario.ReversePath
	ports   []port     // its interfaces
	made    []int      // their indices in the order in which a lab makes them
	routes  []fibRoute // of all tables but the local one
}

// port is one interface.
type port struct {
	net   string
	up    bool
	addrs []ownAddr // in the kernel's order: IPv4 as they came, of IPv6 the latest first
}

// ownAddr is an address of an interface.
type ownAddr struct {
	netip.Addr
	fate scenario.Fate
}

// fibRoute is a route. A connected one comes and goes with addresses.
type fibRoute struct {
	to        netip.Prefix
	from      string // the network whose table it is in, "" is the main one
	kind      scenario.RouteKind
	port      int        // -1 if it sends nothing on
	gateway   netip.Addr // zero: the destination is on the link
	source    netip.Addr // zero: the kernel chooses
	metric    uint32
	line      *scenario.HostRoute // nil if it is connected
	connected bool
}

// NewTopology returns a scenario's topology before its first step. It keeps s,
// which must be valid and not change.
func NewTopology(s *scenario.Scenario) *Topology {
	t := &Topology{s: s, known: map[netAddr]int{}}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		t.machines = append(t.machines, machine{name: h.Name, forward: h.Router, reverse: h.ReversePath})
		for _, net := range h.Nets {
			t.machines[i].ports = append(t.machines[i].ports, port{net: net, up: true})
		}
		for _, n := range s.Nets {
			if k := t.machines[i].portOn(n.Name); k >= 0 {
				t.machines[i].made = append(t.machines[i].made, k)
			}
		}
		for _, at := range s.Places(h.Name) {
			a := s.PlaceAddr(h.Name, at)
			fate := fateOf(s, h.Name, at)
			if t.machines[i].assign(s, at, a, fate); !fate.Dead() {
				t.known[netAddr{at.Net, a}] = i
			}
		}
	}
	for i := range s.Routes {
		t.addRoute(&s.Routes[i])
	}
	return t
}

// fateOf is what addr lines say of a place.
func fateOf(s *scenario.Scenario, host string, p scenario.Place) scenario.Fate {
	for i := range s.Addrs {
		if a := &s.Addrs[i]; a.Host == host && a.Place == p {
			return a.Fate
		}
	}
	return scenario.Usable
}

// Clone returns an independent copy.
func (t *Topology) Clone() *Topology {
	c := *t
	c.known = maps.Clone(t.known)
	c.machines = append([]machine(nil), t.machines...)
	for i := range c.machines {
		m := &c.machines[i]
		m.routes = append([]fibRoute(nil), m.routes...)
		m.ports = append([]port(nil), m.ports...)
		for k := range m.ports {
			m.ports[k].addrs = append([]ownAddr(nil), m.ports[k].addrs...)
		}
	}
	return &c
}

// Addrs lists the addresses that a host has now and that are in force, and the
// number of the interface of each, as Snapshot has them.
func (t *Topology) Addrs(host string) (addrs []netip.Addr, devices []uint32) {
	m := t.machine(host)
	if m == nil {
		return nil, nil
	}
	for i := range m.ports {
		for _, a := range m.ports[i].addrs {
			if !a.fate.Dead() {
				addrs, devices = append(addrs, a.Addr), append(devices, scenario.FirstDevice+uint32(i))
			}
		}
	}
	return addrs, devices
}

func (t *Topology) machine(name string) *machine {
	for i := range t.machines {
		if t.machines[i].name == name {
			return &t.machines[i]
		}
	}
	return nil
}

func (m *machine) portOn(net string) int {
	for i := range m.ports {
		if m.ports[i].net == net {
			return i
		}
	}
	return -1
}

// portOf is the interface that an address is on, -1 if the host has it not or
// it is dead. Link-local ones are told apart by their interface: at, if not -1,
// is the one that is meant.
func (m *machine) portOf(a netip.Addr, at int) int {
	for i := range m.ports {
		if at >= 0 && i != at && a.IsLinkLocalUnicast() {
			continue
		}
		for _, own := range m.ports[i].addrs {
			if own.Addr == a && !own.fate.Dead() {
				return i
			}
		}
	}
	return -1
}

// dead reports whether the host has an address that is of no use.
func (m *machine) dead(a netip.Addr) bool {
	for i := range m.ports {
		for _, own := range m.ports[i].addrs {
			if own.Addr == a {
				return own.fate.Dead()
			}
		}
	}
	return false
}

// Equal reports whether two topologies know the same, for go-cmp.
func (t *Topology) Equal(o *Topology) bool { return reflect.DeepEqual(t, o) }

// LinkUp reports whether a host's interface on a network is up.
func (t *Topology) LinkUp(host, net string) bool {
	m := t.machine(host)
	return m != nil && m.portOn(net) >= 0 && m.ports[m.portOn(net)].up
}

// Has reports whether a host has the address of a place now, dead or alive.
func (t *Topology) Has(host string, p scenario.Place) bool {
	m, a := t.machine(host), t.s.PlaceAddr(host, p)
	if m == nil || m.portOn(p.Net) < 0 {
		return false
	}
	return slices.ContainsFunc(m.ports[m.portOn(p.Net)].addrs, func(own ownAddr) bool { return own.Addr == a })
}
