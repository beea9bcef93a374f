package props

import "github.com/greka-sip/greka/model"

// registrations draws who registers before the first call.
func (d *draft) registrations() {
	if d.proxy == "" {
		return
	}
	if d.yes(&dimSUTReg) {
		d.register(d.sut)
	}
	if d.yes(&dimOtherReg) {
		d.register(d.other)
	}
}

func (d *draft) register(ua string) {
	d.add(model.Register{UA: ua, Transport: d.stepTransport()}, model.Register{UA: ua})
}

// calls draws the calls: the first is what gives sut its role.
func (d *draft) calls() {
	from, to := d.other, d.sut
	if d.sut == "ann" {
		from, to = to, from
	}
	n := map[string]int{"one": 1, "two": 2, "three": 3}[d.pick(&dimCalls)]
	for i := range n {
		if i > 0 {
			from, to = d.turn(from, to)
		}
		d.call(from, to)
	}
	if !d.hasCall() { // every wish was in vain: the plainest call there is
		d.add(model.Call{From: from, To: to})
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
	c := model.Call{From: from, To: to, Transport: d.stepTransport()}
	if d.pick(&dimHangup) == "callee" {
		c.Hangup = model.Callee
	}
	if over := d.overFlow(c); over != (model.Call{}) && d.yes(&dimOverFlow) {
		c = over
	}
	plain := c
	plain.Transport = 0
	back := plain
	back.Hangup = model.Caller
	d.add(c, plain, back)
}

// overFlow returns the call sent down a connection that the next hop dialled,
// or the zero call if there is none.
func (d *draft) overFlow(c model.Call) model.Call {
	c.OverFlow = true
	for _, t := range []model.Transport{c.Transport, model.TCP} {
		c.Transport = t
		if d.playable(c) {
			return c
		}
	}
	return model.Call{}
}

func (d *draft) stepTransport() model.Transport {
	t, _ := model.ParseTransport(d.pick(&dimStepVia))
	return t
}

// add appends the first of some steps that honest elements can play.
func (d *draft) add(wishes ...model.Step) {
	for _, st := range wishes {
		if d.playable(st) {
			d.s.Steps = append(d.s.Steps, st)
			return
		}
	}
}

// playable reports whether honest elements can play the scenario with one more
// step, and whether the judged element can play its part.
func (d *draft) playable(st model.Step) bool {
	if c, ok := st.(model.Call); ok && !d.may(c.From, c.To) {
		return false
	}
	next := d.s
	next.Steps = append(append([]model.Step(nil), d.s.Steps...), st)
	_, err := model.Predict(&next)
	return err == nil
}

func (d *draft) hasCall() bool {
	for _, st := range d.s.Steps {
		if _, ok := st.(model.Call); ok {
			return true
		}
	}
	return false
}
