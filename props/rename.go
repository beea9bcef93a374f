package props

import (
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

var (
	plainHosts = []string{"box", "hut", "den", "inn"}
	plainPorts = []uint16{5072, 5081, 5090, 5099}
	proxyPorts = []uint16{5060, 5065}
)

// rename gives hosts and elements the names that a person would: the first
// host is box, the first caller ann, whom she calls bob, the first proxy p.
func rename(s scenario.Scenario) scenario.Scenario {
	host, element := map[string]string{}, map[string]string{}
	for i, h := range s.Hosts {
		host[h.Name] = plainHosts[i%len(plainHosts)]
	}
	if len(s.Hosts) > len(plainHosts) {
		return s
	}
	for _, st := range s.Steps {
		if c, ok := st.(scenario.Call); ok && len(element) == 0 {
			element[c.From], element[c.To] = "ann", "bob"
		}
	}
	for _, e := range s.Elements {
		if e.Kind == scenario.UserAgent && element[e.Name] == "" {
			element[e.Name] = free(element, "carl", "dora", "emil")
		}
		if e.Kind == scenario.Proxy {
			element[e.Name] = free(element, "p", "q")
		}
	}
	return renamed(s, host, element)
}

// free returns the first name that is not given away.
func free(given map[string]string, list ...string) string {
	for _, n := range list {
		taken := false
		for _, g := range given {
			taken = taken || g == n
		}
		if !taken {
			return n
		}
	}
	return list[0]
}

func renamed(s scenario.Scenario, host, element map[string]string) scenario.Scenario {
	name := func(n string) string {
		if x := element[n]; x != "" {
			return x
		}
		return n
	}
	s.Hosts, s.Elements, s.Steps = slices.Clone(s.Hosts), slices.Clone(s.Elements), slices.Clone(s.Steps)
	s.Addrs, s.Routes = slices.Clone(s.Addrs), slices.Clone(s.Routes)
	for i := range s.Hosts {
		s.Hosts[i].Name = host[s.Hosts[i].Name]
	}
	for i := range s.Addrs {
		s.Addrs[i].Host = host[s.Addrs[i].Host]
	}
	for i := range s.Routes {
		s.Routes[i].Host, s.Routes[i].Via = host[s.Routes[i].Host], host[s.Routes[i].Via]
	}
	for i := range s.Elements {
		e := &s.Elements[i]
		e.Name, e.Host, e.Via = name(e.Name), host[e.Host], name(e.Via)
	}
	for i, st := range s.Steps {
		s.Steps[i] = scenario.Renamed(st, func(n scenario.Noun, old string) string {
			switch n {
			case scenario.HostName:
				return host[old]
			case scenario.ElementName:
				return name(old)
			}
			return old
		})
	}
	return s
}

// renumber gives proxies 5060 and 5065, and everybody else a port that nobody takes
// for a default; an element's unequal ports stay unequal.
func renumber(s scenario.Scenario) scenario.Scenario {
	s.Elements = slices.Clone(s.Elements)
	free := map[scenario.Kind][]uint16{scenario.UserAgent: plainPorts, scenario.Proxy: proxyPorts}
	for i := range s.Elements {
		e := &s.Elements[i]
		if len(free[e.Kind]) == 0 {
			return s
		}
		base := free[e.Kind][0]
		free[e.Kind] = free[e.Kind][1:]
		first := e.Listen[0].Port
		e.Listen = slices.Clone(e.Listen)
		for j := range e.Listen {
			if e.Listen[j].Port == first {
				e.Listen[j].Port = base
			} else {
				e.Listen[j].Port = base + 1
			}
		}
	}
	return s
}

// reorder puts proxies first, then the judged element, then the others.
func reorder(s scenario.Scenario) scenario.Scenario {
	rank := func(e scenario.Element) int {
		switch {
		case e.Kind == scenario.Proxy:
			return 0
		case e.SUT:
			return 1
		}
		return 2
	}
	s.Elements = slices.Clone(s.Elements)
	slices.SortStableFunc(s.Elements, func(a, b scenario.Element) int { return rank(a) - rank(b) })
	return s
}
