package props

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// reductions make a scenario smaller or plainer by one thing, the most
// promising first: steps, then elements, hosts, listeners and options. Each
// returns candidates; none changes its argument.
var reductions = []func(scenario.Scenario) []scenario.Scenario{
	dropHalves, endThere, dropStep, dropElement, dropProxy, oneRegistrar, oneNetwork, dropRoute, oneHost, joinHosts,
	plainSteps, plainProxies, dropListener, onePort, ownAddress, firstAddress, everyTransport, ipv4,
}

// dropHalves leaves out the first or the second half of the steps.
func dropHalves(s scenario.Scenario) []scenario.Scenario {
	n := len(s.Steps)
	if n < 4 {
		return nil
	}
	a, b := s, s
	a.Steps, b.Steps = s.Steps[n/2:], s.Steps[:n/2]
	return []scenario.Scenario{a, b}
}

// endThere lets a call's callee hang up, instead of all that comes after it: a
// caller's Contact is used then, too.
func endThere(s scenario.Scenario) (out []scenario.Scenario) {
	for i := range len(s.Steps) - 1 {
		call, ok := s.Steps[i].(scenario.Call)
		if !ok {
			continue
		}
		call.Hangup = scenario.Callee
		c := s
		c.Steps = append(slices.Clone(s.Steps[:i]), call)
		out = append(out, c)
	}
	return out
}

func dropStep(s scenario.Scenario) (out []scenario.Scenario) {
	for i := range s.Steps {
		c := s
		c.Steps = slices.Delete(slices.Clone(s.Steps), i, i+1)
		if len(c.Steps) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// dropElement leaves out an element that no step and no other element names,
// and the hosts that stay empty.
func dropElement(s scenario.Scenario) (out []scenario.Scenario) {
	for i, e := range s.Elements {
		if e.SUT || needed(&s, e.Name) {
			continue
		}
		c := s
		c.Elements = slices.Delete(slices.Clone(s.Elements), i, i+1)
		out = append(out, withoutEmptyHosts(c))
	}
	return append(out, without(&s)...)
}

// without drops an element together with the steps that name it.
func without(s *scenario.Scenario) (out []scenario.Scenario) {
	for i, e := range s.Elements {
		if e.SUT || e.Kind != scenario.UserAgent || !needed(s, e.Name) {
			continue
		}
		c := *s
		c.Elements = slices.Delete(slices.Clone(s.Elements), i, i+1)
		c.Steps = slices.DeleteFunc(slices.Clone(s.Steps), func(st scenario.Step) bool {
			return slices.Contains(scenario.Names(st, scenario.ElementName), e.Name)
		})
		if len(c.Steps) > 0 {
			out = append(out, withoutEmptyHosts(c))
		}
	}
	return out
}

func needed(s *scenario.Scenario, name string) bool {
	for _, e := range s.Elements {
		if e.Via == name {
			return true
		}
	}
	return slices.ContainsFunc(s.Steps, func(st scenario.Step) bool {
		return slices.Contains(scenario.Names(st, scenario.ElementName), name)
	})
}

// dropProxy takes one user agent, or all, off the proxy; what registers there
// goes with it.
func dropProxy(s scenario.Scenario) (out []scenario.Scenario) {
	for _, p := range s.Elements {
		if p.Kind != scenario.Proxy || p.SUT {
			continue
		}
		c := s
		c.Elements = nil
		for _, e := range s.Elements {
			if e.Via == p.Name {
				e.Via = ""
			}
			if e.Name != p.Name {
				c.Elements = append(c.Elements, e)
			}
		}
		c.Steps = nil
		for _, st := range s.Steps {
			if r, ok := st.(scenario.Register); !ok || s.Registrar(r) != p.Name {
				c.Steps = append(c.Steps, st)
			}
		}
		if len(c.Steps) > 0 {
			out = append(out, withoutEmptyHosts(c))
		}
	}
	return append(out, eachElement(s, func(e *scenario.Element) bool {
		had := e.Via != ""
		e.Via = ""
		return had
	})...)
}

// oneRegistrar puts one proxy in another's place, or makes that of a further
// account a user agent's own.
func oneRegistrar(s scenario.Scenario) (out []scenario.Scenario) {
	var proxies []string
	for _, e := range s.Elements {
		if e.Kind == scenario.Proxy && !e.SUT {
			proxies = append(proxies, e.Name)
		}
	}
	for _, from := range proxies {
		for _, to := range s.Elements {
			if to.Kind == scenario.Proxy && to.Name != from {
				c := moved(s, "", from, to.Name)
				c.Elements = slices.DeleteFunc(c.Elements, func(e scenario.Element) bool { return e.Name == from })
				out = append(out, withoutEmptyHosts(c))
			}
		}
	}
	for _, st := range s.Steps {
		if r, ok := st.(scenario.Register); ok && r.Via != "" {
			out = append(out, moved(s, r.UA, s.Element(r.UA).Via, r.Via))
		}
	}
	return out
}

// moved gives a user agent, or all, another proxy for one that it has.
func moved(s scenario.Scenario, ua, from, to string) scenario.Scenario {
	s.Elements, s.Steps = slices.Clone(s.Elements), slices.Clone(s.Steps)
	home := map[string]string{}
	for i := range s.Elements {
		e := &s.Elements[i]
		if e.Kind == scenario.UserAgent && e.Via == from && (ua == "" || e.Name == ua) {
			e.Via = to
		}
		home[e.Name] = e.Via
	}
	for i, st := range s.Steps {
		r, ok := st.(scenario.Register)
		if ok && r.Via == from && ua == "" {
			r.Via = to
		}
		if ok && r.Via == home[r.UA] {
			r.Via = ""
		}
		if ok {
			s.Steps[i] = r
		}
	}
	return s
}

// withoutEmptyHosts leaves out the hosts on which nobody is, unless they join
// networks.
func withoutEmptyHosts(s scenario.Scenario) scenario.Scenario {
	used := map[string]bool{}
	for _, e := range s.Elements {
		used[e.Host] = true
	}
	return withoutIdleHosts(s, used)
}

// withoutIdleHosts leaves out what is not used and joins no networks.
func withoutIdleHosts(s scenario.Scenario, used map[string]bool) scenario.Scenario {
	idle := map[string]bool{}
	for _, h := range s.Hosts {
		idle[h.Name] = !used[h.Name] && len(h.Nets) < 2
	}
	s.Hosts = slices.DeleteFunc(slices.Clone(s.Hosts), func(h scenario.Host) bool { return idle[h.Name] })
	s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), func(a scenario.HostAddr) bool { return idle[a.Host] })
	s.Routes = slices.DeleteFunc(slices.Clone(s.Routes), func(r scenario.HostRoute) bool { return idle[r.Host] || idle[r.Via] })
	return plainLists(s)
}

// plainLists makes empty lists nil, as Parse does.
func plainLists(s scenario.Scenario) scenario.Scenario {
	if len(s.Addrs) == 0 {
		s.Addrs = nil
	}
	if len(s.Routes) == 0 {
		s.Routes = nil
	}
	return s
}

// oneNetwork puts all hosts on one network, without routers and routes.
func oneNetwork(s scenario.Scenario) []scenario.Scenario {
	if len(s.Nets) == 1 && len(s.Addrs)+len(s.Routes) == 0 && s.Nets[0].Name == "lan" {
		return nil
	}
	c := s
	c.Addrs, c.Routes = nil, nil
	c.Hosts, c.Elements = slices.Clone(s.Hosts), slices.Clone(s.Elements)
	used := map[string]bool{}
	for i := range c.Elements {
		c.Elements[i].At = scenario.Place{}
		used[c.Elements[i].Host] = true
	}
	for i := range c.Hosts {
		c.Hosts[i] = scenario.Host{Name: c.Hosts[i].Name, Nets: []string{"lan"}}
	}
	c.Hosts = slices.DeleteFunc(c.Hosts, func(h scenario.Host) bool { return !used[h.Name] })
	six := c
	c.Nets = []scenario.Net{{Name: "lan", Family: scenario.IPv4}}
	six.Nets = []scenario.Net{{Name: "lan", Family: scenario.IPv6}}
	return []scenario.Scenario{c, six}
}

// dropRoute leaves out one route or further address, takes one host off a
// network, or makes one plainer.
func dropRoute(s scenario.Scenario) (out []scenario.Scenario) {
	for i := range s.Routes {
		c := s
		c.Routes = slices.Delete(slices.Clone(s.Routes), i, i+1)
		out = append(out, plainLists(c))
	}
	for i := range s.Addrs {
		c := s
		c.Addrs = slices.Delete(slices.Clone(s.Addrs), i, i+1)
		out = append(out, plainLists(c))
	}
	for i, h := range s.Hosts {
		if h.Router || h.ReversePath != scenario.ReversePathOff {
			c := s
			c.Hosts = slices.Clone(s.Hosts)
			c.Hosts[i].Router, c.Hosts[i].ReversePath = false, scenario.ReversePathOff
			out = append(out, c)
		}
		for j := range h.Nets {
			if len(h.Nets) > 1 {
				c := s
				c.Hosts = slices.Clone(s.Hosts)
				c.Hosts[i].Nets = slices.Delete(slices.Clone(h.Nets), j, j+1)
				out = append(out, withoutEmptyHosts(c))
			}
		}
	}
	return append(out, dropNet(s)...)
}

// dropNet leaves out a network on which nobody is.
func dropNet(s scenario.Scenario) (out []scenario.Scenario) {
	for i, n := range s.Nets {
		if len(s.Nets) == 1 || slices.ContainsFunc(s.Hosts, func(h scenario.Host) bool { return slices.Contains(h.Nets, n.Name) }) {
			continue
		}
		c := s
		c.Nets = slices.Delete(slices.Clone(s.Nets), i, i+1)
		out = append(out, c)
	}
	return out
}

// oneHost puts everybody on the first host.
func oneHost(s scenario.Scenario) []scenario.Scenario {
	if len(s.Hosts) < 2 {
		return nil
	}
	c := s
	c.Elements = slices.Clone(s.Elements)
	for i := range c.Elements {
		c.Elements[i].Host = s.Hosts[0].Name
	}
	return []scenario.Scenario{spread(withoutEmptyHosts(c)), withoutEmptyHosts(c)}
}

// joinHosts moves the elements of one host to another.
func joinHosts(s scenario.Scenario) (out []scenario.Scenario) {
	for i := range s.Hosts {
		for j := range i {
			c := s
			c.Elements = slices.Clone(s.Elements)
			for k := range c.Elements {
				if c.Elements[k].Host == s.Hosts[i].Name {
					c.Elements[k].Host = s.Hosts[j].Name
				}
			}
			out = append(out, spread(withoutEmptyHosts(c)))
		}
	}
	return out
}

// spread moves ports apart that elements on different hosts had in common.
func spread(s scenario.Scenario) scenario.Scenario {
	used := map[string]bool{}
	s.Elements = slices.Clone(s.Elements)
	for i := range s.Elements {
		e := &s.Elements[i]
		e.Listen = slices.Clone(e.Listen)
		for taken(used, e) {
			for j := range e.Listen {
				e.Listen[j].Port += 10
			}
		}
		for _, l := range e.Listen {
			used[key(e, l)] = true
		}
	}
	return s
}

func taken(used map[string]bool, e *scenario.Element) bool {
	return slices.ContainsFunc(e.Listen, func(l scenario.Listen) bool { return used[key(e, l)] })
}

func key(e *scenario.Element, l scenario.Listen) string { return fmt.Sprint(e.Host, l.Port) }
