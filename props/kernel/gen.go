package kernel

import (
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Scenarios returns a generator of scenarios of socket steps, for rapid. It is
// constructive: it plays the model along while it draws, so it knows which
// sockets are alive, and most of its steps make sense. Every tenth one does
// not.
func Scenarios() *rapid.Generator[scenario.Scenario] {
	return rapid.Custom(func(t *rapid.T) scenario.Scenario {
		return draw(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") })
	})
}

// Draw returns scenario index of a seed: the same everywhere.
func Draw(seed uint64, index int) scenario.Scenario {
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
	s     scenario.Scenario
	m     *linux.Ports
	open  []string // names of sockets that are open
	all   []string // and of those that were
	next  int
	ports []uint16
}

func draw(n func(int) int) scenario.Scenario {
	g := &gen{n: n, ports: []uint16{5060, 5061, 5062}}
	g.topology()
	g.m = linux.NewPorts(&g.s)
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
	g.s.Nets = []scenario.Net{{Name: "lan", Family: scenario.IPv4}, {Name: "lan6", Family: scenario.IPv6}}
	for _, name := range []string{"a", "b", "c"}[:2+g.n(5)/4] {
		g.s.Hosts = append(g.s.Hosts, scenario.Host{Name: name, Nets: []string{"lan", "lan6"}})
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
func (g *gen) add(st scenario.Step) bool {
	next := g.m.Clone()
	r := next.Apply(st, 0)
	if r.Undecided != "" {
		return false
	}
	g.m = next
	g.s.Steps = append(g.s.Steps, st)
	return r.Errno == linux.OK
}

func (g *gen) chance(percent int) bool { return g.n(100) < percent }

func pick[T any](g *gen, from []T) T { return from[g.n(len(from))] }

func (g *gen) host() string { return pick(g, g.s.Hosts).Name }

func (g *gen) port() uint16 { return pick(g, g.ports) }

// socket opens a socket and maybe sets its options.
func (g *gen) socket(t sip.Carrier) (name, host string, family scenario.Family) {
	name, host = g.name(), g.host()
	family = pick(g, []scenario.Family{scenario.IPv4, scenario.IPv6})
	g.add(scenario.OpenSocket{Name: name, Host: host, Carrier: t, Family: family})
	g.open = append(g.open, name)
	for _, o := range []struct {
		option  scenario.Option
		percent int
	}{{scenario.OptionReuseAddr, 30}, {scenario.OptionReusePort, 9}, {scenario.OptionV6Only, 45}, {scenario.OptionLinger0, 4}} {
		if g.chance(o.percent) && (o.option != scenario.OptionV6Only || family == scenario.IPv6) {
			g.add(scenario.SetOption{Socket: name, Option: o.option})
		}
	}
	if g.chance(8) {
		g.add(scenario.SetOption{Socket: name, Option: scenario.OptionDevice, Device: uint32(1 + g.n(3))})
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
func (g *gen) bindAddr(host string, family scenario.Family) netip.Addr {
	own4, own6 := g.s.Addr(host, "lan"), g.s.Addr(host, "lan6")
	switch k := g.n(20); {
	case k < 8:
		if family == scenario.IPv6 {
			return netip.IPv6Unspecified()
		}
		return netip.IPv4Unspecified()
	case k < 16 && family == scenario.IPv4, k == 16:
		return own4
	case k < 16, k == 17:
		return own6
	case k == 18 && family == scenario.IPv6:
		return netip.IPv6Loopback()
	case k == 18:
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return g.s.Addr(g.host(), pick(g, []string{"lan", "lan6"}))
}

func (g *gen) bindTo(name, host string, family scenario.Family) bool {
	at := scenario.Endpoint{Addr: g.bindAddr(host, family)}
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
	return g.add(scenario.BindSocket{Socket: name, At: at})
}

func (g *gen) listener() {
	name, host, family := g.socket(sip.CarrierTCP)
	g.bindTo(name, host, family)
	if g.chance(6) {
		g.add(scenario.ShutdownSocket{Socket: name, Sides: scenario.Sides(1 + g.n(3))})
	}
	g.add(scenario.ListenSocket{Socket: name, Backlog: pick(g, []uint32{0, 1, 4})})
}

func (g *gen) dialler() {
	name, host, family := g.socket(sip.CarrierTCP)
	if g.chance(25) {
		g.bindTo(name, host, family)
	}
	g.add(scenario.DialSocket{Socket: name, To: g.to(sip.CarrierTCP, family)})
}

func (g *gen) datagram() {
	name, host, family := g.socket(sip.CarrierUDP)
	if g.chance(75) {
		g.bindTo(name, host, family)
	}
	if g.chance(35) {
		g.add(scenario.DialSocket{Socket: name, To: g.to(sip.CarrierUDP, family)})
	}
}

// to draws a destination: mostly a port of a socket of that transport.
func (g *gen) to(t sip.Carrier, family scenario.Family) scenario.Endpoint {
	name, s, host, ok := g.live(func(s *linux.Socket) bool {
		return s.Carrier == t && s.Local.Port() != 0 && (t == sip.CarrierUDP || s.State == linux.StateListen || g.chance(15))
	})
	if !ok || g.chance(8) {
		return g.anyTo(family)
	}
	e := scenario.Endpoint{Port: s.Local.Port()}
	if e.Port >= firstPicked {
		e = scenario.Endpoint{Of: name}
	}
	e.Addr = s.Local.Addr().Unmap()
	if e.Addr.IsUnspecified() && !g.chance(6) {
		net := "lan"
		if e.Addr.Is6() && (family == scenario.IPv6 && g.chance(70)) {
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
func (g *gen) anyTo(family scenario.Family) scenario.Endpoint {
	addrs := []string{"10.77.0.9", "192.0.2.1", "127.0.0.1", "0.0.0.0"}
	net := "lan"
	if family == scenario.IPv6 {
		addrs = []string{"fd77:1::9", "2001:db8::1", "::1", "::"}
		net = "lan6"
	}
	if g.chance(45) {
		return scenario.Endpoint{Addr: netip.MustParseAddr(pick(g, addrs)), Port: g.port()}
	}
	return scenario.Endpoint{Addr: g.s.Addr(g.host(), net), Port: g.port()}
}

// live draws one of the open sockets that fit.
func (g *gen) live(fits func(*linux.Socket) bool) (name string, s linux.Socket, host string, ok bool) {
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
	l, _, _, ok := g.live(func(s *linux.Socket) bool { return s.State == linux.StateListen && s.Queue > 0 })
	if !ok {
		return
	}
	name := g.name()
	if g.add(scenario.AcceptSocket{Listener: l, Name: name}) {
		g.open = append(g.open, name)
	}
}

func (g *gen) send() {
	if name, _, _, ok := g.live(func(s *linux.Socket) bool { return s.Remote.IsValid() }); ok {
		g.add(scenario.SendSocket{Socket: name})
	}
}

func (g *gen) sendTo() {
	if name, s, _, ok := g.live(func(s *linux.Socket) bool { return s.Carrier == sip.CarrierUDP }); ok {
		family := scenario.IPv4
		if s.V6 {
			family = scenario.IPv6
		}
		g.add(scenario.SendTo{Socket: name, To: g.to(sip.CarrierUDP, family)})
	}
}

func (g *gen) read() {
	any := g.chance(30)
	if name, _, _, ok := g.live(func(s *linux.Socket) bool { return (any || s.Queue > 0) && s.State != linux.StateListen }); ok {
		g.add(scenario.ReadSocket{Socket: name})
	}
}

func (g *gen) shutdown() {
	if name, _, _, ok := g.live(func(s *linux.Socket) bool { return s.State != linux.StateClose || g.chance(10) }); ok {
		g.add(scenario.ShutdownSocket{Socket: name, Sides: scenario.Sides(1 + g.n(3))})
	}
}

func (g *gen) close() {
	unread := g.chance(30)
	name, _, _, ok := g.live(func(s *linux.Socket) bool {
		return !unread || s.Carrier == sip.CarrierTCP && s.Remote.IsValid() && s.Queue > 0
	})
	if ok {
		g.shut(name)
	}
}

func (g *gen) destroy() {
	if name, _, _, ok := g.live(func(s *linux.Socket) bool { return s.Local.Port() != 0 }); ok {
		g.add(scenario.DestroySocket{Socket: name})
	}
}

func (g *gen) remove() {
	if !g.chance(30) {
		return
	}
	host := g.host()
	g.add(scenario.RemoveAddr{Host: host, Addr: g.s.Addr(host, pick(g, []string{"lan", "lan6"}))})
}

func (g *gen) filter() {
	if g.chance(30) {
		g.add(scenario.FilterPort{Host: g.host(), Carrier: pick(g, sip.Carriers), Port: g.port()})
	}
}

// redial dials again with a socket that was dialled or bound before.
func (g *gen) redial() {
	if name, s, _, ok := g.live(func(s *linux.Socket) bool { return s.State != linux.StateListen }); ok {
		family := scenario.IPv4
		if s.V6 {
			family = scenario.IPv6
		}
		g.add(scenario.DialSocket{Socket: name, To: g.to(s.Carrier, family)})
	}
}

// shut closes a socket.
func (g *gen) shut(name string) {
	if !g.add(scenario.CloseSocket{Socket: name}) {
		return
	}
	for i, n := range g.open {
		if n == name {
			g.open = append(g.open[:i:i], g.open[i+1:]...)
			return
		}
	}
}
