package props

import (
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// plainSteps takes the options off the steps, one at a time.
func plainSteps(s scenario.Scenario) (out []scenario.Scenario) {
	for i, st := range s.Steps {
		for _, plain := range plainer(st) {
			c := s
			c.Steps = slices.Clone(s.Steps)
			c.Steps[i] = plain
			out = append(out, c)
		}
	}
	return out
}

func plainer(st scenario.Step) (out []scenario.Step) {
	switch st := st.(type) {
	case scenario.Register:
		a, b := st, st
		a.Via, b.Transport = "", 0
		for _, x := range []scenario.Register{a, b} {
			if x != st {
				out = append(out, x)
			}
		}
	case scenario.Call:
		a, b, c := st, st, st
		a.OverFlow, b.Hangup, c.Transport = false, scenario.Caller, 0
		for _, x := range []scenario.Call{a, b, c} {
			if x != st {
				out = append(out, x)
			}
		}
	}
	return out
}

func plainProxies(s scenario.Scenario) []scenario.Scenario {
	out := eachElement(s, func(e *scenario.Element) bool {
		had := e.RecordRoute
		e.RecordRoute = false
		return had
	})
	return append(out, eachElement(s, func(e *scenario.Element) bool {
		had := e.Deliver == scenario.DeliverFlow
		if had {
			e.Deliver = scenario.DeliverContact
		}
		return had
	})...)
}

func dropListener(s scenario.Scenario) (out []scenario.Scenario) {
	for i := range s.Elements {
		for j := range s.Elements[i].Listen {
			if len(s.Elements[i].Listen) < 2 {
				continue
			}
			c := s
			c.Elements = slices.Clone(s.Elements)
			c.Elements[i].Listen = slices.Delete(slices.Clone(s.Elements[i].Listen), j, j+1)
			out = append(out, c)
		}
	}
	return out
}

// onePort gives an element the same port for all its transports.
func onePort(s scenario.Scenario) []scenario.Scenario {
	return eachElement(s, func(e *scenario.Element) bool {
		changed := false
		e.Listen = slices.Clone(e.Listen)
		for j := range e.Listen {
			changed = changed || e.Listen[j].Port != e.Listen[0].Port
			e.Listen[j].Port = e.Listen[0].Port
		}
		return changed
	})
}

// ownAddress makes an element listen on its address instead of a wildcard.
func ownAddress(s scenario.Scenario) []scenario.Scenario {
	return eachElement(s, func(e *scenario.Element) bool {
		had := e.Bind != scenario.BindAddr
		e.Bind = scenario.BindAddr
		return had
	})
}

// everyTransport makes an element implement every transport, as it should.
func everyTransport(s scenario.Scenario) []scenario.Scenario {
	return eachElement(s, func(e *scenario.Element) bool {
		had := e.Lacks != 0
		e.Lacks = 0
		return had
	})
}

// firstAddress puts an element on the first address of its host, or says nothing
// of it where it is there.
func firstAddress(s scenario.Scenario) []scenario.Scenario {
	return eachElement(s, func(e *scenario.Element) bool {
		had := e.At != scenario.Place{}
		e.At = scenario.Place{}
		return had
	})
}

// ipv4 makes every network IPv4, or takes the link-local addresses off one.
func ipv4(s scenario.Scenario) (out []scenario.Scenario) {
	c := s
	c.Nets, c.Elements, c.Addrs, c.Routes = slices.Clone(s.Nets), slices.Clone(s.Elements), slices.Clone(s.Addrs), slices.Clone(s.Routes)
	for i := range c.Nets {
		c.Nets[i].Family, c.Nets[i].LinkLocal = scenario.IPv4, false
	}
	for i := range c.Elements {
		e := &c.Elements[i]
		e.At.Family = 0
		if e.Bind == scenario.BindAny6Only {
			e.Bind = scenario.BindAny4
		}
	}
	for i := range c.Addrs {
		c.Addrs[i].Place.Family = 0
	}
	for i := range c.Routes {
		c.Routes[i].Source.Family, c.Routes[i].Family = 0, 0
	}
	out = append(out, c)
	for i, n := range s.Nets {
		if n.LinkLocal {
			c := s
			c.Nets = slices.Clone(s.Nets)
			c.Nets[i].LinkLocal = false
			out = append(out, c)
		}
	}
	return out
}

// eachElement returns a candidate for every element that change changes.
func eachElement(s scenario.Scenario, change func(*scenario.Element) bool) (out []scenario.Scenario) {
	for i := range s.Elements {
		c := s
		c.Elements = slices.Clone(s.Elements)
		if change(&c.Elements[i]) {
			out = append(out, c)
		}
	}
	return out
}
