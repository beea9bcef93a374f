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
	next := g.more
	if g.chance(16) {
		next = g.jumble
	}
	for want := 1 + n(24); len(g.s.Steps) < want; {
		next()
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
		{6, g.shutdown}, {10, g.close}, {3, g.destroy}, {1, g.remove}, {1, g.filter}, {6, g.sendTo},
		{3, g.redial}, {3, g.share}, {14, g.twins}, {15, g.conversation}, {6, g.reopen}, {8, g.sameEnds}, {2, g.deadDial}, {3, g.hidden}, {2, g.relisten}, {6, g.nonsense}, {25, g.past},
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
	family = pick(g, []model.Family{model.IPv4, model.IPv6})
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
	if g.chance(6) {
		g.add(model.ShutdownSocket{Socket: name, Sides: model.Sides(1 + g.n(3))})
	}
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
