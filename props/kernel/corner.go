package kernel

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model"
)

// The exhaustive corner: scenarios that are enumerated, not drawn.

// cornerHosts are two hosts, a and b, each on an IPv4 and an IPv6 network.
func cornerHosts() model.Scenario {
	return model.Scenario{
		Nets: []model.Net{{Name: "lan", Family: model.IPv4}, {Name: "lan6", Family: model.IPv6}},
		Hosts: []model.Host{{Name: "a", Nets: []string{"lan", "lan6"}},
			{Name: "b", Nets: []string{"lan", "lan6"}}},
	}
}

// Conversations enumerates every way in which up to three TCP sockets over IPv4
// on two hosts can bind to port 5060, listen, dial it, be accepted, send, shut
// and close in so many steps, apart from steps on closed sockets. A scenario
// stands for all its beginnings too. Of two that only differ in the hosts'
// names, or in the sockets', one is enumerated. It ends when yield is false.
func Conversations(depth int, yield func(model.Scenario) bool) {
	c := &conversations{yield: yield, base: cornerHosts()}
	c.extend(depth, nil, nil)
}

type conversations struct {
	base  model.Scenario
	yield func(model.Scenario) bool
	over  bool
}

// cornerSocket is a socket of a scenario being enumerated.
type cornerSocket struct {
	name, host string
	closed     bool
}

func (c *conversations) extend(depth int, steps []model.Step, sockets []cornerSocket) {
	if c.over {
		return
	}
	if depth == 0 {
		s := c.base
		s.Steps = append([]model.Step(nil), steps...)
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
		opened := model.OpenSocket{Name: s.name, Host: host, Transport: model.TCP, Family: model.IPv4}
		with := append(sockets[:len(sockets):len(sockets)], s)
		for _, st := range c.beginnings(s) {
			c.extend(depth-1, append(steps[:len(steps):len(steps)], opened, st), with)
		}
	}
}

// beginnings are what a new socket can do.
func (c *conversations) beginnings(s cornerSocket) []model.Step {
	own := model.Endpoint{Addr: c.base.Addr(s.host, "lan"), Port: 5060}
	all := model.Endpoint{Addr: netip.IPv4Unspecified(), Port: 5060}
	steps := []model.Step{model.BindSocket{Socket: s.name, At: own}, model.BindSocket{Socket: s.name, At: all},
		model.ListenSocket{Socket: s.name, Backlog: 0}}
	for _, h := range c.base.Hosts {
		steps = append(steps, model.DialSocket{Socket: s.name, To: model.Endpoint{Addr: c.base.Addr(h.Name, "lan"), Port: 5060}})
	}
	return steps
}

// act extends by everything that socket i can do.
func (c *conversations) act(depth int, steps []model.Step, sockets []cornerSocket, i int) {
	s := sockets[i]
	short := steps[:len(steps):len(steps)]
	more := append(c.beginnings(s), model.SendSocket{Socket: s.name},
		model.ShutdownSocket{Socket: s.name, Sides: model.WriteSide})
	for _, st := range more {
		c.extend(depth-1, append(short, st), sockets)
	}
	if len(sockets) < 3 {
		child := cornerSocket{name: fmt.Sprintf("s%d", len(sockets)+1), host: s.host}
		c.extend(depth-1, append(short, model.AcceptSocket{Listener: s.name, Name: child.name}),
			append(sockets[:len(sockets):len(sockets)], child))
	}
	closed := append([]cornerSocket(nil), sockets...)
	closed[i].closed = true
	c.extend(depth-1, append(short, model.CloseSocket{Socket: s.name}), closed)
}

// Contentions enumerates every way in which so many sockets of one transport
// can contend for port 5060 of a host: each IPv4 or IPv6, with no option,
// SO_REUSEADDR, SO_REUSEPORT or (IPv6) IPV6_V6ONLY, bound to the wildcard or to
// the host's address, and, for TCP, listening or not. It ends when yield is
// false.
func Contentions(t model.Transport, sockets int, yield func(model.Scenario) bool) {
	c := &contentions{transport: t, yield: yield, base: cornerHosts()}
	c.extend(sockets, nil)
}

type contentions struct {
	transport model.Transport
	base      model.Scenario
	yield     func(model.Scenario) bool
	over      bool
}

func (c *contentions) extend(sockets int, steps []model.Step) {
	if c.over {
		return
	}
	if sockets == 0 {
		s := c.base
		s.Steps = append([]model.Step(nil), steps...)
		c.over = !c.yield(s)
		return
	}
	name := fmt.Sprintf("s%d", sockets)
	for _, family := range []model.Family{model.IPv4, model.IPv6} {
		for _, option := range []model.Option{0, model.OptionReuseAddr, model.OptionReusePort, model.OptionV6Only} {
			if option == model.OptionV6Only && family == model.IPv4 {
				continue
			}
			for _, at := range c.ends(family) {
				one := append(steps[:len(steps):len(steps)],
					model.OpenSocket{Name: name, Host: "a", Transport: c.transport, Family: family})
				if option != 0 {
					one = append(one, model.SetOption{Socket: name, Option: option})
				}
				one = append(one, model.BindSocket{Socket: name, At: at})
				c.extend(sockets-1, one)
				if c.transport == model.TCP {
					c.extend(sockets-1, append(one[:len(one):len(one)], model.ListenSocket{Socket: name, Backlog: 4}))
				}
			}
		}
	}
}

func (c *contentions) ends(f model.Family) []model.Endpoint {
	if f == model.IPv4 {
		return []model.Endpoint{{Addr: netip.IPv4Unspecified(), Port: 5060}, {Addr: c.base.Addr("a", "lan"), Port: 5060}}
	}
	return []model.Endpoint{{Addr: netip.IPv6Unspecified(), Port: 5060}, {Addr: c.base.Addr("a", "lan6"), Port: 5060}}
}
