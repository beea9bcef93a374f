package props

import (
	"slices"

	"github.com/greka-sip/greka/model"
)

var (
	plainHosts = []string{"box", "hut", "den", "inn"}
	plainPorts = []uint16{5072, 5081, 5090, 5099}
	proxyPorts = []uint16{5060, 5065}
)

// rename gives hosts and elements the names that a person would: the first
// host is box, the first caller ann, whom she calls bob, the first proxy p.
func rename(s model.Scenario) model.Scenario {
	host, element := map[string]string{}, map[string]string{}
	for i, h := range s.Hosts {
		host[h.Name] = plainHosts[i%len(plainHosts)]
	}
	if len(s.Hosts) > len(plainHosts) {
		return s
	}
	for _, st := range s.Steps {
		if c, ok := st.(model.Call); ok && len(element) == 0 {
			element[c.From], element[c.To] = "ann", "bob"
		}
	}
	for _, e := range s.Elements {
		if e.Kind == model.UserAgent && element[e.Name] == "" {
			element[e.Name] = free(element, "carl", "dora", "emil")
		}
		if e.Kind == model.Proxy {
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

func renamed(s model.Scenario, host, element map[string]string) model.Scenario {
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
		s.Steps[i] = renamedStep(st, func(h string) string { return host[h] }, name)
	}
	return s
}

// renamedStep is a step of a SIP scenario with other names.
func renamedStep(st model.Step, host, element func(string) string) model.Step {
	switch st := st.(type) {
	case model.Register:
		return model.Register{UA: element(st.UA), Transport: st.Transport, Via: element(st.Via)}
	case model.Call:
		st.From, st.To = element(st.From), element(st.To)
		return st
	case model.Disconnect:
		return model.Disconnect{Element: element(st.Element), Peer: element(st.Peer)}
	case model.Silence:
		return model.Silence{Element: element(st.Element), Peer: element(st.Peer)}
	case model.ResetFlow:
		return model.ResetFlow{Element: element(st.Element), Peer: element(st.Peer)}
	case model.Restart:
		return model.Restart{Element: element(st.Element)}
	case model.FillBacklog:
		return model.FillBacklog{Element: element(st.Element)}
	case model.Freeze:
		return model.Freeze{Host: host(st.Host)}
	case model.Thaw:
		return model.Thaw{Host: host(st.Host)}
	case model.Kill:
		return model.Kill{Host: host(st.Host)}
	}
	return renamedChange(st, host)
}

// renamedChange is a step that changes the topology with other names of hosts.
func renamedChange(st model.Step, host func(string) string) model.Step {
	switch st := st.(type) {
	case model.SetLink:
		st.Host = host(st.Host)
		return st
	case model.Assign:
		st.Host = host(st.Host)
		return st
	case model.Unassign:
		st.Host = host(st.Host)
		return st
	case model.Renumber:
		st.Host = host(st.Host)
		return st
	case model.Withdraw:
		st.Host = host(st.Host)
		return st
	case model.SetForwarding:
		st.Host = host(st.Host)
		return st
	}
	return st
}

// renumber gives proxies 5060 and 5065, and everybody else a port that nobody takes
// for a default; an element's unequal ports stay unequal.
func renumber(s model.Scenario) model.Scenario {
	s.Elements = slices.Clone(s.Elements)
	free := map[model.Kind][]uint16{model.UserAgent: plainPorts, model.Proxy: proxyPorts}
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
func reorder(s model.Scenario) model.Scenario {
	rank := func(e model.Element) int {
		switch {
		case e.Kind == model.Proxy:
			return 0
		case e.SUT:
			return 1
		}
		return 2
	}
	s.Elements = slices.Clone(s.Elements)
	slices.SortStableFunc(s.Elements, func(a, b model.Element) int { return rank(a) - rank(b) })
	return s
}
