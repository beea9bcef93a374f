package model

import (
	"fmt"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Direct returns the direct twin of a scenario: the same calls without proxies
// and registrations, under the same faults, as far as these do not befall what
// is not there. It exists only if something would be dropped, both sides of
// every call share a transport, and honest elements can play it.
func Direct(s *scenario.Scenario) (scenario.Scenario, bool) {
	twin := scenario.Scenario{Nets: s.Nets, Hosts: s.Hosts, Addrs: s.Addrs, Routes: s.Routes}
	dropped := false
	for _, e := range s.Elements {
		if e.Kind == scenario.Proxy {
			dropped = true
			if e.SUT {
				return scenario.Scenario{}, false
			}
			continue
		}
		e.Via = ""
		twin.Elements = append(twin.Elements, e)
	}
	if !dropped {
		return scenario.Scenario{}, false
	}
	calls := 0
	for i, st := range s.Steps {
		c, ok := st.(scenario.Call)
		if !ok {
			addFault(&twin, st)
			continue
		}
		t, ok := directTransport(s, i, c)
		if !ok {
			return scenario.Scenario{}, false
		}
		c.Transport, c.OverFlow = t, false
		twin.Steps = append(twin.Steps, c)
		calls++
	}
	_, err := Predict(&twin)
	return twin, calls > 0 && err == nil
}

// addFault adds a step that is no call, if it makes sense without proxies: there
// may be no connection between two elements now, or no such element.
func addFault(s *scenario.Scenario, st scenario.Step) {
	if _, ok := st.(scenario.Register); ok {
		return
	}
	with := *s
	with.Steps = append(s.Steps[:len(s.Steps):len(s.Steps)], st)
	if _, err := Predict(&with); err == nil {
		s.Steps = with.Steps
	}
}

// directTransport picks the transport of a direct call: the one that the first
// hop has in the scenario if the callee has it too, else the first that both
// share.
func directTransport(s *scenario.Scenario, i int, c scenario.Call) (sip.Transport, bool) {
	from, to := s.Element(c.From), s.Element(c.To)
	if plan, err := s.PlanCall(i); err == nil && from.Port(plan.Transport) != 0 && to.Port(plan.Transport) != 0 {
		return plan.Transport, true
	}
	t, err := scenario.FirstShared(0, from, to)
	return t, err == nil
}

// Compare judges ProxyTransparent: it returns one verdict for each call through
// a proxy that both observations played. explained says that another claim has
// the reason: then the difference is no news.
//
// The judged element is accused of one thing only: that it refused, with the
// proxy, a request that it took without, and that came to it over the same
// transport under the same URI. Whatever else differs is Unexplained.
func Compare(s *scenario.Scenario, o, direct *Observation, explained bool) []Verdict {
	if o.Broken != "" || direct.Broken != "" {
		return nil
	}
	var out []Verdict
	for i := range o.Outcomes {
		if i >= len(direct.Outcomes) {
			break
		}
		a, b := o.Outcomes[i], direct.Outcomes[i]
		if plan, err := s.PlanCall(a.Step); err != nil || plan.Proxy == "" {
			continue
		}
		v := Verdict{Claim: ProxyTransparent.Name, Class: Accepting, Advert: -1, Use: -1, Step: a.Step}
		if where := differs(a, b); where != "" {
			if explained {
				continue
			}
			v.Class, v.Severity, v.About.Message = Unexplained, Puzzle, where
			if sut := s.SUT(); sut != nil {
				v.About.Element, v.About.Role = sut.Name, roleAt(s, a.Step, sut.Name)
			}
			v.Detail = "through the proxy: " + a.String() + "; direct: " + b.String()
			if r := refusal(o, direct, a.Step, b.Step, v.About.Element); r != nil {
				v.Class, v.Severity, v.About = DiffersFromDirect, Finding, r.about(s)
				v.Detail = fmt.Sprintf("%s answers %d to the %s that %s passes on, and accepts the one that comes to it directly; what the first has more is at least a Via (RFC 3261 16.6 step 8); %s",
					r.Taker, r.Status, r.Method, r.Sender, v.Detail)
			}
		}
		out = append(out, v)
	}
	return out
}

// differs names the first request of a call that fared otherwise in the other
// one, "" if none did.
func differs(a, b Outcome) string {
	switch {
	case a.Status != b.Status:
		return "INVITE"
	case a.Acked != b.Acked:
		return "ACK"
	case a.ByeReply != b.ByeReply:
		return "BYE"
	}
	return ""
}

// refusal returns the request that an element itself refused in one play, and
// whose twin it accepted in the other; nil if there is none. One that was pushed
// down the element's own connection has no twin.
func refusal(o, direct *Observation, step, twinStep int, element string) *Request {
	for i := range o.Requests {
		r := &o.Requests[i]
		if r.Step != step || r.Taker != element || element == "" || r.Status < 300 || r.Pushed {
			continue
		}
		for j := range direct.Requests {
			if t := &direct.Requests[j]; t.Step == twinStep && t.Taker == element && t.Method == r.Method && t.Status/100 == 2 &&
				t.Leg.Transport == r.Leg.Transport && sameURI(t.URI, r.URI) {
				return r
			}
		}
	}
	return nil
}

// sameURI reports whether two Request-URIs ask the same of the same place.
func sameURI(a, b string) bool {
	x, errX := sip.ParseURI(a)
	y, errY := sip.ParseURI(b)
	if errX != nil || errY != nil || x.User != y.User {
		return a == b
	}
	s, errX := sip.Resolve(x)
	t, errY := sip.Resolve(y)
	return errX == nil && errY == nil && s[0] == t[0]
}
