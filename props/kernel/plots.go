package kernel

import (
	"net/netip"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Plots: steps that belong together, since what they come to depends on all of
// them. Drawn one by one they would hardly ever meet.

// share makes a second socket for a port that is taken.
func (g *gen) share() {
	_, s, host, ok := g.live(func(s *linux.Socket) bool { return s.Local.Port() != 0 && s.Local.Port() < firstPicked })
	if !ok {
		return
	}
	name := g.name()
	family := scenario.IPv4
	if s.V6 && g.chance(80) || !s.V6 && g.chance(20) {
		family = scenario.IPv6
	}
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: s.Carrier, Family: family})
	g.open = append(g.open, name)
	if g.chance(60) {
		g.add(scenario.SetOption{Socket: name, Option: pick(g, []scenario.Option{scenario.OptionReuseAddr, scenario.OptionReusePort})})
	}
	at := scenario.Endpoint{Addr: g.bindAddr(host, family), Port: s.Local.Port()}
	if g.chance(50) && (s.Local.Addr().Unmap().Is4() == (family == scenario.IPv4)) {
		at.Addr = s.Local.Addr().Unmap()
	}
	g.add(scenario.BindSocket{Socket: name, At: at})
	if s.Carrier == sip.CarrierTCP && g.chance(70) {
		g.add(scenario.ListenSocket{Socket: name, Backlog: 1})
	}
}

// twins makes two sockets or three that share a port, or try to.
func (g *gen) twins() {
	t, host, port := pick(g, sip.Carriers), g.host(), g.port()
	option := pick(g, []scenario.Option{scenario.OptionReuseAddr, scenario.OptionReusePort})
	family := pick(g, []scenario.Family{scenario.IPv4, scenario.IPv4, scenario.IPv6})
	listenAtOnce := g.chance(60)
	var later []string
	for range 2 + g.n(4)/3 {
		name := g.name()
		if g.chance(15) {
			family = scenario.IPv4 + scenario.IPv6 - family
		}
		g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: t, Family: family})
		g.open = append(g.open, name)
		g.add(scenario.SetOption{Socket: name, Option: option})
		at := scenario.Endpoint{Addr: netip.IPv4Unspecified(), Port: port}
		if family == scenario.IPv6 {
			at.Addr = netip.IPv6Unspecified()
		}
		if g.chance(40) {
			at.Addr = g.s.Addr(host, map[scenario.Family]string{scenario.IPv4: "lan", scenario.IPv6: "lan6"}[family])
		}
		g.add(scenario.BindSocket{Socket: name, At: at})
		if option == scenario.OptionReuseAddr && g.chance(10) {
			g.add(scenario.SetOption{Socket: name, Option: option, Off: true})
		}
		switch {
		case t == sip.CarrierTCP && listenAtOnce:
			g.add(scenario.ListenSocket{Socket: name, Backlog: 2})
		case t == sip.CarrierTCP:
			later = append(later, name)
		}
	}
	for _, name := range later {
		g.add(scenario.ListenSocket{Socket: name, Backlog: 2})
	}
}

// bound makes a socket on a host, with an option unless it is 0, and binds it.
func (g *gen) bound(host string, t sip.Carrier, option scenario.Option, at scenario.Endpoint) string {
	name, family := g.name(), scenario.IPv4
	if at.Addr.Is6() {
		family = scenario.IPv6
	}
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: t, Family: family})
	g.open = append(g.open, name)
	if option != 0 {
		g.add(scenario.SetOption{Socket: name, Option: option})
	}
	g.add(scenario.BindSocket{Socket: name, At: at})
	return name
}

// sameEnds dials twice from one port to one listener, while the first
// connection lives or after one side or both have ended it.
func (g *gen) sameEnds() {
	net := pick(g, []string{"lan", "lan", "lan6"})
	server, client := g.host(), g.host()
	to := scenario.Endpoint{Addr: g.s.Addr(server, net), Port: 5063}
	from := scenario.Endpoint{Addr: g.s.Addr(client, net), Port: 5064}
	l := g.bound(server, sip.CarrierTCP, scenario.OptionReuseAddr, to)
	g.add(scenario.ListenSocket{Socket: l, Backlog: 4})
	first := g.bound(client, sip.CarrierTCP, scenario.OptionReuseAddr, from)
	accepted := g.name()
	if !g.add(scenario.DialSocket{Socket: first, To: to}) || !g.add(scenario.AcceptSocket{Listener: l, Name: accepted}) {
		return
	}
	g.open = append(g.open, accepted)
	switch g.n(4) {
	case 0:
		g.shut(first)
		g.shut(accepted)
	case 1:
		g.shut(accepted)
		g.shut(first)
	case 2:
		g.add(scenario.ShutdownSocket{Socket: first, Sides: scenario.WriteSide})
		g.add(scenario.ShutdownSocket{Socket: accepted, Sides: scenario.WriteSide})
	}
	if g.chance(50) { // and opens the port again, with luck
		g.shut(l)
		g.bound(server, sip.CarrierTCP, pick(g, []scenario.Option{0, scenario.OptionReuseAddr, scenario.OptionReuseAddr}), to)
		return
	}
	g.add(scenario.DialSocket{Socket: g.bound(client, sip.CarrierTCP, scenario.OptionReuseAddr, from), To: to})
}

// deadDial has an unanswered dial destroyed, and goes on with the socket; or
// takes away the address from which a socket would dial.
func (g *gen) deadDial() {
	host := g.host()
	if g.chance(15) { // the refusal is lost
		name := g.bound(host, sip.CarrierTCP, 0, scenario.Endpoint{Addr: netip.IPv6Loopback(), Port: g.port()})
		g.add(scenario.DialSocket{Socket: name, To: scenario.Endpoint{Addr: g.s.Addr(host, "lan6"), Port: 9}})
		return
	}
	if g.chance(50) {
		name := g.bound(host, pick(g, sip.Carriers), 0, scenario.Endpoint{Addr: g.s.Addr(host, "lan"), Port: g.port()})
		g.add(scenario.RemoveAddr{Host: host, Addr: g.s.Addr(host, "lan")})
		g.add(scenario.DialSocket{Socket: name, To: g.anyTo(scenario.IPv4)})
		return
	}
	name := g.name()
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: sip.CarrierTCP, Family: scenario.IPv4})
	g.open = append(g.open, name)
	g.add(scenario.DialSocket{Socket: name, To: scenario.Endpoint{Addr: nobodys[scenario.IPv4], Port: g.port()}})
	g.add(scenario.DestroySocket{Socket: name})
	if g.chance(50) {
		g.add(scenario.ShutdownSocket{Socket: name, Sides: scenario.BothSides})
	}
	g.add(scenario.DialSocket{Socket: name, To: g.anyTo(scenario.IPv4)})
}

// hidden has three sockets contend for a port: one without any option, and two
// that share with each other.
func (g *gen) hidden() {
	host, port, t := g.host(), g.port(), pick(g, sip.Carriers)
	ends := []scenario.Endpoint{
		{Addr: netip.IPv4Unspecified(), Port: port}, {Addr: netip.IPv6Unspecified(), Port: port},
		{Addr: g.s.Addr(host, "lan"), Port: port}, {Addr: g.s.Addr(host, "lan6"), Port: port},
		{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: port},
	}
	if g.chance(25) { // on a device each
		for range 2 {
			name, at := g.name(), pick(g, ends)
			family := scenario.IPv4
			if at.Addr.Is6() {
				family = scenario.IPv6
			}
			g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: t, Family: family})
			g.open = append(g.open, name)
			g.add(scenario.SetOption{Socket: name, Option: scenario.OptionDevice, Device: uint32(1 + g.n(3))})
			if g.add(scenario.BindSocket{Socket: name, At: at}) && t == sip.CarrierTCP {
				g.add(scenario.ListenSocket{Socket: name, Backlog: 2})
			}
		}
		return
	}
	g.bound(host, t, 0, pick(g, ends[2:]))
	for range 2 + g.n(2) {
		g.bound(host, t, scenario.OptionReusePort, pick(g, ends))
	}
}

// conversation makes a connection between two programs, and maybe lets one of
// them end it, or the listener that it came from.
func (g *gen) conversation() {
	l, s, host, ok := g.live(func(s *linux.Socket) bool { return s.State == linux.StateListen })
	if !ok || g.chance(30) {
		g.listener()
		l, s, host, ok = g.live(func(s *linux.Socket) bool { return s.State == linux.StateListen })
	}
	if !ok {
		return
	}
	dialled, accepted := g.name(), g.name()
	g.dialFor(dialled, l, host, &s)
	if g.chance(40) {
		g.early(dialled)
	}
	if !g.add(scenario.AcceptSocket{Listener: l, Name: accepted}) {
		return
	}
	g.open = append(g.open, accepted)
	switch g.n(6) {
	case 0:
		g.add(scenario.SendSocket{Socket: dialled})
		g.shut(accepted)
	case 1:
		g.add(scenario.SendSocket{Socket: accepted})
		g.shut(dialled)
	case 2, 3:
		g.shut(l)
	case 4:
		g.shut(l)
		g.rebind(host, s)
	case 5:
		g.add(scenario.ShutdownSocket{Socket: l, Sides: scenario.Sides(1 + g.n(3))})
	}
}

// dialFor makes a socket on some host and dials a listener with it.
func (g *gen) dialFor(name, listener, host string, s *linux.Socket) {
	to := scenario.Endpoint{Addr: s.Local.Addr().Unmap(), Of: listener}
	family, net := scenario.IPv4, "lan"
	if to.Addr.Is6() {
		family, net = scenario.IPv6, "lan6"
	}
	if to.Addr.IsUnspecified() {
		to.Addr = g.s.Addr(host, net)
	}
	from := g.host()
	if to.Addr.IsLoopback() {
		from = host
	}
	if s.Local.Port() < firstPicked {
		to.Of, to.Port = "", s.Local.Port()
	}
	g.add(scenario.OpenSocket{Name: name, Host: from, Carrier: sip.CarrierTCP, Family: family})
	g.open = append(g.open, name)
	g.add(scenario.DialSocket{Socket: name, To: to})
}

// early ends a connection that nobody has accepted yet, or sends on it.
func (g *gen) early(dialled string) {
	switch g.n(4) {
	case 0:
		g.add(scenario.DestroySocket{Socket: dialled})
	case 1:
		g.add(scenario.SendSocket{Socket: dialled})
	case 2:
		g.add(scenario.SetOption{Socket: dialled, Option: scenario.OptionLinger0})
		g.shut(dialled)
	default:
		g.shut(dialled)
	}
}

// reopen binds a new socket to the port of a connection or of what was one.
func (g *gen) reopen() {
	if _, s, host, ok := g.live(func(s *linux.Socket) bool {
		return s.Carrier == sip.CarrierTCP && s.Remote.IsValid() && s.Local.Port() < firstPicked
	}); ok {
		g.rebind(host, s)
	}
}

// rebind binds a new socket to a port that another one has or had.
func (g *gen) rebind(host string, s linux.Socket) {
	if s.Local.Port() >= firstPicked {
		return
	}
	name, family := g.name(), scenario.IPv4
	if s.V6 {
		family = scenario.IPv6
	}
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: s.Carrier, Family: family})
	g.open = append(g.open, name)
	if g.chance(40) {
		g.add(scenario.SetOption{Socket: name, Option: scenario.OptionReuseAddr})
	}
	at := scenario.Endpoint{Addr: s.Local.Addr().Unmap(), Port: s.Local.Port()}
	if g.add(scenario.BindSocket{Socket: name, At: at}) && g.chance(70) {
		g.add(scenario.ListenSocket{Socket: name, Backlog: 1})
	}
}

// relisten listens with what is open already.
func (g *gen) relisten() {
	if name, _, _, ok := g.live(func(s *linux.Socket) bool {
		return s.Carrier == sip.CarrierTCP && (s.State == linux.StateClose || s.State == linux.StateListen)
	}); ok {
		g.add(scenario.ListenSocket{Socket: name, Backlog: uint32(g.n(3))})
	}
}

// nonsense does anything to anything.
func (g *gen) nonsense() {
	if len(g.all) == 0 {
		return
	}
	name := pick(g, g.all)
	switch g.n(11) {
	case 0:
		g.add(scenario.ListenSocket{Socket: name, Backlog: 1})
	case 1:
		if g.m.HostOf(name) != "" {
			s, _ := g.m.Socket(name)
			family := scenario.IPv4
			if s.V6 {
				family = scenario.IPv6
			}
			g.bindTo(name, g.m.HostOf(name), family)
		}
	case 2:
		g.add(scenario.DialSocket{Socket: name, To: g.anyTo(pick(g, []scenario.Family{scenario.IPv4, scenario.IPv6}))})
	case 3:
		g.add(scenario.SendSocket{Socket: name})
	case 4:
		g.add(scenario.ReadSocket{Socket: name})
	case 5:
		g.add(scenario.ShutdownSocket{Socket: name, Sides: scenario.Sides(1 + g.n(3))})
	case 6:
		fresh := g.name()
		if g.add(scenario.AcceptSocket{Listener: name, Name: fresh}) {
			g.open = append(g.open, fresh)
		}
	case 7:
		g.add(scenario.SetOption{Socket: name, Option: pick(g, []scenario.Option{scenario.OptionV6Only, scenario.OptionReuseAddr}), Off: g.chance(50)})
	case 8:
		g.add(scenario.DestroySocket{Socket: name})
	case 9:
		g.add(scenario.SendTo{Socket: name, To: g.anyTo(pick(g, []scenario.Family{scenario.IPv4, scenario.IPv6}))})
	case 10:
		g.add(scenario.SetOption{Socket: name, Option: scenario.OptionLinger0, Off: g.chance(20)})
	}
}
