package peer

import (
	"fmt"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Call is one call as the world sees it. The world knows of one at a time;
// what belongs to an earlier one changes nothing any more.
type Call struct {
	Step    scenario.Call
	Outcome model.Outcome

	id string // Call-ID, learned from the first INVITE
}

// Begin makes a call the current one.
func (w *World) Begin(index int, step scenario.Call) *Call {
	w.call = &Call{Step: step, Outcome: model.Outcome{Step: index}}
	return w.call
}

// End leaves the world without a current call.
func (w *World) End() { w.call = nil }

// Over reports whether nothing more can come of the call.
func (c *Call) Over() bool {
	return c.Outcome.Failure != "" || c.Outcome.ByeReply != 0 || c.Outcome.Status >= 300
}

// fail notes why a call cannot go on, if it is the current one: what becomes of
// a stack's keep-alives and other business decides no call. The first reason
// stays.
func (w *World) fail(callID, format string, args ...any) {
	if w.call != nil && w.call.id == callID && w.call.Outcome.Failure == "" && !w.call.Over() {
		w.call.Outcome.Failure = fmt.Sprintf(format, args...)
	}
}

// failCurrent is fail where nobody knows of which call something is.
func (w *World) failCurrent(format string, args ...any) {
	if w.call != nil {
		w.fail(w.call.id, format, args...)
	}
}

// byeSeen notes that a BYE of the current call came to one of ours.
func (w *World) byeSeen(m *sip.Message) {
	if c := w.current(m); c != nil {
		c.Outcome.Bye = true
	}
}

// current returns the current call if m belongs to it. A call placed by a
// stack is recognised by who calls whom.
func (w *World) current(m *sip.Message) *Call {
	c := w.call
	if c == nil {
		return nil
	}
	id, _ := m.Get("Call-ID")
	if c.id == "" && m.Request && m.Method == "INVITE" && m.User("From") == c.Step.From && m.User("To") == c.Step.To {
		c.id = id
	}
	if c.id != id {
		return nil
	}
	return c
}

// unique returns a token that no other call of this world yields.
func (w *World) unique(prefix string) string {
	w.serial++
	return fmt.Sprintf("%sgreka%d", prefix, w.serial)
}
