package props

import (
	"slices"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// dimFaultKind is what befalls elements beside calls.
var dimFaultKind = dimension{"kind of fault", []string{"connection destroyed", "restart", "flow cut", "standstill", "network"}, []int{36, 20, 14, 12, 18}}

// fault draws before which call something befalls the scenario, -1 for never.
func (d *draft) fault(calls int) int {
	switch {
	case !d.yes(&dimFault):
		return -1
	case calls == 1 || d.pick(&dimWhen) == "before the first call":
		return 0
	}
	return 1 + uniform(d.t, "call", calls-1)
}

// faultTries bounds how many faults of a kind are tried before another kind's
// turn comes.
const faultTries = 4

// befall draws a fault after which the next call can still be played, of the
// kind that is drawn or, if the scenario has nothing for that to befall, the
// plainest: a connection is destroyed.
func (d *draft) befall(next scenario.Call) {
	kind := d.pick(&dimFaultKind)
	for range faultTries {
		steps := d.faultOf(kind, next)
		if len(steps) > 0 && d.playable(append(steps[:len(steps):len(steps)], next)...) {
			d.s.Steps = append(d.s.Steps, steps...)
			return
		}
	}
	d.disconnect()
}

// faultOf draws the steps of a kind of fault; none for the plainest.
func (d *draft) faultOf(kind string, next scenario.Call) []scenario.Step {
	switch kind {
	case "restart":
		return d.restart()
	case "flow cut":
		return d.cutFlow()
	case "standstill":
		return d.standstill(next)
	case "network":
		return d.networkFault()
	}
	return nil
}

// disconnect destroys one of the connections that are there, from one of its
// ends.
func (d *draft) disconnect() {
	p, err := model.Predict(&d.s)
	if err != nil || len(p.After) == 0 || len(p.After[len(p.After)-1]) == 0 {
		return
	}
	conns := d.endable(p.After[len(p.After)-1])
	c := conns[uniform(d.t, "connection", len(conns))]
	st := scenario.Disconnect{Element: c.Dialler, Peer: c.Acceptor}
	if uniform(d.t, "end", 2) == 1 {
		st = scenario.Disconnect{Element: c.Acceptor, Peer: c.Dialler}
	}
	d.add(st)
	d.afterEnd(st)
}

// endable draws which kind of connection ends.
func (d *draft) endable(conns []model.Connection) []model.Connection {
	var registered []model.Connection
	for _, c := range conns {
		for _, r := range d.accountsOf(c.Dialler) {
			if d.s.Registrar(r.(scenario.Register)) == c.Acceptor {
				registered = append(registered, c)
			}
		}
	}
	if len(registered) > 0 && d.pick(&dimWhichEnds) == "a registration's" {
		return registered
	}
	return conns
}

// afterEnd draws whether who has lost the connection to its registrar registers
// anew, on another one.
func (d *draft) afterEnd(st scenario.Disconnect) {
	for _, e := range [2][2]string{{st.Element, st.Peer}, {st.Peer, st.Element}} {
		for _, r := range d.accountsOf(e[0]) {
			if d.s.Registrar(r.(scenario.Register)) == e[1] && d.yes(&dimAfterEnd) {
				d.add(r)
			}
		}
	}
}

// restart starts one element again.
func (d *draft) restart() []scenario.Step {
	return d.started(d.s.Elements[uniform(d.t, "element", len(d.s.Elements))].Name)
}

// started starts an element again. A user agent that was registered registers
// anew, as programs do when they start, at each registrar.
func (d *draft) started(element string) []scenario.Step {
	return append([]scenario.Step{scenario.Restart{Element: element}}, d.accountsOf(element)...)
}

// accountsOf lists the last registration of a user agent at each registrar.
func (d *draft) accountsOf(ua string) (steps []scenario.Step) {
	seen := map[string]bool{}
	for i := len(d.s.Steps) - 1; i >= 0; i-- {
		if r, ok := d.s.Steps[i].(scenario.Register); ok && r.UA == ua && !seen[r.Via] {
			seen[r.Via] = true
			steps = append(steps, r)
		}
	}
	slices.Reverse(steps)
	return steps
}

// cutFlow cuts what two elements have between them: the next call goes another
// way, or not between these two. Beside a program there is none: by what else
// it sends it makes the others open connections that nobody predicts, and which
// of its own it tries first, and when it gives one up, is its own business.
func (d *draft) cutFlow() []scenario.Step {
	if d.space.Program {
		return nil
	}
	n := len(d.s.Elements)
	a := uniform(d.t, "element", n)
	b := (a + 1 + uniform(d.t, "other element", n-1)) % n
	from, to := d.s.Elements[a].Name, d.s.Elements[b].Name
	if uniform(d.t, "silent", 2) == 1 {
		return []scenario.Step{scenario.Silence{Element: from, Peer: to}}
	}
	return []scenario.Step{scenario.ResetFlow{Element: from, Peer: to}}
}

// standstill stops a host, sometimes until a queue is full, or ends everything
// on it, and starts it again. While it stands still there is a call among the
// others, if there can be one.
func (d *draft) standstill(next scenario.Call) []scenario.Step {
	chosen := &d.s.Elements[uniform(d.t, "element", len(d.s.Elements))]
	host := chosen.Host
	var begin, end []scenario.Step
	if uniform(d.t, "killed", 2) == 1 {
		begin = []scenario.Step{scenario.Kill{Host: host}}
		for _, e := range d.s.Elements {
			if e.Host == host {
				end = append(end, d.started(e.Name)...)
			}
		}
	} else {
		begin, end = []scenario.Step{scenario.Freeze{Host: host}}, []scenario.Step{scenario.Thaw{Host: host}}
		if _, ok := chosen.Stream(); ok && uniform(d.t, "full", 3) == 0 {
			begin = append(begin, scenario.FillBacklog{Element: chosen.Name})
		}
	}
	for _, c := range []scenario.Call{next, {From: d.sut, To: d.third}, {From: d.third, To: d.other}} {
		if c.From != "" && c.To != "" && d.playable(append(begin[:len(begin):len(begin)], c)...) {
			return append(append(begin, c), end...)
		}
	}
	return append(begin, end...)
}

// networkFault changes an address, a link or a route.
func (d *draft) networkFault() []scenario.Step {
	w := &world{draft: draft{t: d.t, s: d.s, note: d.note}, state: linux.NewTopology(&d.s)}
	for _, st := range d.s.Steps {
		w.state.Apply(st)
	}
	st := w.fault(&w.s.Hosts[uniform(d.t, "host", len(w.s.Hosts))], &dimChangeBeside)
	if st == nil {
		return nil
	}
	steps := []scenario.Step{st}
	if link, ok := st.(scenario.SetLink); ok && !link.Up && uniform(d.t, "up again", 2) == 1 {
		link.Up = true
		steps = append(steps, link)
	}
	return steps
}
