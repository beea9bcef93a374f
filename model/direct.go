package model

// Direct returns the direct twin of a scenario: the same calls without proxies
// and registrations, under the same faults, as far as these do not befall what
// is not there. It exists only if something would be dropped, both sides of
// every call share a transport, and honest elements can play it.
func Direct(s *Scenario) (Scenario, bool) {
	twin := Scenario{Nets: s.Nets, Hosts: s.Hosts, Addrs: s.Addrs, Routes: s.Routes}
	dropped := false
	for _, e := range s.Elements {
		if e.Kind == Proxy {
			dropped = true
			if e.SUT {
				return Scenario{}, false
			}
			continue
		}
		e.Via = ""
		twin.Elements = append(twin.Elements, e)
	}
	if !dropped {
		return Scenario{}, false
	}
	calls := 0
	for i, st := range s.Steps {
		c, ok := st.(Call)
		if !ok {
			twin.addFault(st)
			continue
		}
		t, ok := directTransport(s, i, c)
		if !ok {
			return Scenario{}, false
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
func (s *Scenario) addFault(st Step) {
	if _, ok := st.(Register); ok {
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
func directTransport(s *Scenario, i int, c Call) (Transport, bool) {
	from, to := s.Element(c.From), s.Element(c.To)
	if plan, err := s.PlanCall(i); err == nil && from.Port(plan.Transport) != 0 && to.Port(plan.Transport) != 0 {
		return plan.Transport, true
	}
	t, err := firstShared(0, from, to)
	return t, err == nil
}

// Compare judges ProxyTransparent: it returns one verdict for each call through
// a proxy that both observations played. explained says that an advert of the scenario was
// found wanting: then the difference has its reason and is no news.
func Compare(s *Scenario, o, direct *Observation, explained bool) []Verdict {
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
		if a.Status != b.Status || a.Acked != b.Acked || a.ByeReply != b.ByeReply {
			if explained {
				continue
			}
			v.Class, v.Severity = DiffersFromDirect, Finding
			v.Detail = "through the proxy: " + a.String() + "; direct: " + b.String()
		}
		out = append(out, v)
	}
	return out
}
