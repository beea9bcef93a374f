package props

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut"
)

// Weight is how often something is drawn.
type Weight struct {
	Dimension, Value string
	Percent          float64 // of the choices made, or of the finished scenarios
}

// Weights draws n scenarios of a seed and returns how often each value of each
// dimension was chosen, what share of the finished scenarios has what feature,
// and, last, how many have the founding shape. Nothing is played.
func Weights(sp Space, seed uint64, n int) []Weight {
	choices, features := tally{}, tally{}
	gen := rapid.Custom(func(t *rapid.T) scenario.Scenario {
		return draw(t, sp, func(d *dimension, v string) { choices.add(d.name, v) })
	})
	for i := range n {
		sc := gen.Example(int(mix(seed, uint64(i)) >> 1))
		for _, f := range Features(&sc) {
			features.add("scenarios with", f)
		}
	}
	var out []Weight
	for _, d := range dimensions {
		for _, v := range d.values {
			if total := choices.total(d.name); total > 0 {
				out = append(out, Weight{d.name, v, 100 * float64(choices[d.name][v]) / float64(total)})
			}
		}
	}
	for _, f := range featureNames {
		out = append(out, Weight{"scenarios with", f, 100 * float64(features["scenarios with"][f]) / float64(n)})
	}
	return out
}

type tally map[string]map[string]int

func (t tally) add(name, value string) {
	if t[name] == nil {
		t[name] = map[string]int{}
	}
	t[name][value]++
}

func (t tally) total(name string) (n int) {
	for _, c := range t[name] {
		n += c
	}
	return n
}

// FoundingShape is the feature of the scenarios that could show the bug of
// October 2012: the judged element registered over TCP at a proxy that delivers
// down that connection and records no route, and is then called through it.
const FoundingShape = "the founding shape"

var featureNames = []string{"a proxy", "deliver=flow", "record-route", "a registration", "sut registered", "a call to sut",
	"a call by sut", "over=flow", "hangup=callee", "a connection destroyed", "another fault", "several calls", "several hosts", "three user agents", "ipv6", "udp only",
	"tcp only", "unequal ports", "link-local", "sut: several interfaces", "sut: several addresses", "sut: two families",
	"sut: a wildcard", "sut: registered again", "sut: on another transport", "sut: two accounts", FoundingShape}

// Features names what a scenario has.
func Features(s *scenario.Scenario) []string {
	has := map[string]bool{
		"several hosts": len(s.Hosts) > 1,
		"ipv6":          s.Nets[0].Family == scenario.IPv6,
	}
	agents, udp, tcp := 0, false, false
	for _, e := range s.Elements {
		if e.Kind == scenario.UserAgent {
			agents++
		} else {
			has["a proxy"] = true
			has["deliver=flow"] = has["deliver=flow"] || e.Deliver == scenario.DeliverFlow
			has["record-route"] = has["record-route"] || e.RecordRoute
		}
		for _, l := range e.Listen {
			udp, tcp = udp || l.Transport == sip.UDP, tcp || l.Transport == sip.TCP
			has["unequal ports"] = has["unequal ports"] || l.Port != e.Listen[0].Port
		}
	}
	has["three user agents"] = agents > 2
	has["udp only"], has["tcp only"] = !tcp, !udp
	for _, n := range s.Nets {
		has["link-local"] = has["link-local"] || n.LinkLocal
	}
	if e := s.SUT(); e != nil {
		host := sut.HostHas(s, e.Host)
		has["sut: several interfaces"], has["sut: several addresses"], has["sut: two families"] = host.Interfaces, host.Addresses, host.Families
		has["sut: a wildcard"] = e.Bind != scenario.BindAddr
		accountFeatures(s, e.Name, has)
	}
	stepFeatures(s, has)
	return slices.DeleteFunc(slices.Clone(featureNames), func(f string) bool { return !has[f] })
}

// accountFeatures tells what the judged element registers more than once.
func accountFeatures(s *scenario.Scenario, sut string, has map[string]bool) {
	over := map[string]sip.Transport{} // by registrar
	for i, st := range s.Steps {
		r, ok := st.(scenario.Register)
		if !ok || r.UA != sut {
			continue
		}
		plan, err := s.PlanRegister(i)
		if err != nil {
			continue
		}
		before := over[plan.Proxy]
		has["sut: registered again"] = has["sut: registered again"] || before != 0
		has["sut: on another transport"] = has["sut: on another transport"] || before != 0 && before != plan.Transport
		over[plan.Proxy] = plan.Transport
	}
	has["sut: two accounts"] = len(over) > 1
}

func stepFeatures(s *scenario.Scenario, has map[string]bool) {
	sut := ""
	if e := s.SUT(); e != nil {
		sut = e.Name
	}
	calls := 0
	flow := map[string]bool{} // whether sut registered over TCP last, by registrar
	for i, st := range s.Steps {
		switch st := st.(type) {
		case scenario.Register:
			has["a registration"] = true
			has["sut registered"] = has["sut registered"] || st.UA == sut
			if plan, err := s.PlanRegister(i); st.UA == sut {
				flow[plan.Proxy] = err == nil && plan.Transport == sip.TCP
			}
		case scenario.Disconnect:
			has["a connection destroyed"] = true
		case scenario.Call:
			calls++
			has["a call to sut"] = has["a call to sut"] || st.To == sut
			has["a call by sut"] = has["a call by sut"] || st.From == sut
			has["over=flow"] = has["over=flow"] || st.OverFlow
			has["hangup=callee"] = has["hangup=callee"] || st.Hangup == scenario.Callee
			p := s.Element(s.Element(st.From).Via)
			has[FoundingShape] = has[FoundingShape] || p != nil && st.To == sut && flow[p.Name] &&
				p.Deliver == scenario.DeliverFlow && !p.RecordRoute
		default:
			has["another fault"] = true
		}
	}
	has["several calls"] = calls > 1
}

// String is one line of a table.
func (w Weight) String() string {
	return fmt.Sprintf("%-24s %-20s %5.1f %%", w.Dimension, w.Value, w.Percent)
}
