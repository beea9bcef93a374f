package props

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
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
	case e.v.Class == model.ConnectionPort && e.v.Target.Transport == sip.UDP:
		return "arrives, since that socket is connected to " + e.u.View.Element
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
	callee := e.a.Giver
	if c, ok := e.step().(scenario.Call); ok {
		callee = c.To
	}
	return fmt.Sprintf("%s; %s%s", e.astray("ACK"), sendsAgain(callee), e.failure(o))
}

// sendsAgain says what a callee does that gets no ACK.
func sendsAgain(callee string) string {
	return fmt.Sprintf("by RFC 3261 13.3.1.4 %s sends its 200 again, until the call dies after 32 s (64*T1)", callee)
}

func (e *explanation) fateOfBYE(o *model.Outcome) string {
	if o.ByeReply/100 == 2 {
		return fmt.Sprintf("this BYE was answered with %d all the same", o.ByeReply)
	}
	other := e.a.Giver
	if c, ok := e.step().(scenario.Call); ok {
		other = farSide(c, sender(c, "BYE"))
	}
	text := fmt.Sprintf("%s, and %s stays in a call that is over", e.astray("BYE"), other)
	if o.ByeReply != 0 {
		text += fmt.Sprintf(". Seen: the BYE was answered with %d%s", o.ByeReply, e.byItself())
	}
	return text + e.failure(o)
}

// farSide is the other side of a call than one.
func farSide(c scenario.Call, side string) string {
	if side == c.From {
		return c.To
	}
	return c.From
}

// byItself says that a request came back to who sent it, if it did.
func (e *explanation) byItself() string {
	if e.comesBack() {
		return ", by " + e.u.View.Element + " itself"
	}
	return ""
}

// comesBack reports whether the address leads to its own user.
func (e *explanation) comesBack() bool {
	return e.v.Class == model.WrongOwner && e.v.Picked != nil && e.v.Picked.Owner == e.u.View.Element
}

func (e *explanation) fateOfINVITE(o *model.Outcome) string {
	if o.Status/100 == 2 {
		return fmt.Sprintf("this call came through all the same: %s", o)
	}
	text := e.astray("INVITE")
	switch {
	case o.Status >= 300:
		text += fmt.Sprintf(", and the call%s fails with %d", e.ofCaller(), o.Status)
	case e.told(o):
		text += fmt.Sprintf(", and the call%s fails: %s", e.ofCaller(), e.lostINVITE())
	default:
		return text + e.failure(o) // what its caller is told is told later than that
	}
	return text + e.uncallable() + e.failure(o)
}

// lostINVITE says what its sender makes of an INVITE that it could not send: a
// proxy tells the caller. That comes after what ends the play.
func (e *explanation) lostINVITE() string {
	user := e.u.View.Element
	if x := e.p.Scenario.Element(user); x != nil && x.Kind == scenario.Proxy {
		c, _ := e.step().(scenario.Call)
		text := fmt.Sprintf("by RFC 3261 16.9 and 16.7 (step 6) %s answers %s with 500", user, c.From)
		if e.unreadAtEnd(c.From) {
			return text + fmt.Sprintf(" (an answer lies unread in %s's socket at the end of this play)", c.From)
		}
		return text + " (this play ends before that)"
	}
	return fmt.Sprintf("for %s that is a 503 (RFC 3261 8.1.3.1)", user)
}

// unreadAtEnd reports whether something lies unread in a socket of an element
// when the play is over.
func (e *explanation) unreadAtEnd(element string) bool {
	last := &e.p.Obs.Snapshots[len(e.p.Obs.Snapshots)-1]
	for _, h := range last.Hosts {
		if slices.ContainsFunc(h.Sockets, func(s linux.Socket) bool {
			return s.Owner == element && s.State != linux.StateListen && s.Queue > 0
		}) {
			return true
		}
	}
	return false
}

// uncallable says what the only address of a registration does that leads
// nowhere. A queue that is full may have room later.
func (e *explanation) uncallable() string {
	if e.a.Message != "REGISTER" || e.a.Of > 1 || e.v.Class == model.CannotAccept {
		return ""
	}
	return fmt.Sprintf("; %s cannot be called through %s while this registration lasts", e.a.Giver, e.u.View.Element)
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
	switch {
	case e.comesBack():
		return fmt.Sprintf("the %s goes back to %s, who sends it, and not to %s", request, e.u.View.Element, e.a.Giver)
	case e.v.Class == model.WrongOwner && e.v.Picked != nil:
		return fmt.Sprintf("the %s goes to %s, and not to %s", request, e.v.Picked.Owner, e.a.Giver)
	case e.v.Class == model.Malformed:
		return fmt.Sprintf("the %s cannot be sent", request)
	}
	return fmt.Sprintf("the %s does not arrive", request)
}

// told reports whether the sender told of the loss of this very request.
func (e *explanation) told(o *model.Outcome) bool {
	return strings.Contains(o.Failure, "the "+e.u.Request+" of "+e.u.View.Element) && strings.Contains(o.Failure, " is lost")
}

// failure adds in which words the sender told of it.
func (e *explanation) failure(o *model.Outcome) string {
	within, silent := strings.CutPrefix(o.Failure, "nothing more happened within ")
	switch {
	case o.Failure == "" || e.v.Class == model.Malformed: // its reader stumbles elsewhere than ours
		return ""
	case e.comesBack() && strings.Contains(o.Failure, " arrived at "+e.u.View.Element):
		return "" // that is said
	case silent:
		return ". Nothing new was seen for " + within
	case !strings.Contains(o.Failure, e.u.Request) && strings.Contains(o.Failure, "BYE"):
		return ". Seen of what followed: " + foreign(o.Failure) // over UDP the error of the ACK may come back to the BYE
	case !strings.Contains(o.Failure, e.u.Request):
		return ". Seen besides: " + foreign(o.Failure)
	}
	return ". Seen: " + foreign(o.Failure) + otherFamily(o.Failure)
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

// otherFamily explains an error that Linux has for one thing only: an IPv4 socket
// that was to send to an IPv6 address.
func otherFamily(failure string) string {
	if !strings.Contains(failure, "address family not supported") {
		return ""
	}
	return " (the socket is of IPv4, and cannot send to any IPv6 address)"
}
