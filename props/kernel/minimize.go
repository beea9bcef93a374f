package kernel

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/greka-sip/greka/model/scenario"
)

// Minimize makes a scenario as small as it can while fails is true of it:
// fewer steps, then fewer hosts and networks, then plainer steps and names.
// fails is asked of valid scenarios only, and many times.
func Minimize(s scenario.Scenario, fails func(scenario.Scenario) bool) scenario.Scenario {
	m := &minimizer{best: s, fails: fails, tried: map[string]bool{}}
	for before := ""; before != scenario.Format(m.best); {
		before = scenario.Format(m.best)
		m.steps()
		m.unbind()
		m.hosts()
		m.nets()
		m.plainer()
	}
	m.rename()
	return m.best
}

type minimizer struct {
	best  scenario.Scenario
	fails func(scenario.Scenario) bool
	tried map[string]bool
}

// try keeps a candidate if it is valid and still fails.
func (m *minimizer) try(s scenario.Scenario) bool {
	text := scenario.Format(s)
	if m.tried[text] || s.Validate() != nil {
		return false
	}
	m.tried[text] = true
	if !m.fails(s) {
		return false
	}
	m.best = s
	return true
}

// steps leaves out runs of steps, long ones first, and what needs them.
func (m *minimizer) steps() {
	for size := len(m.best.Steps) / 2; size >= 1; size /= 2 {
		for at := len(m.best.Steps) - size; at >= 0; {
			c := m.best
			c.Steps = defined(slices.Concat(c.Steps[:at], c.Steps[at+size:]))
			if m.try(c) {
				at = min(at, len(m.best.Steps)-size)
				continue
			}
			at--
		}
	}
}

// unbind leaves out a bind, and says "the port of that socket" where the others
// said its number.
func (m *minimizer) unbind() {
	for i := len(m.best.Steps) - 1; i >= 0; i-- {
		if i >= len(m.best.Steps) {
			continue
		}
		b, ok := m.best.Steps[i].(scenario.BindSocket)
		if !ok || b.At.Port == 0 {
			continue
		}
		c := m.best
		c.Steps = slices.Concat(c.Steps[:i], c.Steps[i+1:])
		for k := range c.Steps {
			c.Steps[k] = ends(c.Steps[k], func(e scenario.Endpoint) scenario.Endpoint {
				if e.Port == b.At.Port {
					e.Port, e.Of = 0, b.Socket
				}
				return e
			})
		}
		m.try(c)
	}
}

// defined drops the steps that speak of sockets which no step before makes.
func defined(steps []scenario.Step) (out []scenario.Step) {
	made := map[string]bool{}
	for _, st := range steps {
		uses, makes := names(st)
		if slices.ContainsFunc(uses, func(n string) bool { return !made[n] }) {
			continue
		}
		if makes != "" {
			made[makes] = true
		}
		out = append(out, st)
	}
	return out
}

// names are the sockets that a step speaks of, and the one that it makes.
func names(st scenario.Step) (uses []string, makes string) {
	if made := scenario.Names(st, scenario.NewSocketName); len(made) > 0 {
		makes = made[0]
	}
	return scenario.Names(st, scenario.SocketName), makes
}

// hosts leaves out the last hosts (an earlier one's absence would change the
// addresses of those behind it).
func (m *minimizer) hosts() {
	for len(m.best.Hosts) > 1 {
		c := m.best
		c.Hosts = c.Hosts[:len(c.Hosts)-1]
		if !m.try(c) {
			return
		}
	}
}

// nets leaves out networks. Addresses of the second one would change with the
// first, so only the last can go.
func (m *minimizer) nets() {
	n := len(m.best.Nets)
	if n < 2 {
		return
	}
	c := m.best
	gone := c.Nets[n-1].Name
	c.Nets = c.Nets[:n-1]
	c.Hosts = slices.Clone(c.Hosts)
	for i := range c.Hosts {
		c.Hosts[i].Nets = slices.DeleteFunc(slices.Clone(c.Hosts[i].Nets), func(x string) bool { return x == gone })
		if len(c.Hosts[i].Nets) == 0 {
			return
		}
	}
	m.try(c)
}

// plainer tries, step by step, what a reader finds plainer: everything on the
// first host, IPv4, the port 5060, a backlog of 1.
func (m *minimizer) plainer() {
	first := m.best.Hosts[0].Name
	for _, change := range []func(scenario.Step) scenario.Step{
		func(st scenario.Step) scenario.Step { return ends(st, plainPort) },
		func(st scenario.Step) scenario.Step { return ends(onHost(st, first), m.here) },
		func(st scenario.Step) scenario.Step { return ends(inFamily4(st), m.inFour) },
		reuseAddr,
		func(st scenario.Step) scenario.Step { return reuseAddr(ends(inFamily4(st), m.inFour)) },
	} {
		m.all(change)
	}
	for i := range m.best.Steps {
		for _, st := range plainerSteps(m.best.Steps[i], &m.best) {
			c := m.best
			c.Steps = slices.Clone(c.Steps)
			c.Steps[i] = st
			m.try(c)
		}
	}
}

// all tries a change of every step at once.
func (m *minimizer) all(change func(scenario.Step) scenario.Step) {
	c := m.best
	c.Steps = slices.Clone(c.Steps)
	for i := range c.Steps {
		c.Steps[i] = change(c.Steps[i])
	}
	m.try(c)
}

// ends changes the endpoint in a step, if there is one.
func ends(st scenario.Step, change func(scenario.Endpoint) scenario.Endpoint) scenario.Step {
	switch st := st.(type) {
	case scenario.BindSocket:
		st.At = change(st.At)
		return st
	case scenario.DialSocket:
		st.To = change(st.To)
		return st
	case scenario.SendTo:
		st.To = change(st.To)
		return st
	}
	return st
}

func plainPort(e scenario.Endpoint) scenario.Endpoint {
	if e.Of == "" && e.Port != 0 {
		e.Port = 5060
	}
	return e
}

func onHost(st scenario.Step, host string) scenario.Step {
	return scenario.Renamed(st, func(n scenario.Noun, name string) string {
		if n == scenario.HostName {
			return host
		}
		return name
	})
}

func inFamily4(st scenario.Step) scenario.Step {
	if st, ok := st.(scenario.OpenSocket); ok {
		st.Family = scenario.IPv4
		return st
	}
	return st
}

func reuseAddr(st scenario.Step) scenario.Step {
	if st, ok := st.(scenario.SetOption); ok && st.Option == scenario.OptionReusePort {
		st.Option = scenario.OptionReuseAddr
		return st
	}
	return st
}

// here puts an address of the first host where one of another host stood.
func (m *minimizer) here(e scenario.Endpoint) scenario.Endpoint {
	s := &m.best
	for _, h := range s.Hosts[1:] {
		for _, n := range h.Nets {
			if s.Addr(h.Name, n) == e.Addr {
				e.Addr = s.Addr(s.Hosts[0].Name, n)
				return e
			}
		}
	}
	return e
}

// inFour puts an IPv4 address where an IPv6 one stood.
func (m *minimizer) inFour(e scenario.Endpoint) scenario.Endpoint {
	switch a := e.Addr; {
	case a.Is4():
	case a.IsUnspecified():
		e.Addr = netip.IPv4Unspecified()
	case a.IsLoopback():
		e.Addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	default:
		e.Addr = nobodys[scenario.IPv4]
		for _, h := range m.best.Hosts {
			for _, n := range h.Nets {
				if m.best.Addr(h.Name, n) == a {
					e.Addr = m.best.Addr(h.Name, h.Nets[0])
				}
			}
		}
	}
	return e
}

func plainerSteps(st scenario.Step, s *scenario.Scenario) (out []scenario.Step) {
	switch st := st.(type) {
	case scenario.OpenSocket:
		if st.Host != s.Hosts[0].Name {
			c := st
			c.Host = s.Hosts[0].Name
			out = append(out, c)
		}
		if st.Family == scenario.IPv6 {
			c := st
			c.Family = scenario.IPv4
			out = append(out, c)
		}
	case scenario.ListenSocket:
		if st.Backlog != 1 {
			st.Backlog = 1
			out = append(out, st)
		}
	case scenario.BindSocket:
		for _, at := range plainerEnds(st.At) {
			out = append(out, scenario.BindSocket{Socket: st.Socket, At: at})
		}
	case scenario.DialSocket:
		for _, to := range plainerEnds(st.To) {
			out = append(out, scenario.DialSocket{Socket: st.Socket, To: to})
		}
	case scenario.SendTo:
		for _, to := range plainerEnds(st.To) {
			out = append(out, scenario.SendTo{Socket: st.Socket, To: to})
		}
	}
	return out
}

func plainerEnds(e scenario.Endpoint) (out []scenario.Endpoint) {
	if e.Of == "" && e.Port > 5060 {
		out = append(out, scenario.Endpoint{Addr: e.Addr, Port: 5060})
	}
	return out
}

// rename calls the sockets s1, s2, … in the order in which they are made.
func (m *minimizer) rename() {
	now := map[string]string{}
	c := m.best
	c.Steps = slices.Clone(c.Steps)
	for i, st := range c.Steps {
		c.Steps[i] = scenario.Renamed(st, func(n scenario.Noun, name string) string {
			switch n {
			case scenario.NewSocketName:
				now[name] = "s" + strconv.Itoa(len(now)+1)
				return now[name]
			case scenario.SocketName:
				return now[name]
			}
			return name
		})
	}
	if scenario.Format(c) != scenario.Format(m.best) {
		m.try(c)
	}
}
