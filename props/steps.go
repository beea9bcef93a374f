package props

import (
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// registrations draws who registers before the first call.
func (d *draft) registrations() {
	if d.proxy == "" {
		return
	}
	if d.yes(&dimSUTReg) {
		d.register(d.sut, "")
	}
	if d.yes(&dimOtherReg) {
		d.register(d.other, "")
	}
	if d.second != "" && d.yes(&dimAccount) {
		d.register(d.sut, d.second)
	}
	if len(d.accountsOf(d.sut)) > 0 {
		if d.again = d.pick(&dimAgain); d.again == "at once" {
			d.registerAgain()
		}
	}
}

// register adds a registration after which the first call can still be played:
// a binding over a transport that the caller lacks is of no use to him unless
// the proxy stays in the path.
func (d *draft) register(ua, via string) {
	from, to := d.first()
	for _, t := range []sip.Transport{d.stepTransport(), 0, d.common} {
		r := scenario.Register{UA: ua, Transport: t, Via: via}
		if d.playable(r, scenario.Call{From: from, To: to}) {
			d.s.Steps = append(d.s.Steps, r)
			return
		}
	}
}

// registerAgain refreshes a registration of the judged element, or makes it anew
// over another transport.
func (d *draft) registerAgain() {
	accounts := d.accountsOf(d.sut)
	if len(accounts) == 0 {
		return
	}
	same := accounts[uniform(d.t, "account", len(accounts))].(scenario.Register)
	other := same
	if d.pick(&dimAgainOver) == "another transport" {
		other.Transport = otherThan(d.transportOf(same))
	}
	from, to := d.first()
	next := scenario.Call{From: from, To: to}
	for _, r := range []scenario.Register{other, same} {
		if !d.playable(r, next) {
			continue
		}
		d.s.Steps = append(d.s.Steps, r)
		end := scenario.Disconnect{Element: r.UA, Peer: d.s.Registrar(r)}
		if d.playable(end, next) && d.yes(&dimEndsAfter) {
			d.s.Steps = append(d.s.Steps, end)
		}
		return
	}
}

// transportOf is the transport that a registration goes over.
func (d *draft) transportOf(r scenario.Register) sip.Transport {
	with := d.s
	with.Steps = []scenario.Step{r}
	plan, err := with.PlanRegister(0)
	if err != nil {
		return d.common
	}
	return plan.Transport
}

// first returns who calls whom first: that gives sut its role.
func (d *draft) first() (from, to string) {
	if d.sut == "ann" {
		return d.sut, d.other
	}
	return d.other, d.sut
}

// calls draws the calls.
func (d *draft) calls() {
	from, to := d.first()
	n := map[string]int{"one": 1, "two": 2, "three": 3}[d.pick(&dimCalls)]
	fault := d.fault(n)
	for i := range n {
		if i > 0 {
			from, to = d.turn(from, to)
		}
		if i == fault {
			d.befall(scenario.Call{From: from, To: to})
		}
		if d.again == "between calls" && (i == 1 || n == 1) {
			d.registerAgain()
		}
		d.call(from, to)
	}
	if !d.hasCall() { // every wish was in vain: the plainest call there is
		d.add(scenario.Call{From: from, To: to})
	}
}

// turn draws who calls whom next.
func (d *draft) turn(from, to string) (string, string) {
	kinds := dimTurn.values
	if d.third == "" {
		kinds = kinds[:2]
	}
	switch d.pick(&dimTurn, kinds...) {
	case "back":
		from, to = to, from
	case "third party":
		if from == d.third || to == d.third {
			return d.other, d.sut
		}
		from = d.third
	}
	if !d.may(from, to) {
		return to, from
	}
	return from, to
}

// may reports whether the judged element can play its part in a call.
func (d *draft) may(from, to string) bool {
	judged := d.s.SUT().Name
	return (from != judged || d.space.has(model.RoleCaller)) && (to != judged || d.space.has(model.RoleCallee))
}

func (d *draft) call(from, to string) {
	c := scenario.Call{From: from, To: to, Transport: d.stepTransport()}
	if d.pick(&dimHangup) == "callee" {
		c.Hangup = scenario.Callee
	}
	if over := d.overFlow(c); over != (scenario.Call{}) && d.yes(&dimOverFlow) {
		c = over
	}
	plain := c
	plain.Transport = 0
	back := plain
	back.Hangup = scenario.Caller
	d.add(c, plain, back)
}

// overFlow returns the call sent down a connection that the next hop dialled,
// or the zero call if there is none.
func (d *draft) overFlow(c scenario.Call) scenario.Call {
	c.OverFlow = true
	for _, t := range []sip.Transport{c.Transport, sip.TCP} {
		c.Transport = t
		if d.playable(c) {
			return c
		}
	}
	return scenario.Call{}
}

func (d *draft) stepTransport() sip.Transport {
	t, _ := sip.ParseTransport(d.pick(&dimStepVia))
	return t
}

// add appends the first of some steps that honest elements can play.
func (d *draft) add(wishes ...scenario.Step) {
	for _, st := range wishes {
		if d.playable(st) {
			d.s.Steps = append(d.s.Steps, st)
			return
		}
	}
}

// playable reports whether honest elements can play the scenario with more
// steps, and whether the judged element can play its part.
func (d *draft) playable(more ...scenario.Step) bool {
	for _, st := range more {
		if c, ok := st.(scenario.Call); ok && !d.may(c.From, c.To) {
			return false
		}
	}
	next := d.s
	next.Steps = append(append([]scenario.Step(nil), d.s.Steps...), more...)
	_, err := model.Predict(&next)
	return err == nil && (!d.space.Program || d.unboundToo(&next))
}

// unboundToo reports whether all can be played, too, if the judged element leaves
// its source address to the kernel, as many programs do.
func (d *draft) unboundToo(s *scenario.Scenario) bool {
	_, err := model.PredictUnbound(s, s.SUT().Name)
	return err == nil && namesWell(s)
}

func changesNetwork(st scenario.Step) bool { return st.Kind() == scenario.NetworkFault }

func (d *draft) hasCall() bool {
	for _, st := range d.s.Steps {
		if _, ok := st.(scenario.Call); ok {
			return true
		}
	}
	return false
}
