package kernel

import (
	"net/netip"

	"github.com/greka-sip/greka/model"
)

// Plots: steps that belong together, since what they come to depends on all of
// them. Drawn one by one they would hardly ever meet.

// share makes a second socket for a port that is taken.
func (g *gen) share() {
	_, s, host, ok := g.live(func(s *model.Socket) bool { return s.Local.Port() != 0 && s.Local.Port() < firstPicked })
	if !ok {
		return
	}
	name := g.name()
	family := model.IPv4
	if s.V6 && g.chance(80) || !s.V6 && g.chance(20) {
		family = model.IPv6
	}
	g.add(model.OpenSocket{Name: name, Host: host, Transport: s.Transport, Family: family})
	g.open = append(g.open, name)
	if g.chance(60) {
		g.add(model.SetOption{Socket: name, Option: pick(g, []model.Option{model.OptionReuseAddr, model.OptionReusePort})})
	}
	at := model.Endpoint{Addr: g.bindAddr(host, family), Port: s.Local.Port()}
	if g.chance(50) && (s.Local.Addr().Unmap().Is4() == (family == model.IPv4)) {
		at.Addr = s.Local.Addr().Unmap()
	}
	g.add(model.BindSocket{Socket: name, At: at})
	if s.Transport == model.TCP && g.chance(70) {
		g.add(model.ListenSocket{Socket: name, Backlog: 1})
	}
}

// twins makes two sockets or three that share a port, or try to.
func (g *gen) twins() {
	t, host, port := pick(g, model.Transports), g.host(), g.port()
	option := pick(g, []model.Option{model.OptionReuseAddr, model.OptionReusePort})
	family := pick(g, []model.Family{model.IPv4, model.IPv4, model.IPv6})
	listenAtOnce := g.chance(60)
	var later []string
	for range 2 + g.n(4)/3 {
		name := g.name()
		if g.chance(15) {
			family = model.IPv4 + model.IPv6 - family
		}
		g.add(model.OpenSocket{Name: name, Host: host, Transport: t, Family: family})
		g.open = append(g.open, name)
		g.add(model.SetOption{Socket: name, Option: option})
		at := model.Endpoint{Addr: netip.IPv4Unspecified(), Port: port}
		if family == model.IPv6 {
			at.Addr = netip.IPv6Unspecified()
		}
		if g.chance(40) {
			at.Addr = g.s.Addr(host, map[model.Family]string{model.IPv4: "lan", model.IPv6: "lan6"}[family])
		}
		g.add(model.BindSocket{Socket: name, At: at})
		if option == model.OptionReuseAddr && g.chance(10) {
			g.add(model.SetOption{Socket: name, Option: option, Off: true})
		}
		switch {
		case t == model.TCP && listenAtOnce:
			g.add(model.ListenSocket{Socket: name, Backlog: 2})
		case t == model.TCP:
			later = append(later, name)
		}
	}
	for _, name := range later {
		g.add(model.ListenSocket{Socket: name, Backlog: 2})
	}
}

// bound makes a socket on a host, with an option unless it is 0, and binds it.
func (g *gen) bound(host string, t model.Transport, option model.Option, at model.Endpoint) string {
	name, family := g.name(), model.IPv4
	if at.Addr.Is6() {
		family = model.IPv6
	}
	g.add(model.OpenSocket{Name: name, Host: host, Transport: t, Family: family})
	g.open = append(g.open, name)
	if option != 0 {
		g.add(model.SetOption{Socket: name, Option: option})
	}
	g.add(model.BindSocket{Socket: name, At: at})
	return name
}

// sameEnds dials twice from one port to one listener, while the first
// connection lives or after one side or both have ended it.
func (g *gen) sameEnds() {
	net := pick(g, []string{"lan", "lan", "lan6"})
	server, client := g.host(), g.host()
	to := model.Endpoint{Addr: g.s.Addr(server, net), Port: 5063}
	from := model.Endpoint{Addr: g.s.Addr(client, net), Port: 5064}
	l := g.bound(server, model.TCP, model.OptionReuseAddr, to)
	g.add(model.ListenSocket{Socket: l, Backlog: 4})
	first := g.bound(client, model.TCP, model.OptionReuseAddr, from)
	accepted := g.name()
	if !g.add(model.DialSocket{Socket: first, To: to}) || !g.add(model.AcceptSocket{Listener: l, Name: accepted}) {
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
		g.add(model.ShutdownSocket{Socket: first, Sides: model.WriteSide})
		g.add(model.ShutdownSocket{Socket: accepted, Sides: model.WriteSide})
	}
	if g.chance(50) { // and opens the port again, with luck
		g.shut(l)
		g.bound(server, model.TCP, pick(g, []model.Option{0, model.OptionReuseAddr, model.OptionReuseAddr}), to)
		return
	}
	g.add(model.DialSocket{Socket: g.bound(client, model.TCP, model.OptionReuseAddr, from), To: to})
}

// deadDial has an unanswered dial destroyed, and goes on with the socket; or
// takes away the address from which a socket would dial.
func (g *gen) deadDial() {
	host := g.host()
	if g.chance(15) { // the refusal is lost
		name := g.bound(host, model.TCP, 0, model.Endpoint{Addr: netip.IPv6Loopback(), Port: g.port()})
		g.add(model.DialSocket{Socket: name, To: model.Endpoint{Addr: g.s.Addr(host, "lan6"), Port: 9}})
		return
	}
	if g.chance(50) {
		name := g.bound(host, pick(g, model.Transports), 0, model.Endpoint{Addr: g.s.Addr(host, "lan"), Port: g.port()})
		g.add(model.RemoveAddr{Host: host, Addr: g.s.Addr(host, "lan")})
		g.add(model.DialSocket{Socket: name, To: g.anyTo(model.IPv4)})
		return
	}
	name := g.name()
	g.add(model.OpenSocket{Name: name, Host: host, Transport: model.TCP, Family: model.IPv4})
	g.open = append(g.open, name)
	g.add(model.DialSocket{Socket: name, To: model.Endpoint{Addr: nobodys[model.IPv4], Port: g.port()}})
	g.add(model.DestroySocket{Socket: name})
	if g.chance(50) {
		g.add(model.ShutdownSocket{Socket: name, Sides: model.BothSides})
	}
	g.add(model.DialSocket{Socket: name, To: g.anyTo(model.IPv4)})
}

// hidden has three sockets contend for a port: one without any option, and two
// that share with each other.
func (g *gen) hidden() {
	host, port, t := g.host(), g.port(), pick(g, model.Transports)
	ends := []model.Endpoint{
		{Addr: netip.IPv4Unspecified(), Port: port}, {Addr: netip.IPv6Unspecified(), Port: port},
		{Addr: g.s.Addr(host, "lan"), Port: port}, {Addr: g.s.Addr(host, "lan6"), Port: port},
		{Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Port: port},
	}
	if g.chance(25) { // on a device each
		for range 2 {
			name, at := g.name(), pick(g, ends)
			family := model.IPv4
			if at.Addr.Is6() {
				family = model.IPv6
			}
			g.add(model.OpenSocket{Name: name, Host: host, Transport: t, Family: family})
			g.open = append(g.open, name)
			g.add(model.SetOption{Socket: name, Option: model.OptionDevice, Device: uint32(1 + g.n(3))})
			if g.add(model.BindSocket{Socket: name, At: at}) && t == model.TCP {
				g.add(model.ListenSocket{Socket: name, Backlog: 2})
			}
		}
		return
	}
	g.bound(host, t, 0, pick(g, ends[2:]))
	for range 2 + g.n(2) {
		g.bound(host, t, model.OptionReusePort, pick(g, ends))
	}
}

// conversation makes a connection between two programs, and maybe lets one of
// them end it, or the listener that it came from.
func (g *gen) conversation() {
	l, s, host, ok := g.live(func(s *model.Socket) bool { return s.State == model.StateListen })
	if !ok || g.chance(30) {
		g.listener()
		l, s, host, ok = g.live(func(s *model.Socket) bool { return s.State == model.StateListen })
	}
	if !ok {
		return
	}
	dialled, accepted := g.name(), g.name()
	g.dialFor(dialled, l, host, &s)
	if g.chance(40) {
		g.early(dialled)
	}
	if !g.add(model.AcceptSocket{Listener: l, Name: accepted}) {
		return
	}
	g.open = append(g.open, accepted)
	switch g.n(6) {
	case 0:
		g.add(model.SendSocket{Socket: dialled})
		g.shut(accepted)
	case 1:
		g.add(model.SendSocket{Socket: accepted})
		g.shut(dialled)
	case 2, 3:
		g.shut(l)
	case 4:
		g.shut(l)
		g.rebind(host, s)
	case 5:
		g.add(model.ShutdownSocket{Socket: l, Sides: model.Sides(1 + g.n(3))})
	}
}

// dialFor makes a socket on some host and dials a listener with it.
func (g *gen) dialFor(name, listener, host string, s *model.Socket) {
	to := model.Endpoint{Addr: s.Local.Addr().Unmap(), Of: listener}
	family, net := model.IPv4, "lan"
	if to.Addr.Is6() {
		family, net = model.IPv6, "lan6"
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
	g.add(model.OpenSocket{Name: name, Host: from, Transport: model.TCP, Family: family})
	g.open = append(g.open, name)
	g.add(model.DialSocket{Socket: name, To: to})
}

// early ends a connection that nobody has accepted yet, or sends on it.
func (g *gen) early(dialled string) {
	switch g.n(4) {
	case 0:
		g.add(model.DestroySocket{Socket: dialled})
	case 1:
		g.add(model.SendSocket{Socket: dialled})
	case 2:
		g.add(model.SetOption{Socket: dialled, Option: model.OptionLinger0})
		g.shut(dialled)
	default:
		g.shut(dialled)
	}
}

// reopen binds a new socket to the port of a connection or of what was one.
func (g *gen) reopen() {
	if _, s, host, ok := g.live(func(s *model.Socket) bool {
		return s.Transport == model.TCP && s.Remote.IsValid() && s.Local.Port() < firstPicked
	}); ok {
		g.rebind(host, s)
	}
}

// rebind binds a new socket to a port that another one has or had.
func (g *gen) rebind(host string, s model.Socket) {
	if s.Local.Port() >= firstPicked {
		return
	}
	name, family := g.name(), model.IPv4
	if s.V6 {
		family = model.IPv6
	}
	g.add(model.OpenSocket{Name: name, Host: host, Transport: s.Transport, Family: family})
	g.open = append(g.open, name)
	if g.chance(40) {
		g.add(model.SetOption{Socket: name, Option: model.OptionReuseAddr})
	}
	at := model.Endpoint{Addr: s.Local.Addr().Unmap(), Port: s.Local.Port()}
	if g.add(model.BindSocket{Socket: name, At: at}) && g.chance(70) {
		g.add(model.ListenSocket{Socket: name, Backlog: 1})
	}
}

// relisten listens with what is open already.
func (g *gen) relisten() {
	if name, _, _, ok := g.live(func(s *model.Socket) bool {
		return s.Transport == model.TCP && (s.State == model.StateClose || s.State == model.StateListen)
	}); ok {
		g.add(model.ListenSocket{Socket: name, Backlog: uint32(g.n(3))})
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
		g.add(model.ListenSocket{Socket: name, Backlog: 1})
	case 1:
		if g.m.HostOf(name) != "" {
			s, _ := g.m.Socket(name)
			family := model.IPv4
			if s.V6 {
				family = model.IPv6
			}
			g.bindTo(name, g.m.HostOf(name), family)
		}
	case 2:
		g.add(model.DialSocket{Socket: name, To: g.anyTo(pick(g, []model.Family{model.IPv4, model.IPv6}))})
	case 3:
		g.add(model.SendSocket{Socket: name})
	case 4:
		g.add(model.ReadSocket{Socket: name})
	case 5:
		g.add(model.ShutdownSocket{Socket: name, Sides: model.Sides(1 + g.n(3))})
	case 6:
		fresh := g.name()
		if g.add(model.AcceptSocket{Listener: name, Name: fresh}) {
			g.open = append(g.open, fresh)
		}
	case 7:
		g.add(model.SetOption{Socket: name, Option: pick(g, []model.Option{model.OptionV6Only, model.OptionReuseAddr}), Off: g.chance(50)})
	case 8:
		g.add(model.DestroySocket{Socket: name})
	case 9:
		g.add(model.SendTo{Socket: name, To: g.anyTo(pick(g, []model.Family{model.IPv4, model.IPv6}))})
	case 10:
		g.add(model.SetOption{Socket: name, Option: model.OptionLinger0, Off: g.chance(20)})
	}
}
