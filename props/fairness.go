package props

import (
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// fairness says what a maintainer would, before he does: that the INVITE came to
// the giver down a connection of its own making. What the giver says unasked, in
// a REGISTER or an INVITE of its own, came down nobody's.
func (e *explanation) fairness() {
	_, answered := strings.CutSuffix(e.a.Message, " INVITE")
	if e.v.Class != model.ConnectionPort || !answered {
		return
	}
	end := e.pushedBy()
	x := e.p.Scenario.Element(end)
	c, ok := stepOf(e.p, e.a.Step).(scenario.Call)
	if x == nil || !ok {
		return
	}
	const binding = "RFC 3261 12.1.1 binds the callee all the same: the Contact of its answer is where it is to be reached in the dialog, for the ACK too"
	switch {
	case c.OverFlow && c.From == end:
		e.row("in fairness", "the call came down a connection that %s's side had dialled, which few do without RFC 5626; %s", e.a.Giver, binding)
	case x.Kind == scenario.Proxy && x.Deliver == scenario.DeliverFlow:
		e.row("in fairness", "%s sent the call down %s's own connection, without RFC 5626, as proxies do for clients behind NAT; %s", end, e.a.Giver, binding)
	}
}

// pushedBy returns who has the other end of the connection whose port was handed
// out, "" if the giver did not dial it.
func (e *explanation) pushedBy() string {
	snap := &e.p.Obs.Snapshots[e.u.Snapshot]
	h := snap.Host(snap.HostOf(e.u.View.Host, e.v.Target.Addr.Addr()))
	if h == nil {
		return ""
	}
	for i := range h.Sockets {
		s := &h.Sockets[i]
		if s.Owner == e.a.Giver && s.Carrier == sip.CarrierTCP && s.Remote.IsValid() && s.Local.Port() == e.v.Target.Addr.Port() &&
			takes(s, e.v.Target.Addr.Addr()) && h.RoleOf(s) == linux.RoleDialled {
			return otherEnd(snap, s)
		}
	}
	return ""
}

// fairnessToSender says for who sent over TCP what had to go over UDP that the
// other side, too, had to take it.
func (e *explanation) fairnessToSender() {
	if e.v.Class != model.Misrouted {
		return
	}
	for i := range e.p.Obs.Sendings {
		x := &e.p.Obs.Sendings[i]
		if x.Step != e.v.Step || x.Sender != e.v.About.Element || x.Method != e.v.About.Message || x.Seer != "" ||
			x.Transport != sip.TCP || e.v.Target.Transport != sip.UDP || x.To != e.v.Target.Addr {
			continue
		}
		if other := e.p.Scenario.ElementAt(e.v.Target); other != "" {
			e.row("in fairness", "%s listens on %s %s only; RFC 3261 18.2.1 obliges who listens on UDP to listen on TCP at the same port, and then this %s would have come there", other, sip.UDP, x.To, x.Method)
			return
		}
	}
}
