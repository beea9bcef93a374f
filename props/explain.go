package props

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
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
		e.row("after step", "%d", v.Step+1)
		for _, l := range strings.Split(v.Detail, "\n") {
			e.line("%s", l)
		}
	default:
		e.line("%s", v.Detail)
		e.duty()
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
			e.line("owed: %s (%s)", c.Text, c.Section)
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

// textWidth is where the lines of an explanation are broken, unless a URI or an
// address would have to be.
const textWidth = 100

func (e *explanation) line(format string, args ...any) {
	e.wrap("  ", "  ", fmt.Sprintf(format, args...))
}

// wrap writes text, broken at blanks, behind a first and further indents.
func (e *explanation) wrap(first, rest, text string) {
	for room := textWidth - len(rest); len(text) > room; first = rest {
		cut := strings.LastIndex(text[:room+1], " ")
		if cut <= 0 {
			break
		}
		e.b.WriteString(first + text[:cut] + "\n")
		text = text[cut+1:]
	}
	e.b.WriteString(first + text + "\n")
}

// row writes a label and what belongs to it.
func (e *explanation) row(label, format string, args ...any) {
	e.wrap(fmt.Sprintf("  %-24s ", label+":"), strings.Repeat(" ", 27), fmt.Sprintf(format, args...))
}

// socket writes a row that is not broken: it is read as a table. An empty label
// continues the row above.
func (e *explanation) socket(label, format string, args ...any) {
	if label != "" {
		label += ":"
	}
	fmt.Fprintf(&e.b, "  %-24s %s\n", label, fmt.Sprintf(format, args...))
}

func (e *explanation) advert() {
	if e.a.Value != "" {
		e.line("%s: %s", e.a.Header, foreign(e.a.Value))
	} else {
		e.line("no %s at all", e.a.Header)
	}
	e.line("%s", e.who())
	if e.v.Detail != "" && e.v.Class != model.ConnectionPort && e.v.Class != model.Closed {
		e.line("%s", e.v.Detail)
	}
	e.b.WriteByte('\n')
	e.sockets()
	if e.u.Probe.Result != model.ProbeNone {
		e.row("probe from "+e.u.View.Element, "%s", e.u.Probe.Result)
	}
	e.row("so", "%s", e.fate())
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

// who says who uses the address next, and by which rule.
func (e *explanation) who() string {
	user, request := e.u.View.Element, e.u.Request
	proxy := e.p.Scenario.Element(user) != nil && e.p.Scenario.Element(user).Kind == model.Proxy
	switch {
	case request == "":
		return user + " holds it, and in this scenario nobody dials it"
	case request == "INVITE" && e.a.Message != "REGISTER":
		return user + " sends a new INVITE there: a Contact is good for requests outside its dialog too (RFC 3261 8.1.1.8)"
	case request == "INVITE":
		return user + " sends the INVITE there: the registered Contact becomes the Request-URI (RFC 3261 16.5, 16.6)"
	case proxy:
		return fmt.Sprintf("%s passes the %s on to it: %s recorded a route and is the last of it, so it resolves the remote target (RFC 3261 16.6)", user, request, user)
	case e.a.Header == "Record-Route":
		return fmt.Sprintf("%s sends the %s there: it is the first of the route set (RFC 3261 12.2.1.1)", user, request)
	case e.v.Class == model.Malformed:
		return fmt.Sprintf("%s needs it as the Request-URI of the %s (RFC 3261 12.2.1.1)", user, request)
	}
	return fmt.Sprintf("%s sends the %s straight there: no Record-Route, so the remote target is the next hop (RFC 3261 12.2.1.1)", user, request)
}

// sockets lists what is at the port, and where the giver does accept.
func (e *explanation) sockets() {
	snap := &e.p.Obs.Snapshots[e.u.Snapshot]
	if e.v.Target.Addr.IsValid() {
		e.atTarget(snap)
	}
	label := e.a.Giver + " accepts on"
	found := false
	for _, h := range snap.Hosts {
		for i := range h.Sockets {
			s := &h.Sockets[i]
			if s.Owner == e.a.Giver && s.Serves() && e.known(s) {
				e.socket(label, "%-6s %s %s  %s", s.State, s.Transport, s.Local, e.owner(s.Owner))
				label, found = "", true
			}
		}
	}
	if !found {
		e.row(label, "nothing any more")
	}
}

// known leaves out the ports that a stack has for other things than SIP.
func (e *explanation) known(s *model.Socket) bool {
	el := e.p.Scenario.Element(e.a.Giver)
	for _, l := range el.Listen {
		if l.Port == s.Local.Port() {
			return true
		}
	}
	return s.State == model.StateListen
}

func (e *explanation) atTarget(snap *model.Snapshot) {
	t := e.v.Target
	host := snap.HostOf(e.u.View.Host, t.Addr.Addr())
	if host == "" {
		e.row("address", "%s belongs to no host", t.Addr.Addr())
		return
	}
	label := fmt.Sprintf("on %s, %s port %d", host, t.Transport, t.Addr.Port())
	h := snap.Host(host)
	found := false
	for i := range h.Sockets {
		s := &h.Sockets[i]
		if s.Local.Port() != t.Addr.Port() || !takes(s, t.Addr.Addr()) || s.Remote.IsValid() && e.v.Class != model.ConnectionPort {
			continue
		}
		found = true
		if s.Remote.IsValid() {
			e.socket(label, "%-6s %s <-> %s  %s <-> %s  only a connection", s.State, s.Local, s.Remote, e.owner(s.Owner), e.owner(otherEnd(snap, s)))
		} else {
			e.socket(label, "%-6s %s %s  %s", s.State, s.Transport, s.Local, e.owner(s.Owner))
		}
	}
	if !found {
		e.row(label, "nobody on %s", t.Addr.Addr())
	}
}

// takes reports whether a socket's local address is an address, or any.
func takes(s *model.Socket, a netip.Addr) bool {
	local := s.Local.Addr().Unmap()
	return local == a.Unmap() || local.IsUnspecified()
}

// otherEnd returns the owner of the other end of a connection, or of the UDP
// socket that another one is connected to.
func otherEnd(snap *model.Snapshot, s *model.Socket) string {
	if end := snap.FarEnd(s); end != nil {
		return end.Owner
	}
	host := snap.Host(snap.HostOf("", s.Remote.Addr()))
	if s.Transport != model.UDP || host == nil {
		return "?"
	}
	for i := range host.Sockets {
		if x := &host.Sockets[i]; x.Transport == model.UDP && x.Local.Port() == s.Remote.Port() && takes(x, s.Remote.Addr()) {
			return x.Owner
		}
	}
	return "?"
}

// owner adds the stack's name to the element that is judged.
func (e *explanation) owner(name string) string {
	if x := e.p.Scenario.Element(name); x != nil && x.SUT {
		return fmt.Sprintf("%s (%s)", name, e.stack)
	}
	return name
}

// fate says what becomes of the call: what the RFC makes follow, and what was
// seen.
func (e *explanation) fate() string {
	switch e.u.Request {
	case "ACK":
		return "the ACK is lost, the 200 is retransmitted, the call dies after 32 s (64*T1, RFC 3261 13.3.1.4)"
	case "BYE":
		return fmt.Sprintf("the BYE is lost, and %s stays in a call that is over", e.a.Giver)
	case "INVITE":
		return fmt.Sprintf("the INVITE never arrives at %s, and the call fails%s", e.a.Giver, e.status())
	}
	return "nobody is hurt here; who dials it later is"
}

func (e *explanation) status() string {
	for _, o := range e.p.Obs.Outcomes {
		if o.Step == e.u.Step && o.Status >= 300 {
			return fmt.Sprintf(" with %d", o.Status)
		}
	}
	return ""
}

// direct says how the direct twin fared.
func (e *explanation) direct() {
	if e.p.Twin == nil || e.p.Twin.Broken != "" {
		return
	}
	for _, v := range e.p.Twin.Verdicts {
		if v.Severity == model.Finding {
			e.row("direct call", "the same calls without the proxy fail too: %s", v.Class)
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

func (e *explanation) proxies() string {
	var names []string
	for _, x := range e.p.Scenario.Elements {
		if x.Kind == model.Proxy {
			names = append(names, x.Name)
		}
	}
	return strings.Join(names, " and ")
}

// fairness says what a maintainer would, before he does.
func (e *explanation) fairness() {
	if e.v.Class != model.ConnectionPort {
		return
	}
	binding := "RFC 3261 8.1.1.8 and 12.1.1 bind the user agent all the same"
	if c, ok := e.p.Scenario.Steps[e.u.Step].(model.Call); ok && c.OverFlow {
		e.row("in fairness", "the call came down a connection that %s's side had dialled, which few do without RFC 5626; %s", e.a.Giver, binding)
		return
	}
	for _, x := range e.p.Scenario.Elements {
		if x.Kind == model.Proxy && x.Deliver == model.DeliverFlow {
			e.row("in fairness", "%s sent the call down %s's own connection, without RFC 5626, as proxies do for clients behind NAT; %s", x.Name, e.a.Giver, binding)
			return
		}
	}
}
