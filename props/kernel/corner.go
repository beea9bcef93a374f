package kernel

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// The exhaustive corner: scenarios that are enumerated, not drawn.

// cornerHosts are two hosts, a and b, each on an IPv4 and an IPv6 network.
func cornerHosts() scenario.Scenario {
	return scenario.Scenario{
		Nets: []scenario.Net{{Name: "lan", Family: scenario.IPv4}, {Name: "lan6", Family: scenario.IPv6}},
		Hosts: []scenario.Host{{Name: "a", Nets: []string{"lan", "lan6"}},
			{Name: "b", Nets: []string{"lan", "lan6"}}},
	}
}

// Conversations enumerates every way in which up to three TCP sockets over IPv4
// on two hosts can bind to port 5060, listen, dial it, be accepted, send, shut
// and close in so many steps, apart from steps on closed sockets. A scenario
// stands for all its beginnings too. Of two that only differ in the hosts'
// names, or in the sockets', one is enumerated. It ends when yield is false.
func Conversations(depth int, yield func(scenario.Scenario) bool) {
	c := &conversations{yield: yield, base: cornerHosts()}
	c.extend(depth, nil, nil)
}

type conversations struct {
	base  scenario.Scenario
	yield func(scenario.Scenario) bool
	over  bool
}

// cornerSocket is a socket of a scenario being enumerated.
type cornerSocket struct {
	name, host string
	closed     bool
}

func (c *conversations) extend(depth int, steps []scenario.Step, sockets []cornerSocket) {
	if c.over {
		return
	}
	if depth == 0 {
		s := c.base
		s.Steps = append([]scenario.Step(nil), steps...)
		c.over = !c.yield(s)
		return
	}
	for i := range sockets {
		if !sockets[i].closed {
			c.act(depth, steps, sockets, i)
		}
	}
	if len(sockets) == 3 {
		return
	}
	for _, host := range []string{"a", "b"} {
		if len(sockets) == 0 && host == "b" {
			return // the same with the hosts' names exchanged
		}
		s := cornerSocket{name: fmt.Sprintf("s%d", len(sockets)+1), host: host}
		opened := scenario.OpenSocket{Name: s.name, Host: host, Carrier: sip.CarrierTCP, Family: scenario.IPv4}
		with := append(sockets[:len(sockets):len(sockets)], s)
		for _, st := range c.beginnings(s) {
			c.extend(depth-1, append(steps[:len(steps):len(steps)], opened, st), with)
		}
	}
}

// beginnings are what a new socket can do.
func (c *conversations) beginnings(s cornerSocket) []scenario.Step {
	own := scenario.Endpoint{Addr: c.base.Addr(s.host, "lan"), Port: 5060}
	all := scenario.Endpoint{Addr: netip.IPv4Unspecified(), Port: 5060}
	steps := []scenario.Step{scenario.BindSocket{Socket: s.name, At: own}, scenario.BindSocket{Socket: s.name, At: all},
		scenario.ListenSocket{Socket: s.name, Backlog: 0}}
	for _, h := range c.base.Hosts {
		steps = append(steps, scenario.DialSocket{Socket: s.name, To: scenario.Endpoint{Addr: c.base.Addr(h.Name, "lan"), Port: 5060}})
	}
	return steps
}

// act extends by everything that socket i can do.
func (c *conversations) act(depth int, steps []scenario.Step, sockets []cornerSocket, i int) {
	s := sockets[i]
	short := steps[:len(steps):len(steps)]
	more := append(c.beginnings(s), scenario.SendSocket{Socket: s.name},
		scenario.ShutdownSocket{Socket: s.name, Sides: scenario.WriteSide})
	for _, st := range more {
		c.extend(depth-1, append(short, st), sockets)
	}
	if len(sockets) < 3 {
		child := cornerSocket{name: fmt.Sprintf("s%d", len(sockets)+1), host: s.host}
		c.extend(depth-1, append(short, scenario.AcceptSocket{Listener: s.name, Name: child.name}),
			append(sockets[:len(sockets):len(sockets)], child))
	}
	closed := append([]cornerSocket(nil), sockets...)
	closed[i].closed = true
	c.extend(depth-1, append(short, scenario.CloseSocket{Socket: s.name}), closed)
}

// Contentions enumerates every way in which so many sockets of one transport
// can contend for port 5060 of a host: each IPv4 or IPv6, with no option,
// SO_REUSEADDR, SO_REUSEPORT or (IPv6) IPV6_V6ONLY, bound to the wildcard or to
// the host's address, and, for TCP, listening or not. It ends when yield is
// false.
func Contentions(t sip.Carrier, sockets int, yield func(scenario.Scenario) bool) {
	c := &contentions{transport: t, yield: yield, base: cornerHosts()}
	c.extend(sockets, nil)
}

type contentions struct {
	transport sip.Carrier
	base      scenario.Scenario
	yield     func(scenario.Scenario) bool
	over      bool
}

func (c *contentions) extend(sockets int, steps []scenario.Step) {
	if c.over {
		return
	}
	if sockets == 0 {
		s := c.base
		s.Steps = append([]scenario.Step(nil), steps...)
		c.over = !c.yield(s)
		return
	}
	name := fmt.Sprintf("s%d", sockets)
	for _, family := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
		for _, option := range []scenario.Option{0, scenario.OptionReuseAddr, scenario.OptionReusePort, scenario.OptionV6Only} {
			if option == scenario.OptionV6Only && family == scenario.IPv4 {
				continue
			}
			for _, at := range c.ends(family) {
				one := append(steps[:len(steps):len(steps)],
					scenario.OpenSocket{Name: name, Host: "a", Carrier: c.transport, Family: family})
				if option != 0 {
					one = append(one, scenario.SetOption{Socket: name, Option: option})
				}
				one = append(one, scenario.BindSocket{Socket: name, At: at})
				c.extend(sockets-1, one)
				if c.transport == sip.CarrierTCP {
					c.extend(sockets-1, append(one[:len(one):len(one)], scenario.ListenSocket{Socket: name, Backlog: 4}))
				}
			}
		}
	}
}

func (c *contentions) ends(f scenario.Family) []scenario.Endpoint {
	if f == scenario.IPv4 {
		return []scenario.Endpoint{{Addr: netip.IPv4Unspecified(), Port: 5060}, {Addr: c.base.Addr("a", "lan"), Port: 5060}}
	}
	return []scenario.Endpoint{{Addr: netip.IPv6Unspecified(), Port: 5060}, {Addr: c.base.Addr("a", "lan6"), Port: 5060}}
}
