package props

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// consequences say what comes of a call in which an element did something wrong
// with a request, "" where nothing is known to.
var consequences = map[model.Class]func(*explanation, *model.Outcome, scenario.Call) string{
	model.RouteSetDropped: func(e *explanation, _ *model.Outcome, _ scenario.Call) string { return e.fateOfRouteSet() },
	model.Misrouted:       (*explanation).ofMisrouted,
	model.NoAnswer:        (*explanation).ofNoAnswer,
	model.DiffersFromDirect: func(e *explanation, o *model.Outcome, c scenario.Call) string {
		if e.v.About.Message != "INVITE" || o.Status < 300 || e.v.About.Element != c.To {
			return ""
		}
		return fmt.Sprintf("through %s %s cannot be called: the call of %s ends with %d", e.proxies(), c.To, c.From, o.Status)
	},
}

// ofMisrouted says what comes of an ACK or a BYE that went elsewhere.
func (e *explanation) ofMisrouted(o *model.Outcome, c scenario.Call) string {
	lost := strings.Contains(o.Failure, "the "+e.v.About.Message+" of "+e.v.About.Element)
	switch {
	case e.v.About.Message == "ACK" && o.Acked:
		return fmt.Sprintf("this ACK came to %s all the same", c.To)
	case e.v.About.Message == "ACK" && lost:
		return sendsAgain(c.To) + e.byeAfterwards(o, c)
	case e.v.About.Message == "BYE" && o.ByeReply/100 == 2:
		return fmt.Sprintf("this BYE was answered with %d all the same", o.ByeReply)
	case e.v.About.Message == "BYE" && lost:
		return fmt.Sprintf("%s stays in a call that is over", farSide(c, e.v.About.Element))
	}
	return ""
}

// byeAfterwards says that the BYE comes to the callee although the ACK did not,
// if it was seen.
func (e *explanation) byeAfterwards(o *model.Outcome, c scenario.Call) string {
	for i := range e.p.Obs.Sendings {
		x := &e.p.Obs.Sendings[i]
		if x.Method == "BYE" && x.Step == o.Step && x.Sender == c.From && x.Seer == c.To {
			return fmt.Sprintf("; in this play the BYE of %s, over %s, comes to %s before that, and ends the call", c.From, x.Transport, c.To)
		}
	}
	if at := e.unread(o, c, "BYE"); at != "" {
		return fmt.Sprintf("; in this play the BYE of %s has come to %s by then, and lies unread in its socket (%s)", c.From, c.To, at)
	}
	return ""
}

// ofNoAnswer says what a request's sender does that gets no answer.
func (e *explanation) ofNoAnswer(_ *model.Outcome, c scenario.Call) string {
	for i := range e.p.Obs.Requests {
		r := &e.p.Obs.Requests[i]
		if r.Step != e.v.Step || r.Taker != e.v.About.Element || r.Method != e.v.About.Message || r.Status != 0 {
			continue
		}
		text := fmt.Sprintf("%s waits 32 s (64*T1) for an answer", r.Sender)
		if r.Leg.Transport == sip.UDP {
			text += fmt.Sprintf(", and sends the %s again meanwhile, as always over UDP", r.Method)
		}
		switch {
		case r.Method == "BYE" && r.Sender == farSide(c, r.Taker):
			text += fmt.Sprintf("; for %[1]s the session is over as soon as it sends the BYE, and the dialog after those 32 s (RFC 3261 15.1.1); whether the call is over for %[2]s is not known", r.Sender, r.Taker)
		case r.Method == "INVITE":
			text += fmt.Sprintf("; then the call of %s fails", c.From)
		}
		if r.Waited < model.RuleTime {
			text += ". This play was cut short; a hunt reports it only after another one in which the whole 32 s went by without an answer"
		}
		return text
	}
	return ""
}

// unread says where a request inside the dialog lies that has come to the other
// side's socket and was not read when the play was over, "" if none is known to:
// one that its sender sent where the snapshot shows something unread, and no other
// request that it could be.
func (e *explanation) unread(o *model.Outcome, c scenario.Call, method string) string {
	if method == "ACK" && o.Acked || len(e.p.Obs.Snapshots) == 0 {
		return ""
	}
	from := sender(c, method)
	last := &e.p.Obs.Snapshots[len(e.p.Obs.Snapshots)-1]
	found := ""
	for i := range e.p.Obs.Sendings {
		x := &e.p.Obs.Sendings[i]
		if x.Step != o.Step || x.Sender != from || x.Seer != "" || !queued(last, farSide(c, from), x.Transport, x.To) {
			continue
		}
		if x.Method != method {
			return "" // it may be that one
		}
		found = fmt.Sprintf("%s %s", x.Transport, x.To)
	}
	return found
}

// queued reports whether something lies unread in the UDP socket of an element
// at an address.
func queued(snap *linux.Snapshot, owner string, t sip.Transport, at netip.AddrPort) bool {
	for _, h := range snap.Hosts {
		for i := range h.Sockets {
			if s := &h.Sockets[i]; !t.Reliable() && s.Owner == owner && s.Carrier == t.Carrier() && s.Queue > 0 && s.Local.Port() == at.Port() && takes(s, at.Addr()) {
				return true
			}
		}
	}
	return false
}
