package props

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// tried says what a connect or a datagram from the user met: our probe, or the
// user's own.
func (e *explanation) tried() {
	at := e.v.Target.Addr
	switch {
	case e.u.Probe.Result != model.ProbeNone && at.Port() != 0 && !e.sendsTo(at.Addr()):
		e.row("probe from "+e.u.View.Element, "none was sent: %s has no %s address", e.u.View.Element, scenario.FamilyName(at.Addr()))
	case e.u.Probe.Result != model.ProbeNone && at.Port() != 0:
		e.row("probe from "+e.u.View.Element, "%s%s", met(e.u.Probe.Result, e.v.Target.Transport), e.zoned())
	case e.u.Met != model.ProbeNone:
		e.row(e.u.View.Element+"'s own connect", "%s", e.u.Met)
	}
	if o := e.outcome(e.u.Step); o != nil && e.v.Class == model.LinkLocalNoScope && e.told(o) && strings.HasSuffix(o.Failure, "invalid argument") {
		e.row(e.u.View.Element+"'s own attempt", "invalid argument: without a zone Linux sends nothing to a link-local address")
	}
}

// zoned says what makes our probe another thing than its user's attempt.
func (e *explanation) zoned() string {
	if e.v.Class == model.LinkLocalNoScope {
		return " (Greka adds the zone of the link that it knows)"
	}
	return ""
}

// sendsTo reports whether the user has an address of an address's family.
func (e *explanation) sendsTo(a netip.Addr) bool {
	return e.u.View.SourceFor(&e.p.Obs.Snapshots[e.u.Snapshot], a).IsValid()
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
	if same := e.harmless(); same != "" {
		e.row("direct call", "%s", same)
		return
	}
	e.row("direct call", "the same scenario without %s has no finding", e.proxies())
}

// harmless tells of the same fault in the direct twin, where nobody is hurt by
// it; "" if there is none.
func (e *explanation) harmless() string {
	twin := e.p.Twin
	for _, v := range twin.Verdicts {
		if v.Severity != model.Latent || v.Class != e.v.Class || v.Advert < 0 || v.Use < 0 {
			continue
		}
		a, u := &twin.Obs.Adverts[v.Advert], &twin.Obs.Uses[v.Use]
		if u.Request == "" || a.Giver != e.a.Giver || a.Header != e.a.Header {
			continue
		}
		there := &explanation{p: twin, v: v, stack: e.stack, a: a, u: u}
		text := fmt.Sprintf("without %s the %s of %s's %s has the same fault, and nobody is hurt: the %s %s", e.proxies(), a.Header, a.Giver, a.Message, u.Request, there.passes())
		if v.Detail != "" && v.Class == model.Unspecified {
			_, linuxMakes, _ := strings.Cut(v.Detail, "; ")
			text += fmt.Sprintf("; %s, where %s is too", linuxMakes, a.Giver)
		}
		return text
	}
	return ""
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
