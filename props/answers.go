package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// ending says how the call of a verdict ended. Of a puzzle that is said already:
// who refused is not.
func (e *explanation) ending() {
	o := e.outcome(e.v.Step)
	switch {
	case o == nil:
	case e.v.Severity == model.Puzzle:
		e.refusals(o)
	default:
		e.b.WriteByte('\n')
		c, ok := stepOf(e.p, o.Step).(scenario.Call)
		if !ok {
			e.row("the call", "%s", o)
			return
		}
		e.row("the call", "%s", o.Told(c, e.unread(o, c, "ACK")))
		e.answers("", "INVITE BYE", o)
		if follows := consequences[e.v.Class]; follows != nil {
			if text := follows(e, o, c); text != "" {
				e.row("so", "%s", text)
			}
		}
	}
}

// answers adds the final answers of a call that are unusual: which side gave
// them, and to whom. What came of the requests
// that are told is not said again.
func (e *explanation) answers(label, told string, o *model.Outcome) {
	if o == nil {
		return
	}
	e.rows(label, unusual(e.p, o, told))
}

// rows writes lines below one label.
func (e *explanation) rows(label string, lines []string) {
	for _, l := range lines {
		e.row(label, "%s", l)
		label = ""
	}
}

// unusual lists the final answers of a call that are none of a call that goes
// through, as far as they were seen: those that the judged element gave, and
// those that came to the caller and to the sender of the BYE, unless what came
// of that request is told.
func unusual(p *Played, o *model.Outcome, told string) (lines []string) {
	c, ok := stepOf(p, o.Step).(scenario.Call)
	if !ok {
		return nil
	}
	for i := range p.Obs.Requests {
		r := &p.Obs.Requests[i]
		if r.Step != o.Step || r.Taker == "" || r.Status == 0 {
			continue
		}
		ends := r.Method == "INVITE" && r.Taker == c.To && o.Status != 0 && o.Status/100 != r.Status/100
		if r.Status >= 300 || ends {
			lines = append(lines, fmt.Sprintf("%s answered %d to the %s that %s sent over %s from %s", r.Taker, r.Status, r.Method, r.Sender, r.Leg.Transport, r.Leg.Local))
		}
	}
	if o.Status >= 300 && !strings.Contains(told, "INVITE") && !answeredBy(p, o, "INVITE", c.From, o.Status) {
		lines = append(lines, fmt.Sprintf("%s, the caller, was answered %d", c.From, o.Status))
	}
	hanger := sender(c, "BYE")
	if o.ByeReply >= 300 && !strings.Contains(told, "BYE") && !answeredBy(p, o, "BYE", hanger, o.ByeReply) {
		lines = append(lines, byeAnswered(p, o, hanger))
	}
	return lines
}

// byeAnswered says with what a BYE was answered, and by whom, if its address led
// elsewhere than to the other side.
func byeAnswered(p *Played, o *model.Outcome, hanger string) string {
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		if v.Class != model.WrongOwner || v.Use < 0 || v.Step != o.Step || v.Picked == nil {
			continue
		}
		if u := &p.Obs.Uses[v.Use]; u.Request != "BYE" || u.View.Element != hanger {
			continue
		}
		if v.Picked.Owner != hanger {
			return fmt.Sprintf("the BYE of %s goes to %s too, and was answered with %d", hanger, v.Picked.Owner, o.ByeReply)
		}
		text := fmt.Sprintf("the BYE goes back to %s too, who answered it with %d", hanger, o.ByeReply)
		if o.ByeReply == 481 {
			text += fmt.Sprintf(": as a request that %s receives it matches no dialog (RFC 3261 12.2.2)", hanger)
		}
		return text
	}
	return fmt.Sprintf("the BYE of %s was answered with %d", hanger, o.ByeReply)
}

// answeredBy reports whether it was seen that a sender's own request was answered
// so, and by whom.
func answeredBy(p *Played, o *model.Outcome, method, from string, status int) bool {
	for i := range p.Obs.Requests {
		if r := &p.Obs.Requests[i]; r.Step == o.Step && r.Method == method && r.Sender == from && r.Status == status && r.Taker != "" {
			return true
		}
	}
	return false
}

// refusals says who refused what in a call and in its direct twin that nothing
// explains.
func (e *explanation) refusals(o *model.Outcome) {
	e.refused("through the proxy", e.p, o)
	for i := range e.p.Obs.Outcomes {
		if &e.p.Obs.Outcomes[i] == o && e.p.Twin != nil && i < len(e.p.Twin.Obs.Outcomes) {
			e.refused("direct", e.p.Twin, &e.p.Twin.Obs.Outcomes[i])
		}
	}
}

// refused says who refused what in one play; nothing, if nothing was.
func (e *explanation) refused(label string, p *Played, o *model.Outcome) {
	if o.Status < 300 && o.ByeReply < 300 {
		return
	}
	lines := unusual(p, o, "")
	if judged := p.Scenario.SUT(); judged != nil && !refusedBy(p, o, judged.Name) {
		lines = append(lines, fmt.Sprintf("by whom is not known: no refusal by %s was seen", judged.Name))
	}
	e.rows(label, lines)
}

// refusedBy reports whether it was seen that an element refused a request of a
// call.
func refusedBy(p *Played, o *model.Outcome, element string) bool {
	for i := range p.Obs.Requests {
		if r := &p.Obs.Requests[i]; r.Step == o.Step && r.Taker == element && r.Status >= 300 {
			return true
		}
	}
	return false
}

func stepOf(p *Played, i int) scenario.Step {
	if i < 0 || i >= len(p.Scenario.Steps) {
		return nil
	}
	return p.Scenario.Steps[i]
}
