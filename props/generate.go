package props

import (
	"fmt"
	"net/netip"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
)

// Scenarios returns a generator of whole scenarios for a space. It is
// constructive: it throws nothing away, and what it draws honest elements can
// play. Nothing is executed while drawing.
func Scenarios(sp Space) *rapid.Generator[model.Scenario] {
	return rapid.Custom(func(t *rapid.T) model.Scenario { return draw(t, sp, nil) })
}

// Draw returns scenario index of a seed: the same on every machine, in any
// order, on any number of workers.
func Draw(seed uint64, index int, sp Space) model.Scenario {
	return Scenarios(sp).Example(int(mix(seed, uint64(index)) >> 1))
}

// mix hashes a seed and an index (the finaliser of SplitMix64), so that
// neighbours have nothing in common.
func mix(seed, index uint64) uint64 {
	z := seed + 0x9e3779b97f4a7c15*(index+1)
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// draft is a scenario being drawn.
type draft struct {
	t     *rapid.T
	space Space
	note  func(dim *dimension, value string) // told of each choice; may be nil
	s     model.Scenario

	sut, other, third string // the user agents; third may be ""
	proxy             string
	common            model.Transport
	mixed             bool // elements need not share a transport: the proxy has both and stays in the path
	apart             bool // every element has a host of its own
	samePorts         bool
}

func draw(t *rapid.T, sp Space, note func(*dimension, string)) model.Scenario {
	d := &draft{t: t, space: sp, note: note}
	d.topology()
	d.registrations()
	d.calls()
	return d.s
}

// pick draws a value of a dimension. Fair coins carry the choice, since the
// integer generators of rapid prefer small numbers.
func (d *draft) pick(dim *dimension, allowed ...string) string {
	total := 0
	for i, v := range dim.values {
		if permitted(v, allowed) {
			total += dim.weight[i]
		}
	}
	n := uniform(d.t, dim.name, total)
	for i, v := range dim.values {
		if !permitted(v, allowed) {
			continue
		}
		if n -= dim.weight[i]; n < 0 {
			if d.note != nil {
				d.note(dim, v)
			}
			return v
		}
	}
	panic("props: weights do not add up")
}

func permitted(v string, allowed []string) bool {
	for _, a := range allowed {
		if v == a {
			return true
		}
	}
	return len(allowed) == 0
}

// coins is how many fair coins make one choice: enough that 1 in 2^12 does not
// show in a percentage.
const coins = 12

// uniform draws a number below n, every one as likely as any other.
func uniform(t *rapid.T, label string, n int) int {
	v := 0
	for range coins {
		v <<= 1
		if rapid.Bool().Draw(t, label) {
			v |= 1
		}
	}
	return v * n >> coins
}

func (d *draft) yes(dim *dimension) bool { return d.pick(dim) == "yes" }

// topology draws networks, hosts and elements.
func (d *draft) topology() {
	role := d.pick(&dimRole, d.roles()...)
	proxied := role == "proxy" || d.pick(&dimMiddle) == "proxy"
	d.names(role)
	transports := make([]string, 0, 2)
	for _, t := range d.space.Transports {
		transports = append(transports, t.String())
	}
	d.common, _ = model.ParseTransport(d.pick(&dimCommon, transports...))
	d.samePorts = d.pick(&dimPorts) == "same"
	var sites []site
	switch d.pick(&dimWorld) {
	case "two networks":
		d.twoNetworks()
		sites = d.place(proxied, role == "proxy")
	case "larger":
		d.larger()
		sites = d.place(proxied, role == "proxy")
	}
	if sites == nil {
		sites = d.oneNetwork(proxied)
	}
	if proxied {
		d.addProxy(sites[0], role == "proxy")
	}
	d.addAgents(sites[len(sites)-len(d.agents()):], role)
}

// oneNetwork draws a network of one family with up to four hosts.
func (d *draft) oneNetwork(proxied bool) []site {
	family := model.IPv4
	if d.pick(&dimFamily, d.families()...) == "6" {
		family = model.IPv6
	}
	d.s = model.Scenario{Nets: []model.Net{{Name: "lan", Family: family}}}
	var out []site
	for _, h := range d.hosts(proxied) {
		out = append(out, site{host: h, addr: d.s.Addr(h, "lan")})
	}
	return out
}

func (d *draft) families() (out []string) {
	for _, f := range d.space.Families {
		out = append(out, fmt.Sprint(f))
	}
	return out
}

func (d *draft) roles() (out []string) {
	for _, r := range d.space.Roles {
		out = append(out, r.String())
	}
	return out
}

// names gives the user agents their names: the first call is from other to
// sut, or the other way round.
func (d *draft) names(role string) {
	d.sut, d.other = "bob", "ann"
	if role == "caller" {
		d.sut, d.other = "ann", "bob"
	}
	if d.pick(&dimAgents) == "three" {
		d.third = "carl"
	}
}

func (d *draft) agents() []string {
	out := []string{d.sut, d.other}
	if d.third != "" {
		out = append(out, d.third)
	}
	return out
}

// hosts draws who shares one: it returns the host of each element, the
// proxy's first.
func (d *draft) hosts(proxied bool) []string {
	n := len(d.agents())
	if proxied {
		n++
	}
	layout := d.pick(&dimLayout)
	d.apart = layout == "apart"
	out := make([]string, n)
	count := 0
	for i := range out {
		switch {
		case layout == "shared":
			count = 1
		case layout == "apart":
			count = i + 1
		case i == 0:
			count = 1
		default: // two hosts: each further element on either, both in use at the end
			on := 1 + uniform(d.t, "host", 2)
			if i == n-1 && count == 1 {
				on = 2
			}
			out[i] = hostName(on)
			count = max(count, on)
			continue
		}
		out[i] = hostName(count)
	}
	for i := 1; i <= count; i++ {
		d.s.Hosts = append(d.s.Hosts, model.Host{Name: hostName(i), Nets: []string{"lan"}})
	}
	return out
}

func hostName(i int) string { return fmt.Sprintf("h%d", i) }

func (d *draft) addProxy(at site, judged bool) {
	d.proxy = "p"
	e := model.Element{Kind: model.Proxy, Name: d.proxy, Host: at.host, At: at.place, SUT: judged, Deliver: model.DeliverContact}
	if d.pick(&dimDeliver) == "flow" {
		e.Deliver = model.DeliverFlow
	}
	e.RecordRoute = d.yes(&dimRecord)
	e.Listen = d.listeners(false)
	e.Bind = d.bind(judged, at.addr)
	// Where the proxy has both transports and stays in the path, the others
	// need share nothing with each other.
	d.mixed = e.RecordRoute && len(e.Listen) == 2
	d.s.Elements = append(d.s.Elements, e)
}

func (d *draft) addAgents(sites []site, role string) {
	for i, name := range d.agents() {
		e := model.Element{Kind: model.UserAgent, Name: name, Host: sites[i].host, At: sites[i].place, Via: d.proxy}
		if name == d.sut {
			e.SUT = role != "proxy"
		}
		if name == d.third && d.proxy != "" && d.pick(&dimExtraPath) == "none" {
			e.Via = ""
		}
		e.Listen = d.listeners(e.SUT)
		e.Bind = d.bind(e.SUT, sites[i].addr)
		d.s.Elements = append(d.s.Elements, e)
	}
}

// listeners draws an element's ports. Elements on different hosts may have the
// same ones; ten apart, they never collide on one host.
func (d *draft) listeners(judged bool) []model.Listen {
	first := d.common
	if d.mixed && !judged && uniform(d.t, "mixed", 2) == 1 {
		first = otherThan(first)
	}
	base := uint16(5060 + 10*len(d.s.Elements))
	if d.samePorts && d.apart {
		base = 5060
	}
	kinds := dimListeners.values
	if judged && len(d.space.Transports) == 1 {
		kinds = kinds[:1]
	} else if judged && d.space.SamePort {
		kinds = kinds[:2]
	}
	out := []model.Listen{{Transport: first, Port: base}}
	switch d.pick(&dimListeners, kinds...) {
	case "two, one port":
		out = append(out, model.Listen{Transport: otherThan(first), Port: base})
	case "two, unequal ports":
		out = append(out, model.Listen{Transport: otherThan(first), Port: base + 2})
	}
	return out
}

// bind draws where an element's listeners listen. With an IPv6 address 0.0.0.0
// would be of no use: the IPv6 wildcard that takes nothing else stands for it.
func (d *draft) bind(judged bool, own netip.Addr) model.Bind {
	values := dimBind.values
	if judged && d.space.Program {
		values = values[:1]
	}
	switch d.pick(&dimBind, values...) {
	case "0.0.0.0":
		if own.Is6() {
			return model.BindAny6Only
		}
		return model.BindAny4
	case "::":
		return model.BindAny6
	}
	return model.BindAddr
}

func otherThan(t model.Transport) model.Transport {
	if t == model.UDP {
		return model.TCP
	}
	return model.UDP
}
