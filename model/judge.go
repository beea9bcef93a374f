package model

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Judge returns a verdict for every use of every advert, for every probe, and
// for the sockets after every step. It looks at nothing but its arguments.
func Judge(s *scenario.Scenario, o *Observation) []Verdict {
	if o.Broken != "" {
		return []Verdict{{Class: Broken, Advert: -1, Use: -1, Detail: o.Broken}}
	}
	var out []Verdict
	for _, c := range Claims {
		if judge := judges[c.Name]; judge != nil {
			out = append(out, judge(s, o, out)...)
		}
	}
	return out
}

func init() {
	judgedBy(ContactAccepts, judgeUses)
	judges[ProxyTransparent.Name] = judgeOutcomes
}

// judgeUses judges every use of every advert: ContactAccepts, RecordRouteAccepts
// and, for each that was probed, LookupAgrees.
func judgeUses(_ *scenario.Scenario, o *Observation) []Verdict {
	var out []Verdict
	seen := map[Probe]bool{} // one probe can serve several uses; it is judged once
	for i := range o.Uses {
		v, probed := judgeUse(o, i)
		if v.Severity != None && o.crashed(&v) {
			v.Severity = None // it accepts nothing any more, and that is what was found
		}
		out = append(out, v)
		if p := o.Uses[i].Probe; probed != nil && !seen[p] {
			seen[p] = true
			out = append(out, *probed)
		}
	}
	return out
}

// judgeOutcomes says of each call that did not go through whether an advert
// explains it; how it compares with the direct one is Compare's to say. If none does, nothing is known: it may have been too slow.
func judgeOutcomes(_ *scenario.Scenario, o *Observation, sofar []Verdict) []Verdict {
	var out []Verdict
	for _, c := range o.Outcomes {
		explains := func(v Verdict) bool { return (v.Severity != None || o.UserLacks(&v)) && v.Step <= c.Step }
		if !c.Completed() && !slices.ContainsFunc(sofar, explains) {
			out = append(out, Verdict{Class: Inconclusive, Advert: -1, Use: -1, Step: c.Step, Detail: c.String()})
		}
	}
	return out
}

// judgeUse judges one use of one advert and, if it was probed, whether the
// probe met what Lookup says.
func judgeUse(o *Observation, i int) (v Verdict, probed *Verdict) {
	u := &o.Uses[i]
	a := &o.Adverts[u.Advert]
	snap := &o.Snapshots[u.Snapshot]
	v = Verdict{Advert: u.Advert, Use: i, Step: u.Step}
	kind, ok := kindOfAdvert(a.Header)
	if !ok {
		v.Class, v.Detail = Inconclusive, "nothing is claimed of an address in "+plain.Quote(a.Header)
		return v, nil
	}
	v.Claim = kind.Claim.Name
	target, err := a.Target()
	if err != nil {
		v.Class, v.Detail = classOfError(err), err.Error()
		v.Severity = severity(a, u, v.Class, u.MustDial, false)
		return v, nil
	}
	v.Target = target
	source := u.View.SourceFor(snap, target.Addr.Addr())
	r := linux.Lookup(snap, u.View.Host, target.Transport.Carrier(), netip.AddrPortFrom(source, 0), target.Addr)
	v.Picked = r.Socket
	v.Class, v.Detail = classify(o, a, u, target, r)
	works := r.Takes() && r.Socket.Owner == a.Giver
	full := o.cannotAccept(i, r)
	switch {
	case v.Class.Row().Nominal:
	case full != "":
		v.Class, v.Detail = CannotAccept, full
	case u.Spared != "":
		if u.Met != ProbeNone && !fits(r, u.Met) {
			v.Class, v.Detail = Inconclusive, fmt.Sprintf("look-up says that %s takes it, the user's own connect: %s", taker(r), u.Met)
		}
	case u.Probe.Result == ProbeNone:
		if v.Class == Accepting || v.Class == AcceptingOtherTransport {
			v.Class, v.Detail = Inconclusive, "not probed"
		}
	default:
		probed = &Verdict{Claim: LookupAgrees.Name, Class: Accepting, Advert: u.Advert, Use: i, Step: u.Step, Target: target, Picked: r.Socket}
		if why := disagreement(r, u.Probe); why != "" {
			probed.Class, probed.Detail = Inconclusive, why
			v.Class, v.Detail = Inconclusive, why
		}
	}
	if u.Lacks && v.Class != Inconclusive {
		v.lacking(u, target)
		return v, probed
	}
	v.Severity = severity(a, u, v.Class, target.Transport.Reliable() && u.MustDial || !rides(a, u, snap, target), works)
	switch {
	case v.Severity == None:
	case detoured(o, a, u):
		v.Severity, v.Detail = None, "used only for want of the route set"
	case boundElsewhere(snap, a.Giver, r, target):
		v.Class, v.Severity = CannotAccept, Latent
		v.Detail = fmt.Sprintf("it is bound to one interface, and what %s sends or is sent does not pass through that one", u.View.Element)
	}
	return v, probed
}

// UserLacks reports whether a verdict is about an address whose user does not
// implement its transport: what comes of that is no fault of the address's.
func (o *Observation) UserLacks(v *Verdict) bool { return v.Use >= 0 && o.Uses[v.Use].Lacks }

// lacking judges an address whose user does not implement its transport: every
// element should (RFC 3261 18), so its giver may count on it, and yet the user
// has no way there. An address that accepts breaks no rule by that.
func (v *Verdict) lacking(u *Use, t sip.Target) {
	switch v.Class {
	case Accepting, AcceptingOtherTransport:
		v.Class = AcceptingOtherTransport
	default:
		v.Severity = Latent
	}
	v.Detail = fmt.Sprintf("%s, who uses it, has no %s; every element should (RFC 3261 18)", u.View.Element, t.Transport)
}

// Target resolves the advert's URI as its user does. The error is a
// *ResolveError where the URI is well-formed but leads nowhere that the model
// knows.
func (a *Advert) Target() (sip.Target, error) {
	if a.URI == "" {
		return sip.Target{}, errors.New(a.Problem)
	}
	return sip.TargetOf(a.URI)
}

// classOfError tells a malformed URI from one that this version of the model
// cannot follow: that is no finding.
func classOfError(err error) Class {
	var r *sip.ResolveError
	if !errors.As(err, &r) {
		return Malformed
	}
	switch r.Kind {
	case sip.NeedsDNS, sip.UnsupportedTransport:
		return Inconclusive
	case sip.UnknownTransport:
		return WrongTransport
	}
	return Malformed
}

// classify decides the class in design order; r is what Lookup found.
func classify(o *Observation, a *Advert, u *Use, t sip.Target, r linux.Reached) (Class, string) {
	snap := &o.Snapshots[u.Snapshot]
	giver := giverHost(snap, a.Giver)
	ip := t.Addr.Addr().Unmap()
	switch {
	case ip.IsUnspecified():
		return Unspecified, fmt.Sprintf("%s is the unspecified address, which is nobody's; %s", ip, sentToUnspecified(u, ip))
	case ip.IsLoopback() && giver != u.View.Host:
		return Loopback, fmt.Sprintf("from %s, where %s is, %s leads to %s itself", u.View.Host, u.View.Element, ip, u.View.Host)
	case noScope(a, ip):
		return LinkLocalNoScope, fmt.Sprintf("%s is a link-local address without a zone: %s cannot tell which link is meant (RFC 4007 6)", ip, u.View.Element)
	case r.Host == "" && !u.View.SourceFor(snap, ip).IsValid():
		return Unreachable, fmt.Sprintf("%s is an %s address, and %s has none of that family", ip, scenario.FamilyName(ip), u.View.Element)
	case r.Host == "":
		if h := snap.HostOf(u.View.Host, ip); h != "" {
			return Unreachable, fmt.Sprintf("%s has this address, and no route leads there from %s, where %s is", h, u.View.Host, u.View.Element)
		}
		return Unreachable, "no host has this address"
	case r.Takes() && r.Socket.Owner == a.Giver:
		if t.Transport != a.Leg.Transport {
			return AcceptingOtherTransport, fmt.Sprintf("the URI selects %s, the message came by %s", t.Transport, a.Leg.Transport)
		}
		return Accepting, r.Rule
	case r.Takes():
		return WrongOwner, fmt.Sprintf("%s accepts there, and not %s", cmp.Or(r.Socket.Owner, "nobody known"), a.Giver)
	}
	class, why := closed(a, snap, t, r)
	// A UDP socket that was connected is the one that served before: what became
	// of it says more than that it is gone.
	if connected := class == ConnectionPort && t.Transport == sip.UDP; !connected && o.acceptedBefore(u.Snapshot, r.Host, a.Giver, t) {
		return Closed, fmt.Sprintf("%s accepted %s there before, and does not any more", a.Giver, t.Transport)
	}
	return class, why
}

// sentToUnspecified says what Linux makes of what is sent to an unspecified
// address.
func sentToUnspecified(u *Use, ip netip.Addr) string {
	if u.View.Source.Is4() != ip.Is4() {
		return fmt.Sprintf("what %s sends there stays on %s, its own host", u.View.Element, u.View.Host)
	}
	return fmt.Sprintf("what %s sends there Linux sends to %s, on %s's own host (%s)", u.View.Element, linux.ThisHost(u.View.Source, ip), u.View.Element, u.View.Host)
}

// closed tells apart the ways in which nobody accepts.
func closed(a *Advert, snap *linux.Snapshot, t sip.Target, r linux.Reached) (Class, string) {
	h := snap.Host(r.Host)
	var other, conversation, same *linux.Socket
	for i := range h.Sockets {
		s := &h.Sockets[i]
		if s.Owner != a.Giver || s.Local.Port() != t.Addr.Port() || !covers(s, t.Addr.Addr()) {
			continue
		}
		serves := s.Serves()
		switch {
		case serves && s.Carrier != t.Transport.Carrier():
			other = s
		case !serves && s.Remote.IsValid():
			conversation = s
			if s.Carrier == t.Transport.Carrier() {
				same = s
			}
		}
	}
	u, _ := sip.ParseURI(a.URI)
	switch {
	case other != nil && same == nil: // a conversation over the URI's own transport says more
		return WrongTransport, fmt.Sprintf("the URI selects %s%s, %s accepts %s there", t.Transport, byDefault(u), a.Giver, other.Carrier)
	case u.Port == 0:
		return WrongPort, "port 0 is no port"
	case u.Port < 0 && !maddr(u) && same == nil:
		return WrongPort, fmt.Sprintf("no port in the URI means %d (RFC 3263 4.2), and nobody accepts there", t.Addr.Port())
	case conversation != nil:
		return ConnectionPort, fmt.Sprintf("%s %s <-> %s", conversation.State, conversation.Local, conversation.Remote)
	}
	return Closed, r.Rule
}

// byDefault gives the rule by which a URI selects its transport, "" if it says so
// itself.
func byDefault(u sip.URI) string {
	if _, ok := u.Param("transport"); ok {
		return ""
	}
	return " (no transport parameter: RFC 3263 4.1)"
}

func maddr(u sip.URI) bool {
	_, ok := u.Param("maddr")
	return ok
}

// covers reports whether a socket's local address takes packets to an address.
func covers(s *linux.Socket, a netip.Addr) bool {
	local := s.Local.Addr().Unmap()
	return local == a.Unmap() || local.IsUnspecified()
}

// giverHost returns the host on which an element has sockets, "" if it has
// none.
func giverHost(snap *linux.Snapshot, element string) string {
	for _, h := range snap.Hosts {
		for _, s := range h.Sockets {
			if s.Owner == element {
				return h.Host
			}
		}
	}
	return ""
}

// disagreement says how a probe contradicts Lookup, "" if it does not.
func disagreement(r linux.Reached, p Probe) string {
	if fits(r, p.Result) && (p.Result != ProbeAccepted || p.Carrier == sip.CarrierUDP || takenBy(r, p.Owner)) {
		return ""
	}
	return fmt.Sprintf("look-up says that %s takes it, the probe: %s %s %s", taker(r), p.Result, p.Owner, p.Detail)
}

// fits reports whether what a connect or a datagram met is what Lookup says. An
// address that both say is dead is dead, if for reasons that differ.
func fits(r linux.Reached, met ProbeResult) bool {
	switch met {
	case ProbeAccepted:
		return r.Takes()
	case ProbeRefused, ProbeSelf, ProbeUnreachable, ProbeTimeout:
		return !r.Takes()
	}
	return false
}

// taker names who takes what Lookup has looked up.
func taker(r linux.Reached) string {
	if r.Takes() {
		return r.Socket.Owner
	}
	return "nobody"
}

func takenBy(r linux.Reached, owner string) bool {
	for _, s := range append([]*linux.Socket{r.Socket}, r.Also...) {
		if s.Owner == owner {
			return true
		}
	}
	return false
}

// rides reports whether a live connection of the viewpoint to exactly the
// target has the giver at its other end. One that somebody else accepted
// carries the request too, but to the wrong place. Over UDP it reports whether
// a socket of the giver takes what comes from the viewpoint's own port: one that
// is connected to that port takes it, and nobody else's.
func rides(a *Advert, u *Use, snap *linux.Snapshot, t sip.Target) bool {
	h := snap.Host(u.View.Host)
	if h == nil {
		return false
	}
	for i := range h.Sockets {
		s := &h.Sockets[i]
		if s.Owner == u.View.Element && s.Carrier == sip.CarrierUDP && t.Transport == sip.UDP && u.View.Source.Is4() == t.Addr.Addr().Is4() {
			r := linux.Lookup(snap, u.View.Host, sip.CarrierUDP, netip.AddrPortFrom(u.View.Source, s.Local.Port()), t.Addr)
			if r.Takes() && r.Socket.Owner == a.Giver {
				return true
			}
		}
		if s.Owner == u.View.Element && t.Transport.Reliable() && s.Carrier == t.Transport.Carrier() && linux.UnmapPort(s.Remote) == t.Addr && s.State == linux.StateEstablished {
			end := snap.FarEnd(s)
			return end != nil && end.Owner == a.Giver
		}
	}
	return false
}

// severity is Finding only where somebody is hurt: a request is about to go
// there and has to be dialled. The Contact of an unreliable 18x moves no
// target (RFC 6141 4.3): nobody dials it. dials: the request has to be dialled
// by who holds the address; works: it would arrive all the same.
func severity(a *Advert, u *Use, c Class, dials, works bool) Severity {
	switch c {
	case Accepting, AcceptingOtherTransport, Inconclusive, Broken:
		return None
	case Unspecified, Loopback:
		if works { // from the giver's own host, by luck
			return Latent
		}
	}
	if u.Request == "" || !dials || provisional(a.Message) {
		return Latent
	}
	return Finding
}

// provisional reports whether a message is a 1xx response.
func provisional(message string) bool { return strings.HasPrefix(message, "1") }

// Signature returns what makes a verdict the same as another one.
func (v *Verdict) Signature(o *Observation) Signature {
	sig := Signature{Claim: v.Claim, Class: v.Class, Severity: v.Severity}
	if v.Advert >= 0 {
		a := &o.Adverts[v.Advert]
		sig.Header, sig.Message, sig.Role, sig.Transport = a.Header, a.Message, a.Role.String(), a.Leg.Transport.String()
		return sig
	}
	sig.Message = v.About.Message
	if v.About.Role != 0 {
		sig.Role = v.About.Role.String()
	}
	if v.About.Transport != 0 {
		sig.Transport = v.About.Transport.String()
	}
	return sig
}
