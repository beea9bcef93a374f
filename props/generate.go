package props

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Scenarios returns a generator of whole scenarios for a space. It is
// constructive: it throws nothing away, and what it draws honest elements can
// play. Nothing is executed while drawing.
func Scenarios(sp Space) *rapid.Generator[scenario.Scenario] {
	return rapid.Custom(func(t *rapid.T) scenario.Scenario { return draw(t, sp, nil) })
}

// Draw returns scenario index of a seed: the same on every machine, in any
// order, on any number of workers.
func Draw(seed uint64, index int, sp Space) scenario.Scenario {
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
	s     scenario.Scenario

	sut, other, third string // the user agents; third may be ""
	proxy, second     string // the proxies; second, a registrar of further accounts, may be ""
	again             string // when sut registers again
	common            sip.Transport
	mixed             bool // elements need not share a transport: the proxy has both and stays in the path
	apart             bool // every element has a host of its own
	samePorts         bool
}

func draw(t *rapid.T, sp Space, note func(*dimension, string)) scenario.Scenario {
	d := &draft{t: t, space: sp, note: note}
	d.topology()
	d.bindProgram()
	d.registrations()
	d.calls()
	d.lacking()
	return d.s
}

// lacking draws whether another user agent that listens on one transport does
// not implement the other at all, where all can be played so. Every element
// should (RFC 3261 18), and in the field many do not.
func (d *draft) lacking() {
	for i := range d.s.Elements {
		e := &d.s.Elements[i]
		if e.SUT || e.Kind != scenario.UserAgent || len(e.Listen) != 1 {
			continue
		}
		e.Lacks = sip.UDP
		if e.Listen[0].Transport == sip.UDP {
			e.Lacks = sip.TCP
		}
		if d.playable() && d.yes(&dimLacks) {
			return
		}
		e.Lacks = 0
	}
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
	proxies := 0
	if role == "proxy" || d.pick(&dimMiddle) == "proxy" {
		proxies = 1
		if role != "proxy" && d.space.Accounts && d.yes(&dimRegistrar) {
			proxies = 2
		}
	}
	d.names(role)
	transports := make([]string, 0, 2)
	for _, t := range d.space.Transports {
		transports = append(transports, t.String())
	}
	d.common, _ = sip.ParseTransport(d.pick(&dimCommon, transports...))
	d.samePorts = d.pick(&dimPorts) == "same"
	var sites []site
	switch d.pick(&dimWorld) {
	case "two networks":
		d.twoNetworks()
		sites = d.place(proxies, role == "proxy")
	case "larger":
		d.larger()
		sites = d.place(proxies, role == "proxy")
	}
	if sites == nil {
		sites = d.oneNetwork(proxies, role == "proxy")
	}
	if proxies > 0 {
		d.proxy = "p"
		d.addProxy(d.proxy, sites[0], role == "proxy")
	}
	if proxies > 1 {
		d.second = "q"
		d.addProxy(d.second, sites[1], false)
	}
	d.addAgents(sites[proxies:], role)
}

// oneNetwork draws one network with up to four hosts on it, and what the judged
// element's host has beside.
func (d *draft) oneNetwork(proxies int, judgedProxy bool) []site {
	net := scenario.Net{Name: "lan", Family: familyWords[d.pick(&dimFamily, d.families()...)]}
	at := scenario.Place{Net: net.Name}
	if net.Family == scenario.DualStack && d.pick(&dimUsed) == "6" {
		at.Family = scenario.IPv6
	}
	net.LinkLocal = d.linkLocal(net.Family)
	d.s = scenario.Scenario{Nets: []scenario.Net{net}}
	hosts := d.hosts(proxies)
	judged := 0
	if !judgedProxy {
		judged = proxies
	}
	told := d.further(hosts[judged], at)
	out := make([]site, len(hosts))
	for i, h := range hosts {
		out[i] = d.siteAt(h, at)
	}
	out[judged] = d.siteAt(hosts[judged], told)
	return out
}

var familyWords = map[string]scenario.Family{"4": scenario.IPv4, "6": scenario.IPv6, "46": scenario.DualStack}

// siteAt is the site of a place, in the plainest words.
func (d *draft) siteAt(host string, at scenario.Place) site {
	s := site{host: host, place: at, addr: d.s.PlaceAddr(host, at)}
	if h, _ := d.s.Host(host); s.addr == d.s.Addr(host, h.Nets[0]) {
		s.place = scenario.Place{}
	}
	return s
}

// further draws what a host has beside the address that is used, and returns
// which one the judged element is told of.
func (d *draft) further(host string, at scenario.Place) scenario.Place {
	may := []string{"nothing"}
	if d.space.Several.Addresses {
		may = append(may, "an address")
	}
	if d.space.Several.Interfaces {
		may = append(may, "an interface")
	}
	if len(may) == 3 {
		may = append(may, "both")
	}
	beside := d.pick(&dimFurther, may...)
	if beside == "an interface" || beside == "both" {
		d.anotherInterface(host, at)
	}
	if beside == "an address" || beside == "both" {
		other := at
		other.Nth = 1
		d.s.Addrs = append(d.s.Addrs, scenario.HostAddr{Host: host, Place: other})
		if d.pick(&dimWhich) == "a later one" {
			return other
		}
	}
	return at
}

// anotherInterface gives a host one on a network of its own, before the one that
// is used or after it.
func (d *draft) anotherInterface(host string, used scenario.Place) {
	family := scenario.IPv4
	if d.s.PlaceAddr(host, used).Is6() {
		family = scenario.IPv6
	}
	d.s.Nets = append(d.s.Nets, scenario.Net{Name: "far", Family: family})
	h, _ := d.s.Host(host)
	h.Nets = []string{used.Net, "far"}
	if d.pick(&dimWhich) == "a later one" {
		h.Nets = []string{"far", used.Net}
	}
}

// linkLocal draws whether hosts have link-local addresses too.
func (d *draft) linkLocal(f scenario.Family) bool {
	return f.Has(scenario.IPv6) && d.yes(&dimLinkToo)
}

func (d *draft) families() (out []string) {
	for _, f := range d.space.Families {
		out = append(out, fmt.Sprint(f))
	}
	if len(out) > 1 && d.space.Several.Families {
		out = append(out, "46")
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
// proxies' first.
func (d *draft) hosts(proxies int) []string {
	n := len(d.agents()) + proxies
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
		d.s.Hosts = append(d.s.Hosts, scenario.Host{Name: hostName(i), Nets: []string{"lan"}})
	}
	return out
}

func hostName(i int) string { return fmt.Sprintf("h%d", i) }

func (d *draft) addProxy(name string, at site, judged bool) {
	e := scenario.Element{Kind: scenario.Proxy, Name: name, Host: at.host, At: at.place, SUT: judged, Deliver: scenario.DeliverContact}
	if d.pick(&dimDeliver) == "flow" {
		e.Deliver = scenario.DeliverFlow
	}
	e.RecordRoute = d.yes(&dimRecord)
	e.Listen = d.listeners(false)
	e.Bind = d.bind(judged, at.addr)
	// Where the proxy has both transports and stays in the path, the others
	// need share nothing with each other.
	d.mixed = (d.mixed || name == d.proxy) && e.RecordRoute && len(e.Listen) == 2
	d.s.Elements = append(d.s.Elements, e)
}

func (d *draft) addAgents(sites []site, role string) {
	for i, name := range d.agents() {
		e := scenario.Element{Kind: scenario.UserAgent, Name: name, Host: sites[i].host, At: sites[i].place, Via: d.proxy}
		if name == d.sut {
			e.SUT = role != "proxy"
		}
		if name == d.other && d.second != "" && d.pick(&dimHome) == "the second" {
			e.Via = d.second
		}
		if name == d.third && d.proxy != "" {
			e.Via = d.thirdPath()
		}
		e.Listen = d.listeners(e.SUT)
		e.Bind = d.bind(e.SUT, sites[i].addr)
		d.s.Elements = append(d.s.Elements, e)
	}
}

// thirdPath draws the proxy of the third user agent.
func (d *draft) thirdPath() string {
	may := dimExtraPath.values
	if d.second == "" {
		may = may[:2]
	}
	return map[string]string{"same proxy": d.proxy, "the second": d.second}[d.pick(&dimExtraPath, may...)]
}

// listeners draws an element's ports. Elements on different hosts may have the
// same ones; ten apart, they never collide on one host.
func (d *draft) listeners(judged bool) []scenario.Listen {
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
	out := []scenario.Listen{{Transport: first, Port: base}}
	switch d.pick(&dimListeners, kinds...) {
	case "two, one port":
		out = append(out, scenario.Listen{Transport: otherThan(first), Port: base})
	case "two, unequal ports":
		out = append(out, scenario.Listen{Transport: otherThan(first), Port: base + 2})
	}
	return out
}

// bind draws where an element's listeners listen. With an IPv6 address 0.0.0.0
// would be of no use: the IPv6 wildcard that takes nothing else stands for it.
func (d *draft) bind(judged bool, own netip.Addr) scenario.Bind {
	forms := map[string]scenario.Bind{"its address": scenario.BindAddr, "0.0.0.0": scenario.BindAny4, "::": scenario.BindAny6}
	if own.Is6() {
		forms["0.0.0.0"] = scenario.BindAny6Only
	}
	var may []string
	for _, v := range dimBind.values {
		if !judged || slices.Contains(d.space.Binds, forms[v]) {
			may = append(may, v)
		}
	}
	return forms[d.pick(&dimBind, may...)]
}

// bindProgram sees to it that a program on a wildcard finds, by itself, an address
// at which all can reach it. If there may be none it is told its address, or
// everybody moves to its host.
func (d *draft) bindProgram() {
	e := d.s.SUT()
	if !d.space.Program || namesWell(&d.s) {
		return
	}
	if slices.Contains(d.space.Binds, scenario.BindAddr) {
		e.Bind = scenario.BindAddr
		return
	}
	for i := range d.s.Elements {
		d.s.Elements[i].Host, d.s.Elements[i].At = e.Host, e.At
	}
	d.s = spread(d.s)
}

func otherThan(t sip.Transport) sip.Transport {
	if t == sip.UDP {
		return sip.TCP
	}
	return sip.UDP
}
