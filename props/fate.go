package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// fate says what becomes of the call: what was seen of it, and what the RFC
// makes follow.
func (e *explanation) fate() string {
	o := e.outcome(e.u.Step)
	switch {
	case e.u.Request == "":
		if x := e.elsewhere(); x != nil {
			return fmt.Sprintf("by this message alone nobody is hurt; what becomes of the %s is a matter of its own", x.Request)
		}
		return "nobody is hurt here; whoever dials it later will be"
	case e.v.Severity != model.Finding:
		return fmt.Sprintf("nobody is hurt here: the %s %s; whoever has to dial the address will be", e.u.Request, e.passes())
	case o == nil:
		return fmt.Sprintf("the %s does not get through", e.u.Request)
	}
	if f := fates[e.u.Request]; f != nil {
		return f(e, o)
	}
	return fmt.Sprintf("the call: %s", o)
}

// passes says how a request gets through although its address does not accept.
func (e *explanation) passes() string {
	switch {
	case strings.HasPrefix(e.a.Message, "1"):
		return "does not go there, since an unreliable " + e.a.Message[:3] + " moves no target (RFC 6141 4.3)"
	case !e.u.MustDial:
		return "goes down a connection that " + e.u.View.Element + " has"
	}
	return "arrives all the same"
}

// fates tell what comes of a call whose request is sent to an address that does
// not accept.
var fates = map[string]func(e *explanation, o *model.Outcome) string{
	"ACK":    (*explanation).fateOfACK,
	"BYE":    (*explanation).fateOfBYE,
	"INVITE": (*explanation).fateOfINVITE,
}

func (e *explanation) fateOfACK(o *model.Outcome) string {
	if o.Acked && e.v.Class != model.WrongOwner {
		return fmt.Sprintf("this call went on all the same: %s", o)
	}
	return e.astray("ACK") + e.failure(o) + ". By RFC 3261 13.3.1.4 the 200 is sent again then, until the call dies after 32 s (64*T1)"
}

func (e *explanation) fateOfBYE(o *model.Outcome) string {
	if o.ByeReply/100 == 2 {
		return fmt.Sprintf("this BYE was answered with %d all the same", o.ByeReply)
	}
	other := e.a.Giver
	if c, ok := e.step().(scenario.Call); ok {
		if other = c.To; c.Hangup == scenario.Callee {
			other = c.From
		}
	}
	text := fmt.Sprintf("%s, and %s stays in a call that is over", e.astray("BYE"), other)
	if o.ByeReply != 0 {
		text += fmt.Sprintf("; seen: the BYE was answered with %d", o.ByeReply)
	}
	return text + e.failure(o)
}

func (e *explanation) fateOfINVITE(o *model.Outcome) string {
	switch {
	case o.Status/100 == 2:
		return fmt.Sprintf("this call came through all the same: %s", o)
	case o.Status >= 300:
		return fmt.Sprintf("%s, and the call%s fails with %d", e.astray("INVITE"), e.ofCaller(), o.Status)
	}
	return e.astray("INVITE") + e.failure(o) // what its caller is told is told later than that
}

// ofCaller names whose call it is.
func (e *explanation) ofCaller() string {
	if c, ok := e.step().(scenario.Call); ok {
		return " of " + c.From
	}
	return ""
}

// astray says where a request ends that its address does not bring to the giver.
func (e *explanation) astray(request string) string {
	if e.v.Class == model.WrongOwner && e.v.Picked != nil {
		return fmt.Sprintf("the %s goes to %s, and not to %s", request, e.v.Picked.Owner, e.a.Giver)
	}
	if e.v.Class == model.Malformed {
		return fmt.Sprintf("the %s cannot be sent", request)
	}
	return fmt.Sprintf("the %s does not arrive", request)
}

// failure adds in which words the sender told of it.
func (e *explanation) failure(o *model.Outcome) string {
	if o.Failure == "" || e.v.Class == model.Malformed { // its reader stumbles elsewhere than ours
		return ""
	}
	if r := e.u.Request; !strings.Contains(o.Failure, r) {
		return "; seen besides: " + foreign(o.Failure) // of a later request: over UDP the error comes back to the next one
	}
	return "; seen: " + foreign(o.Failure)
}

// outcome is what became of the call of a step, nil if nothing is known of it.
func (e *explanation) outcome(step int) *model.Outcome {
	for i := range e.p.Obs.Outcomes {
		if o := &e.p.Obs.Outcomes[i]; o.Step == step {
			return o
		}
	}
	return nil
}

// step is the one in which the address was used.
func (e *explanation) step() scenario.Step {
	return stepOf(e.p, e.u.Step)
}
