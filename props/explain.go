package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Explain writes what an experienced engineer would say of a verdict: what was
// given away, who uses it, what is really there, and what comes of it. stack
// is the name of the judged element's stack.
func Explain(p *Played, v model.Verdict, stack string) string {
	e := &explanation{p: p, v: v, stack: stack}
	switch {
	case v.Advert >= 0 && v.Use >= 0:
		e.a, e.u = &p.Obs.Adverts[v.Advert], &p.Obs.Uses[v.Use]
		e.advert()
	case v.Class == model.SocketsDiffer:
		e.differing()
	default:
		e.line("%s", v.Detail)
		e.duty()
		e.ending()
	}
	return strings.TrimRight(e.b.String(), "\n")
}

// duty says which obligation is broken, or that none is known to be.
func (e *explanation) duty() {
	for _, c := range model.Claims {
		switch {
		case c.Name != e.v.Claim:
		case e.v.Severity == model.Puzzle:
			e.line("nothing that was seen explains the difference: it is kept for people, and accuses nobody")
		default:
			e.line("owed: %s (%s)", c.Text, c.SectionFor(e.v.About.Message))
		}
	}
}

type explanation struct {
	p     *Played
	v     model.Verdict
	stack string
	a     *model.Advert
	u     *model.Use
	b     strings.Builder
}

// line writes one line; who prints it breaks it where it has to be (wrapped).
func (e *explanation) line(format string, args ...any) {
	fmt.Fprintf(&e.b, "  %s\n", fmt.Sprintf(format, args...))
}

// row writes a label and what belongs to it. An empty label continues the row
// above.
func (e *explanation) row(label, format string, args ...any) {
	if label != "" {
		label += ":"
	}
	e.line("%-*s %s", labelColumn, label, fmt.Sprintf(format, args...))
}

func (e *explanation) advert() {
	if e.a.Value != "" {
		e.line("%s%s: %s", e.a.Header, e.which(), foreign(e.value()))
	} else {
		e.line("no %s at all", e.a.Header)
	}
	e.line("%s", e.who())
	if e.v.Detail != "" && e.a.Value != "" && e.v.Class != model.ConnectionPort && e.v.Detail != linux.RuleNone {
		e.line("%s", e.v.Detail)
	}
	e.b.WriteByte('\n')
	e.sockets()
	e.tried()
	e.row("so", "%s", e.fate())
	e.answers("the call", e.u.Request, e.outcome(e.u.Step))
	e.direct()
	e.fairness()
}

// maxForeign is how many characters of what a stack said are shown.
const maxForeign = 400

// foreign shows what a stack said: without what a terminal would act upon, and
// not more than anybody would read. The capture beside the case has all of it.
func foreign(s string) string {
	shown := []rune(plain.Spelled(s))
	if len(shown) <= maxForeign {
		return string(shown)
	}
	return fmt.Sprintf("%s… (%d bytes)", string(shown[:maxForeign]), len(s))
}

// tried says what a connect or a datagram from the user met: our probe, or the
// user's own.
func (e *explanation) tried() {
	switch {
	case e.u.Probe.Result != model.ProbeNone && e.v.Target.Addr.Port() != 0:
		e.row("probe from "+e.u.View.Element, "%s", met(e.u.Probe.Result, e.v.Target.Transport))
	case e.u.Met != model.ProbeNone:
		e.row(e.u.View.Element+"'s own connect", "%s", e.u.Met)
	}
}

// met says it as the transport has it.
func met(r model.ProbeResult, t sip.Transport) string {
	if r == model.ProbeRefused && t == sip.UDP {
		return "port unreachable (ICMP)"
	}
	return r.String()
}

// direct says how the direct twin fared. To a call that goes through no proxy it
// says nothing new.
func (e *explanation) direct() {
	if e.p.Twin == nil || e.p.Twin.Broken != "" || !e.proxied() {
		return
	}
	for _, v := range e.p.Twin.Verdicts {
		if v.Severity == model.Finding {
			e.row("direct call", "without the proxy there is a finding too: %s", title(e.p.Twin, v))
			return
		}
	}
	for _, o := range e.p.Twin.Obs.Outcomes {
		if !o.Completed() {
			e.row("direct call", "the same calls without the proxy: %s", o)
			return
		}
	}
	e.row("direct call", "the same scenario without %s has no finding", e.proxies())
}

// proxied reports whether the call in which the address is used goes through a
// proxy.
func (e *explanation) proxied() bool {
	if _, ok := e.step().(scenario.Call); !ok {
		return false
	}
	plan, err := e.p.Scenario.PlanCall(e.u.Step)
	return err == nil && plan.Proxy != ""
}

func (e *explanation) proxies() string {
	var names []string
	for _, x := range e.p.Scenario.Elements {
		if x.Kind == scenario.Proxy {
			names = append(names, x.Name)
		}
	}
	return strings.Join(names, " and ")
}

// fairness says what a maintainer would, before he does: that the message came
// to the giver down a connection of its own making.
func (e *explanation) fairness() {
	if e.v.Class != model.ConnectionPort {
		return
	}
	end := e.pushedBy()
	x := e.p.Scenario.Element(end)
	if x == nil {
		return
	}
	const binding = "RFC 3261 8.1.1.8 and 12.1.1 bind the user agent all the same"
	if c, ok := e.step().(scenario.Call); ok && c.OverFlow && c.From == end {
		e.row("in fairness", "the call came down a connection that %s's side had dialled, which few do without RFC 5626; %s", e.a.Giver, binding)
		return
	}
	if x.Kind == scenario.Proxy && x.Deliver == scenario.DeliverFlow {
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
