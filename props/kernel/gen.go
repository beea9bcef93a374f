package kernel

import (
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
)

// Scenarios returns a generator of scenarios of socket steps, for rapid. It is
// constructive: it plays the model along while it draws, so it knows which
// sockets are alive, and most of its steps make sense. Every tenth one does
// not.
func Scenarios() *rapid.Generator[model.Scenario] {
	return rapid.Custom(func(t *rapid.T) model.Scenario {
		return draw(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") })
	})
}

// Draw returns scenario index of a seed: the same everywhere.
func Draw(seed uint64, index int) model.Scenario {
	z := mix(mix(seed) + uint64(index))
	return draw(func(n int) int {
		z += 0x9e3779b97f4a7c15
		return int(mix(z) >> 1 % uint64(n))
	})
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// gen is a scenario being drawn.
type gen struct {
	n     func(int) int // draws 0 … n-1
	s     model.Scenario
	m     *model.Ports
	open  []string // names of sockets that are open
	all   []string // and of those that were
	next  int
	ports []uint16
}

func draw(n func(int) int) model.Scenario {
	g := &gen{n: n, ports: []uint16{5060, 5061, 5062}}
	g.topology()
	g.m = model.NewPorts(&g.s)
	for want := 1 + n(24); len(g.s.Steps) < want; {
		g.more()
	}
	return g.s
}

// topology: two hosts or three, each on an IPv4 and an IPv6 network.
func (g *gen) topology() {
	g.s.Nets = []model.Net{{Name: "lan", Family: model.IPv4}, {Name: "lan6", Family: model.IPv6}}
	for _, name := range []string{"a", "b", "c"}[:2+g.n(5)/4] {
		g.s.Hosts = append(g.s.Hosts, model.Host{Name: name, Nets: []string{"lan", "lan6"}})
	}
}

// more draws the next few steps, which belong together.
func (g *gen) more() {
	weights := []struct {
		weight int
		draw   func()
	}{
		{9, g.listener}, {10, g.dialler}, {6, g.datagram}, {8, g.accept}, {7, g.send}, {5, g.read},
		{5, g.shutdown}, {10, g.close}, {3, g.destroy}, {1, g.remove}, {1, g.filter}, {6, g.sendTo},
		{3, g.redial}, {3, g.share}, {10, g.twins}, {12, g.conversation}, {4, g.reopen}, {4, g.sameEnds}, {2, g.deadDial}, {3, g.hidden}, {2, g.relisten}, {9, g.nonsense},
	}
	total := 0
	for _, w := range weights {
		total += w.weight
	}
	k := g.n(total)
	for _, w := range weights {
		if k -= w.weight; k < 0 {
			w.draw()
			return
		}
	}
}

// add adds a step, unless a timer decides what comes of it.
func (g *gen) add(st model.Step) bool {
	next := g.m.Clone()
	r := next.Apply(st, 0)
	if r.Undecided != "" {
		return false
	}
	g.m = next
	g.s.Steps = append(g.s.Steps, st)
	return r.Errno == model.OK
}

func (g *gen) chance(percent int) bool { return g.n(100) < percent }

func pick[T any](g *gen, from []T) T { return from[g.n(len(from))] }

func (g *gen) host() string { return pick(g, g.s.Hosts).Name }

func (g *gen) port() uint16 { return pick(g, g.ports) }

// socket opens a socket and maybe sets its options.
func (g *gen) socket(t model.Transport) (name, host string, family model.Family) {
	name, host = g.name(), g.host()
	family = pick(g, []model.Family{model.IPv4, model.IPv4, model.IPv6})
	g.add(model.OpenSocket{Name: name, Host: host, Transport: t, Family: family})
	g.open = append(g.open, name)
	for _, o := range []struct {
		option  model.Option
		percent int
	}{{model.OptionReuseAddr, 30}, {model.OptionReusePort, 9}, {model.OptionV6Only, 45}, {model.OptionLinger0, 4}} {
		if g.chance(o.percent) && (o.option != model.OptionV6Only || family == model.IPv6) {
			g.add(model.SetOption{Socket: name, Option: o.option})
		}
	}
	if g.chance(8) {
		g.add(model.SetOption{Socket: name, Option: model.OptionDevice, Device: uint32(1 + g.n(3))})
	}
	return name, host, family
}

func (g *gen) name() string {
	g.next++
	name := fmt.Sprintf("s%d", g.next)
	g.all = append(g.all, name)
	return name
}

// bindAddr draws an address to bind to: mostly one that works.
func (g *gen) bindAddr(host string, family model.Family) netip.Addr {
	own4, own6 := g.s.Addr(host, "lan"), g.s.Addr(host, "lan6")
	switch k := g.n(20); {
	case k < 8:
		if family == model.IPv6 {
			return netip.IPv6Unspecified()
		}
		return netip.IPv4Unspecified()
	case k < 16 && family == model.IPv4, k == 16:
		return own4
	case k < 16, k == 17:
		return own6
	case k == 18 && family == model.IPv6:
		return netip.IPv6Loopback()
	case k == 18:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return g.s.Addr(g.host(), pick(g, []string{"lan", "lan6"}))
}

func (g *gen) bindTo(name, host string, family model.Family) bool {
	at := model.Endpoint{Addr: g.bindAddr(host, family)}
	switch k := g.n(16); {
	case k == 0: // the kernel's choice
	case k == 1:
		at.Of = pick(g, g.all)
		if s, ok := g.m.Socket(at.Of); !ok || s.Local.Port() == 0 {
			at.Of, at.Port = "", g.port()
		}
	default:
		at.Port = g.port()
	}
	return g.add(model.BindSocket{Socket: name, At: at})
}

func (g *gen) listener() {
	name, host, family := g.socket(model.TCP)
	g.bindTo(name, host, family)
	g.add(model.ListenSocket{Socket: name, Backlog: pick(g, []uint32{0, 1, 4})})
}

func (g *gen) dialler() {
	name, host, family := g.socket(model.TCP)
	if g.chance(25) {
		g.bindTo(name, host, family)
	}
	g.add(model.DialSocket{Socket: name, To: g.to(model.TCP, family)})
}

func (g *gen) datagram() {
	name, host, family := g.socket(model.UDP)
	if g.chance(75) {
		g.bindTo(name, host, family)
	}
	if g.chance(35) {
		g.add(model.DialSocket{Socket: name, To: g.to(model.UDP, family)})
	}
}

// to draws a destination: mostly a port of a socket of that transport.
func (g *gen) to(t model.Transport, family model.Family) model.Endpoint {
	name, s, host, ok := g.live(func(s *model.Socket) bool {
		return s.Transport == t && s.Local.Port() != 0 && (t == model.UDP || s.State == model.StateListen || g.chance(15))
	})
	if !ok || g.chance(8) {
		return g.anyTo(family)
	}
	e := model.Endpoint{Port: s.Local.Port()}
	if e.Port >= firstPicked {
		e = model.Endpoint{Of: name}
	}
	e.Addr = s.Local.Addr().Unmap()
	if e.Addr.IsUnspecified() && !g.chance(6) {
		net := "lan"
		if e.Addr.Is6() && (family == model.IPv6 && g.chance(70)) {
			net = "lan6"
		}
		e.Addr = g.s.Addr(host, net)
		if g.chance(8) {
			e.Addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
	}
	return e
}

// anyTo draws a destination without looking: a closed port, an address without
// a route, one that nobody has.
func (g *gen) anyTo(family model.Family) model.Endpoint {
	addrs := []string{"10.77.0.9", "192.0.2.1", "127.0.0.1", "0.0.0.0"}
	net := "lan"
	if family == model.IPv6 {
		addrs = []string{"fd77:1::9", "2001:db8::1", "::1", "::"}
		net = "lan6"
	}
	if g.chance(45) {
		return model.Endpoint{Addr: netip.MustParseAddr(pick(g, addrs)), Port: g.port()}
	}
	return model.Endpoint{Addr: g.s.Addr(g.host(), net), Port: g.port()}
}

// live draws one of the open sockets that fit.
func (g *gen) live(fits func(*model.Socket) bool) (name string, s model.Socket, host string, ok bool) {
	var names []string
	for _, n := range g.open {
		if o, there := g.m.Socket(n); there && fits(&o) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		return "", s, "", false
	}
	name = pick(g, names)
	s, _ = g.m.Socket(name)
	return name, s, g.m.HostOf(name), true
}

func isConnection(s *model.Socket) bool {
	return s.Transport == model.TCP && s.State != model.StateListen && s.State != model.StateClose
}

func (g *gen) accept() {
	l, _, _, ok := g.live(func(s *model.Socket) bool { return s.State == model.StateListen && s.Queue > 0 })
	if !ok {
		return
	}
	name := g.name()
	if g.add(model.AcceptSocket{Listener: l, Name: name}) {
		g.open = append(g.open, name)
	}
}

func (g *gen) send() {
	if name, _, _, ok := g.live(func(s *model.Socket) bool { return s.Remote.IsValid() }); ok {
		g.add(model.SendSocket{Socket: name})
	}
}

func (g *gen) sendTo() {
	if name, s, _, ok := g.live(func(s *model.Socket) bool { return s.Transport == model.UDP }); ok {
		family := model.IPv4
		if s.V6 {
			family = model.IPv6
		}
		g.add(model.SendTo{Socket: name, To: g.to(model.UDP, family)})
	}
}

func (g *gen) read() {
	any := g.chance(30)
	if name, _, _, ok := g.live(func(s *model.Socket) bool { return (any || s.Queue > 0) && s.State != model.StateListen }); ok {
		g.add(model.ReadSocket{Socket: name})
	}
}

func (g *gen) shutdown() {
	if name, _, _, ok := g.live(func(s *model.Socket) bool { return s.State != model.StateClose || g.chance(10) }); ok {
		g.add(model.ShutdownSocket{Socket: name, Sides: model.Sides(1 + g.n(3))})
	}
}

func (g *gen) close() {
	unread := g.chance(30)
	name, _, _, ok := g.live(func(s *model.Socket) bool {
		return !unread || s.Transport == model.TCP && s.Remote.IsValid() && s.Queue > 0
	})
	if ok {
		g.shut(name)
	}
}

func (g *gen) destroy() {
	if name, _, _, ok := g.live(func(s *model.Socket) bool { return s.Local.Port() != 0 }); ok {
		g.add(model.DestroySocket{Socket: name})
	}
}

func (g *gen) remove() {
	if !g.chance(30) {
		return
	}
	host := g.host()
	g.add(model.RemoveAddr{Host: host, Addr: g.s.Addr(host, pick(g, []string{"lan", "lan6"}))})
}

func (g *gen) filter() {
	if g.chance(30) {
		g.add(model.FilterPort{Host: g.host(), Transport: pick(g, model.Transports), Port: g.port()})
	}
}

// redial dials again with a socket that was dialled or bound before.
func (g *gen) redial() {
	if name, s, _, ok := g.live(func(s *model.Socket) bool { return s.State != model.StateListen }); ok {
		family := model.IPv4
		if s.V6 {
			family = model.IPv6
		}
		g.add(model.DialSocket{Socket: name, To: g.to(s.Transport, family)})
	}
}

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
	if g.chance(20) {
		g.shut(l)
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
	to := model.Endpoint{Addr: s.Local.Addr().Unmap(), Of: l}
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
	g.add(model.OpenSocket{Name: dialled, Host: from, Transport: model.TCP, Family: family})
	g.open = append(g.open, dialled)
	if !g.add(model.DialSocket{Socket: dialled, To: to}) || !g.add(model.AcceptSocket{Listener: l, Name: accepted}) {
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
	}
}

// shut closes a socket.
func (g *gen) shut(name string) {
	if !g.add(model.CloseSocket{Socket: name}) {
		return
	}
	for i, n := range g.open {
		if n == name {
			g.open = append(g.open[:i:i], g.open[i+1:]...)
			return
		}
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
		g.add(model.SetOption{Socket: name, Option: model.OptionV6Only, Off: g.chance(50)})
	case 8:
		g.add(model.DestroySocket{Socket: name})
	case 9:
		g.add(model.SendTo{Socket: name, To: g.anyTo(pick(g, []model.Family{model.IPv4, model.IPv6}))})
	case 10:
		g.add(model.SetOption{Socket: name, Option: model.OptionLinger0, Off: g.chance(20)})
	}
}
