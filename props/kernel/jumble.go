package kernel

import (
	"net/netip"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// A jumble is a scenario that nobody would write: few sockets, fewer ports, and
// every call on any of them in any order. What plots arrange in good order is
// here taken back, done twice, and done too late.

// jumble draws the next steps of one.
func (g *gen) jumble() {
	if len(g.open) < 2 || len(g.open) < 5 && g.chance(25) {
		g.stray()
		return
	}
	g.stir(pick(g, g.open))
}

// stray opens a socket, and maybe gives it an option before it is bound, and
// maybe one after.
func (g *gen) stray() {
	t := sip.CarrierUDP
	if g.chance(35) {
		t = sip.CarrierTCP
	}
	name, host := g.name(), g.s.Hosts[g.n(4)/3].Name
	family := pick(g, []scenario.Family{scenario.IPv4, scenario.IPv4, scenario.IPv6})
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: t, Family: family})
	g.open = append(g.open, name)
	for range g.n(3) {
		g.anyOption(name)
	}
	if g.chance(90) {
		g.add(scenario.BindSocket{Socket: name, At: g.oddEnd(host, family)})
	}
	if t == sip.CarrierTCP && g.chance(40) {
		g.add(scenario.ListenSocket{Socket: name, Backlog: 2})
	}
	if g.chance(20) {
		g.anyOption(name)
	}
}

// anyOption sets one of the options that decide who shares a port.
func (g *gen) anyOption(name string) {
	o := pick(g, []scenario.Option{scenario.OptionReuseAddr, scenario.OptionReuseAddr, scenario.OptionReusePort,
		scenario.OptionReusePort, scenario.OptionDevice, scenario.OptionV6Only})
	st := scenario.SetOption{Socket: name, Option: o, Off: g.chance(15)}
	if o == scenario.OptionDevice {
		st.Off, st.Device = false, uint32(g.n(4))
	}
	g.add(st)
}

// oddEnd draws where to bind: any address that the host has, or could think it
// has, and a port of two.
func (g *gen) oddEnd(host string, f scenario.Family) scenario.Endpoint {
	e := scenario.Endpoint{Port: 5060 + uint16(g.n(4)/3)}
	if g.chance(8) {
		e.Port = 0
	}
	e.Addr = pick(g, g.oddAddrs(host, f))
	return e
}

// oddAddrs lists a host's addresses, of which an IPv6 socket may have those of
// IPv4 too.
func (g *gen) oddAddrs(host string, f scenario.Family) []netip.Addr {
	four := []netip.Addr{netip.IPv4Unspecified(), g.s.Addr(host, "lan"), netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if f == scenario.IPv4 {
		return four
	}
	six := []netip.Addr{netip.IPv6Unspecified(), g.s.Addr(host, "lan6"), netip.IPv6Loopback()}
	return append(append(six, six...), four...)
}

// stir does something to a socket that is open.
func (g *gen) stir(name string) {
	s, _ := g.m.Socket(name)
	host, family := g.m.HostOf(name), scenario.IPv4
	if s.V6 {
		family = scenario.IPv6
	}
	switch k := g.n(28); {
	case k < 7:
		g.add(scenario.DialSocket{Socket: name, To: g.oddTo(host, &s, family)})
	case k < 11:
		g.add(scenario.UndialSocket{Socket: name})
	case k < 13:
		g.add(scenario.DestroySocket{Socket: name})
	case k < 16:
		g.add(scenario.BindSocket{Socket: name, At: g.oddEnd(host, family)})
	case k < 20 && s.Carrier == sip.CarrierUDP:
		g.add(scenario.SendTo{Socket: name, To: g.oddTo(host, &s, family)})
	case k < 18:
		g.add(scenario.ListenSocket{Socket: name, Backlog: uint32(g.n(3))})
	case k < 20:
		fresh := g.name()
		if g.add(scenario.AcceptSocket{Listener: name, Name: fresh}) {
			g.open = append(g.open, fresh)
		}
	case k < 22:
		g.anyOption(name)
	case k == 22:
		g.add(scenario.SendSocket{Socket: name})
	case k == 23:
		g.add(scenario.ReadSocket{Socket: name})
	case k == 24:
		g.add(scenario.ShutdownSocket{Socket: name, Sides: scenario.Sides(1 + g.n(3))})
	case k == 25:
		g.shut(name)
	case k == 26 && g.chance(20):
		g.add(scenario.RemoveAddr{Host: host, Addr: g.s.Addr(host, pick(g, []string{"lan", "lan6"}))})
	default:
		g.add(scenario.SendSocket{Socket: name})
	}
}

// oddTo draws whom to dial or to send to: oneself, another of the open sockets,
// or nobody.
func (g *gen) oddTo(host string, s *linux.Socket, f scenario.Family) scenario.Endpoint {
	other, at := *s, host
	if g.chance(70) {
		name := pick(g, g.open)
		other, _ = g.m.Socket(name)
		at = g.m.HostOf(name)
	}
	e := scenario.Endpoint{Addr: other.Local.Addr().Unmap(), Port: other.Local.Port()}
	if e.Port == 0 || e.Port >= firstPicked {
		e.Port = 5060
	}
	if g.chance(2) {
		e.Port = 0
	}
	if !e.Addr.IsValid() || e.Addr.Is6() && f == scenario.IPv4 || e.Addr.IsUnspecified() || g.chance(15) {
		e.Addr = pick(g, g.oddAddrs(at, f))
	}
	return e
}
