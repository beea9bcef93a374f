package props

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// The dimensions of topologies. TestTopologyWeights counts how often each
// value is really drawn.
var (
	dimNets     = dimension{"networks", []string{"one", "two", "three", "four"}, []int{15, 35, 30, 20}}
	dimNetKind  = dimension{"family of a network", []string{"4", "6", "46"}, []int{35, 30, 35}}
	dimLink     = dimension{"link-local", []string{"no", "yes"}, []int{60, 40}}
	dimHosts    = dimension{"plain hosts", []string{"two", "three", "four"}, []int{45, 35, 20}}
	dimPorts3   = dimension{"interfaces of a host", []string{"one", "two", "three"}, []int{50, 35, 15}}
	dimJoin     = dimension{"what joins networks", []string{"router", "host that does not forward"}, []int{60, 40}}
	dimExtra    = dimension{"a router more than needed", []string{"no", "yes"}, []int{60, 40}}
	dimReverse  = dimension{"rp_filter", []string{"off", "strict", "loose"}, []int{50, 30, 20}}
	dimMoreAddr = dimension{"another address", []string{"no", "yes"}, []int{60, 40}}
	dimFate     = dimension{"fate of an address", []string{"usable", "deprecated", "tentative", "duplicate"}, []int{45, 20, 20, 15}}
	dimWay      = dimension{"a route", []string{"right", "default", "wrong", "none", "refusing", "on the link"}, []int{45, 15, 10, 10, 10, 10}}
	dimSecond   = dimension{"a second route", []string{"no", "worse", "better"}, []int{60, 20, 20}}
	dimPolicy   = dimension{"policy route", []string{"no", "yes"}, []int{60, 40}}
	dimSource   = dimension{"route's source", []string{"the kernel's choice", "given"}, []int{60, 40}}
	dimChanges  = dimension{"faults", []string{"none", "one", "two", "three"}, []int{30, 30, 20, 20}}
)

var topologyDimensions = []*dimension{&dimNets, &dimNetKind, &dimLink, &dimHosts, &dimPorts3, &dimJoin, &dimExtra,
	&dimReverse, &dimMoreAddr, &dimFate, &dimWay, &dimSecond, &dimPolicy, &dimSource, &dimChanges, &dimChange}

// Topologies returns a generator of topologies with steps that change them,
// and nothing else: no element, no call. Most pairs of hosts reach each other,
// and for each reason why one should not there are topologies that have it.
func Topologies() *rapid.Generator[scenario.Scenario] {
	return rapid.Custom(func(t *rapid.T) scenario.Scenario { return drawWorld(t, nil) })
}

// DrawTopology draws topology index of a seed, as Draw does scenarios.
func DrawTopology(seed uint64, index int) scenario.Scenario {
	return Topologies().Example(int(mix(seed, uint64(index)) >> 1))
}

var words = map[string]int{"none": 0, "one": 1, "two": 2, "three": 3, "four": 4}

// world is a topology being drawn.
type world struct {
	draft
	state *linux.Topology
}

func drawWorld(t *rapid.T, note func(*dimension, string)) scenario.Scenario {
	w := &world{draft: draft{t: t, note: note}}
	w.networks()
	w.joints()
	w.plainHosts()
	w.addresses()
	for i := range w.s.Hosts {
		w.routes(&w.s.Hosts[i])
	}
	w.faults()
	return w.s
}

func (w *world) networks() {
	for i := range words[w.pick(&dimNets)] {
		n := scenario.Net{Name: fmt.Sprintf("n%d", i+1)}
		n.Family = map[string]scenario.Family{"4": scenario.IPv4, "6": scenario.IPv6, "46": scenario.DualStack}[w.pick(&dimNetKind)]
		n.LinkLocal = n.Family.Has(scenario.IPv6) && w.yes(&dimLink)
		w.s.Nets = append(w.s.Nets, n)
	}
}

// joints joins each network to an earlier one, and sometimes once more.
func (w *world) joints() {
	for i := 1; i < len(w.s.Nets); i++ {
		w.join(w.s.Nets[i].Name, w.s.Nets[uniform(w.t, "joined to", i)].Name)
	}
	if len(w.s.Nets) > 1 && w.yes(&dimExtra) {
		a := uniform(w.t, "net", len(w.s.Nets))
		b := (a + 1 + uniform(w.t, "other net", len(w.s.Nets)-1)) % len(w.s.Nets)
		w.join(w.s.Nets[a].Name, w.s.Nets[b].Name)
	}
}

func (w *world) join(nets ...string) {
	w.host(scenario.Host{Name: fmt.Sprintf("r%d", len(w.s.Hosts)+1), Nets: nets, Router: w.pick(&dimJoin) == "router"})
}

func (w *world) host(h scenario.Host) {
	h.ReversePath = map[string]scenario.ReversePath{"off": 0, "strict": 1, "loose": 2}[w.pick(&dimReverse)]
	w.s.Hosts = append(w.s.Hosts, h)
}

func (w *world) plainHosts() {
	for range words[w.pick(&dimHosts)] {
		h := scenario.Host{Name: fmt.Sprintf("h%d", len(w.s.Hosts)+1)}
		var free []string
		for _, n := range w.s.Nets {
			free = append(free, n.Name)
		}
		for range min(words[w.pick(&dimPorts3)], len(w.s.Nets)) {
			i := uniform(w.t, "net", len(free))
			h.Nets = append(h.Nets, free[i])
			free = slices.Delete(free, i, i+1)
		}
		w.host(h)
	}
}

// addresses draws further addresses, and what is special about some.
func (w *world) addresses() {
	for i := range w.s.Hosts {
		h := &w.s.Hosts[i]
		for _, p := range w.s.Places(h.Name) {
			if p.LinkLocal || !w.yes(&dimMoreAddr) {
				continue
			}
			if a := (scenario.HostAddr{Host: h.Name, Place: p, Fate: w.fate(h.Name, p)}); a.Fate != scenario.Usable {
				w.s.Addrs = append(w.s.Addrs, a)
			}
			p.Nth = 1
			w.s.Addrs = append(w.s.Addrs, scenario.HostAddr{Host: h.Name, Place: p, Fate: w.fate(h.Name, p)})
		}
	}
}

func (w *world) fate(host string, p scenario.Place) scenario.Fate {
	allowed := dimFate.values
	if w.s.PlaceAddr(host, p).Is4() {
		allowed = allowed[:2]
	}
	return map[string]scenario.Fate{"usable": scenario.Usable, "deprecated": scenario.Deprecated,
		"tentative": scenario.Tentative, "duplicate": scenario.Duplicate}[w.pick(&dimFate, allowed...)]
}

// routes draws a host's routes to the networks that it is not attached to.
func (w *world) routes(h *scenario.Host) {
	for _, n := range w.s.Nets {
		if slices.Contains(h.Nets, n.Name) {
			continue
		}
		switch w.pick(&dimWay) {
		case "right":
			w.addRoute(h, n.Name, w.towards(h, n.Name))
		case "default":
			w.addRoute(h, scenario.ToAll, w.towards(h, n.Name))
		case "wrong":
			w.addRoute(h, n.Name, w.anyNeighbour(h))
		case "refusing":
			w.try(scenario.HostRoute{Host: h.Name, To: n.Name, Kind: w.refusal()})
		case "on the link":
			w.try(scenario.HostRoute{Host: h.Name, To: n.Name, On: h.Nets[uniform(w.t, "link", len(h.Nets))]})
		}
		w.secondRoute(h, n.Name)
	}
	if w.yes(&dimPolicy) {
		from := w.s.Nets[uniform(w.t, "from", len(w.s.Nets))].Name
		to := append([]string{scenario.ToAll, scenario.ToAll}, w.netNames()...)[uniform(w.t, "to", 2+len(w.s.Nets))]
		r := scenario.HostRoute{Host: h.Name, To: to, From: from, Via: w.anyNeighbour(h)}
		if uniform(w.t, "refuse", 4) == 0 {
			r.Via, r.Kind = "", w.refusal()
		}
		w.withSource(h, r)
	}
}

func (w *world) refusal() scenario.RouteKind { return scenario.RouteKind(1 + uniform(w.t, "kind", 3)) }

// secondRoute draws another route to a network, with another metric.
func (w *world) secondRoute(h *scenario.Host, to string) {
	r := scenario.HostRoute{Host: h.Name, To: to, Via: w.anyNeighbour(h)}
	switch w.pick(&dimSecond) {
	case "worse":
		r.Metric = 2000
	case "better": // over IPv6, where the default is 1024; over IPv4 it is 0
		r.Metric = 10
	default:
		return
	}
	w.try(r)
}

func (w *world) netNames() (names []string) {
	for _, n := range w.s.Nets {
		names = append(names, n.Name)
	}
	return names
}

func (w *world) addRoute(h *scenario.Host, to, via string) {
	w.withSource(h, scenario.HostRoute{Host: h.Name, To: to, Via: via})
}

// withSource adds a route, sometimes one that names the source.
func (w *world) withSource(h *scenario.Host, r scenario.HostRoute) {
	if places := w.s.Places(h.Name); w.pick(&dimSource) == "given" {
		r.Source = places[uniform(w.t, "source", len(places))]
	}
	if !w.try(r) {
		r.Source = scenario.Place{}
		w.try(r)
	}
}

// try adds a route if it makes sense.
func (w *world) try(r scenario.HostRoute) bool {
	if r.Via == "" && r.On == "" && r.Kind == scenario.Unicast {
		return false
	}
	with := w.s
	with.Routes = append(slices.Clone(w.s.Routes), r)
	if with.Validate() != nil {
		return false
	}
	w.s = with
	return true
}

// towards is the neighbour of a host that is nearest to a network, "" if none
// leads there.
func (w *world) towards(h *scenario.Host, net string) string {
	reached := []string{net}
	for range w.s.Nets {
		for _, gw := range w.s.Hosts {
			if gw.Name == h.Name || !meets(gw.Nets, reached) {
				continue
			}
			if meets(gw.Nets, h.Nets) {
				return gw.Name
			}
		}
		for _, gw := range w.s.Hosts {
			if gw.Name != h.Name && meets(gw.Nets, reached) {
				reached = append(reached, gw.Nets...)
			}
		}
	}
	return ""
}

func (w *world) anyNeighbour(h *scenario.Host) string {
	var near []string
	for _, o := range w.s.Hosts {
		if o.Name != h.Name && meets(o.Nets, h.Nets) {
			near = append(near, o.Name)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return near[uniform(w.t, "neighbour", len(near))]
}

func meets(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}
