package props

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut/peer"
)

// useKey makes the second use of an advert for the same purpose no news: an
// ACK that is sent again leads where the first one led. In a later step it may
// not: a registration is used for several calls.
type useKey struct {
	advert, step     int
	element, request string
}

// maxUses bounds the uses of addresses in one step, each of which costs a
// snapshot. A call has about ten.
const maxUses = 200

// received is called when one of our elements has received a message and the
// world stands still.
func (s *session) received(element string, leg model.Leg, m *sip.Message) {
	s.fresh = len(s.obs.Uses)
	s.arrived(element, leg, m)
	if s.trouble != nil {
		return
	}
	from, to := m.User("From"), m.User("To")
	message, giver, role := "", "", model.RoleCallee
	_, method, _ := m.CSeq()
	switch {
	case m.Request && method == "REGISTER":
		message, giver = "REGISTER", to
	case m.Request && method == "INVITE" && m.Tagged():
		return // within the dialog: ours refuse it, and then its Contact moves no target (RFC 6141 4.3)
	case m.Request && method == "INVITE":
		message, giver, role = "INVITE", from, model.RoleCaller
	case !m.Request && method == "INVITE" && m.Status > 100 && m.Status < 300 && (m.Status >= 200 || m.Tagged()):
		message, giver = fmt.Sprintf("%d INVITE", m.Status), to
	default:
		return
	}
	if s.sc.Element(giver) == nil || giver == element {
		return
	}
	base := model.Advert{Header: "Contact", Message: message, Giver: giver, Role: role, Seer: element, Leg: leg, Step: s.step}
	base.CallID, _ = m.Get("Call-ID")
	for _, a := range contacts(base, m) {
		i := s.advert(a)
		if element == s.nextUser(message, element) {
			s.use(i, element, "", false)
		}
	}
	if message == "INVITE" && s.sc.Element(element).Kind == scenario.UserAgent {
		s.recordRoutes(base, m)
	}
}

// nextUser returns who uses a Contact next: the registrar's proxy for a
// registration; in a dialog the last element of the route set, and without one
// the far end. A proxy that does not record-route is no viewpoint any more.
func (s *session) nextUser(message, seer string) string {
	if message == "REGISTER" {
		return seer
	}
	c, ok := s.sc.Steps[s.step].(scenario.Call)
	if !ok {
		return seer
	}
	if p := s.sc.Element(s.sc.Element(c.From).Via); p != nil && p.RecordRoute {
		return p.Name
	}
	if message == "INVITE" {
		return c.To
	}
	return c.From
}

// contacts returns the Contacts that a message hands out. One that forms a
// dialog has exactly one (RFC 3261 8.1.1.8, 12.1.1); in an 18x it may be
// missing. A REGISTER may have any number, and those that it takes away are
// nobody's to use.
func contacts(base model.Advert, m *sip.Message) (out []model.Advert) {
	all := peer.Registers(m)
	for i, c := range all {
		a := numbered(base, i, len(all))
		a.Value, a.URI, a.Problem = c.Value, c.URI, c.Problem
		if c.Problem != "" {
			a.URI = ""
		}
		if !c.Star && (base.Message != "REGISTER" || c.Expires != "0") {
			out = append(out, a)
		}
	}
	switch {
	case base.Message == "REGISTER":
	case len(out) == 0 && m.Status/100 != 1:
		base.Problem = "the message has no Contact"
		out = append(out, base)
	case len(out) > 1: // each is judged where it leads, and all together for being several
		base.Value, base.Problem = out[0].Value, fmt.Sprintf("the message has %d Contacts, and a dialog has one remote target", len(out))
		out = append(out, base)
	}
	return out
}

// numbered gives an advert its place among those of its message, if there are
// several.
func numbered(a model.Advert, i, of int) model.Advert {
	if of > 1 {
		a.Nth, a.Of = i+1, of
	}
	return a
}

// recordRoutes notes the Record-Routes of an INVITE. The upper one faces the
// callee, the lower one, if there are two, the caller (RFC 5658 4).
func (s *session) recordRoutes(base model.Advert, m *sip.Message) {
	call, ok := s.sc.Steps[s.step].(scenario.Call)
	if !ok || s.sc.Element(call.From).Via == "" {
		return
	}
	base.Header, base.Role, base.Giver = "Record-Route", model.RoleProxy, s.recordRouter(call)
	if base.Giver == "" {
		return
	}
	upstream := base.Leg
	if plan, err := s.sc.PlanCall(s.step); err == nil {
		upstream.Transport = plan.Transport
	}
	n, of := 0, len(routeValues(m))
	for _, value := range m.All("Record-Route") {
		list, err := sip.ParseNameAddrs(value)
		if err != nil {
			base.Value, base.Problem = value, err.Error()
			s.use(s.advert(base), base.Seer, "", false)
			return
		}
		for _, a := range list {
			base.Value, base.URI = value, a.URI
			if n > 0 {
				base.Leg = upstream
			}
			if i := s.advert(numbered(base, n, of)); n == 0 {
				s.use(i, base.Seer, "", false)
			}
			n++
		}
	}
}

// recordRouter is the proxy that a call's Record-Routes are from: the caller's,
// if it writes them. A Contact that is somebody else's may have led the INVITE
// through another one; "" if it cannot be told which.
func (s *session) recordRouter(call scenario.Call) (found string) {
	if via := s.sc.Element(s.sc.Element(call.From).Via); via.RecordRoute {
		return via.Name
	}
	for _, e := range s.sc.Elements {
		if e.RecordRoute && found != "" {
			return ""
		} else if e.RecordRoute {
			found = e.Name
		}
	}
	return found
}

// advert enters an advert, once, and returns its index.
func (s *session) advert(a model.Advert) int {
	for i, x := range s.obs.Adverts {
		if x.CallID == a.CallID && x.Header == a.Header && x.Message == a.Message && x.Giver == a.Giver && x.Value == a.Value && x.URI == a.URI {
			return i
		}
	}
	s.obs.Adverts = append(s.obs.Adverts, a)
	return len(s.obs.Adverts) - 1
}

// using is called when one of our elements is about to send a request where a
// URI leads.
func (s *session) using(u peer.Use) {
	if s.trouble != nil {
		return
	}
	if i := s.find(u); i >= 0 && s.use(i, u.Element, u.Request, u.Dial) && u.Dial {
		s.dialling[u.ID] = len(s.obs.Uses) - 1
	}
}

// hopeless reports whether nobody takes what an element sends to a target.
func (s *session) hopeless(element string, t sip.Target) bool {
	snap, err := s.lab.Snapshot()
	if err != nil {
		return false
	}
	snap.Topology = s.topology
	r := linux.Lookup(&snap, s.sc.Element(element).Host, t.Transport.Carrier(), netip.AddrPortFrom(s.sc.ElementAddr(element), 0), t.Addr)
	return !r.Takes()
}

// met is called when one of our elements knows what became of its connect.
func (s *session) met(use int, err error) {
	if i, ok := s.dialling[use]; ok {
		s.obs.Uses[i].Met = metBy(err)
	}
}

// metBy says what a connect met.
func metBy(err error) model.ProbeResult {
	switch {
	case err == nil:
		return model.ProbeAccepted
	case errors.Is(err, peer.ErrSelf):
		return model.ProbeSelf
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		return model.ProbeRefused
	case errors.Is(err, unix.ETIMEDOUT):
		return model.ProbeTimeout
	case errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETUNREACH):
		return model.ProbeUnreachable
	}
	return model.ProbeNone // trouble of ours
}

// find returns the newest advert of the URI that an element is about to use,
// -1 if it was not handed out to whom it has it from: the scenario itself named
// it then.
func (s *session) find(u peer.Use) int {
	want := canonical(u.URI)
	for i := len(s.obs.Adverts) - 1; i >= 0; i-- {
		a := &s.obs.Adverts[i]
		if a.Giver == u.Element {
			continue
		}
		if !s.held(a, u) {
			continue
		}
		if a.Problem != "" && (u.URI == "" && a.Value == "" || u.URI == a.Value && !readable(u.URI)) ||
			a.Problem == "" && canonical(a.URI) == want {
			return i
		}
	}
	return -1
}

// held reports whether who sends a request can have the address from an advert:
// from its own dialog, from the binding that the registrar looked up, or, for a
// new call, from an earlier dialog of the caller with its callee (the scope of
// a Contact is global, RFC 3261 8.1.1.8).
func (s *session) held(a *model.Advert, u peer.Use) bool {
	if a.CallID == u.CallID {
		return true
	}
	call, ok := s.sc.Steps[s.step].(scenario.Call)
	if !ok || u.Request != "INVITE" {
		return false
	}
	if a.Message == "REGISTER" {
		return a.Seer == u.Element && a.Giver == call.To
	}
	before, ok := s.sc.Steps[a.Step].(scenario.Call)
	plan, err := s.sc.PlanCall(s.step)
	return ok && err == nil && canonical(plan.RequestURI) == canonical(u.URI) &&
		(before.From == call.From || before.To == call.From) && a.Giver == call.To
}

func readable(uri string) bool {
	_, err := sip.ParseURI(uri)
	return err == nil
}

func canonical(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return uri
	}
	return u.String()
}

// use enters one use of an advert: the snapshot first, then the probe, which
// changes what it tests. It reports whether it was entered.
func (s *session) use(advert int, element, request string, dial bool) bool {
	key := useKey{advert, s.step, element, request}
	if s.seen[key] {
		return false
	}
	s.seen[key] = true
	if s.uses++; s.uses > maxUses {
		s.trouble = fmt.Errorf("%w: more than %d addresses were handed out in step %d", errFlood, maxUses, s.step+1)
		return false
	}
	u := model.Use{Advert: advert, Request: request, MustDial: dial, Step: s.step,
		View: model.Viewpoint{Element: element, Host: s.sc.Element(element).Host, Source: s.sc.ElementAddr(element)}}
	if err := s.look(&u); err != nil {
		s.trouble = err
		return false
	}
	s.obs.Uses = append(s.obs.Uses, u)
	return true
}

// look takes the snapshot of a use and probes. What was seen since the last
// message came in, while the world stood still, is not looked at again: a
// stack with a short accept queue would refuse the third probe in a row.
func (s *session) look(u *model.Use) (err error) {
	for _, x := range s.obs.Uses[s.fresh:] {
		if x.Advert == u.Advert && x.View == u.View {
			u.Snapshot, u.Probe, u.Spared, u.Lacks = x.Snapshot, x.Probe, x.Spared, x.Lacks
			return nil
		}
	}
	if u.Snapshot, err = s.snapshot(); err != nil {
		return err
	}
	// The wildcard address is nobody's; the kernel makes a look at ourselves
	// of it, which says nothing about the giver.
	t, err := s.obs.Adverts[u.Advert].Target()
	switch {
	case err != nil || t.Addr.Addr().IsUnspecified():
	case t.Transport == s.sc.Element(u.View.Element).Lacks:
		u.Lacks, u.Spared = true, "its user has no "+t.Transport.String()
	case !u.View.SourceFor(&s.obs.Snapshots[u.Snapshot], t.Addr.Addr()).IsValid():
		u.Probe = model.Probe{Carrier: t.Transport.Carrier(), Target: t.Addr, Result: model.ProbeUnreachable, Detail: "no address of that family"}
	case s.unprobed:
		u.Spared = spared
	default:
		s.probe(u, t)
	}
	return nil
}

// probeKey is what a probe has proved: that this socket takes what is sent to
// the target from there. The kernel's cookie tells it from any other.
type probeKey struct {
	view   model.Viewpoint
	target sip.Target
	cookie uint64
}

// probe tries the target from the viewpoint, once for each socket and step: a
// listener that took one SYN takes the next. A probe that might fill the queue
// before the user comes is spared: his own connect tells as much.
func (s *session) probe(u *model.Use, t sip.Target) {
	key := probeKey{view: u.View, target: t}
	source := u.View.SourceFor(&s.obs.Snapshots[u.Snapshot], t.Addr.Addr())
	r := linux.Lookup(&s.obs.Snapshots[u.Snapshot], u.View.Host, t.Transport.Carrier(), netip.AddrPortFrom(source, 0), t.Addr)
	if r.Takes() {
		key.cookie = r.Socket.Cookie
		if p, ok := s.proved[key]; ok {
			u.Probe = p
			return
		}
		if full(r.Socket) {
			u.Spared = fmt.Sprintf("%d wait in a queue for %d", r.Socket.Queue, r.Socket.Backlog+1)
			return
		}
	}
	u.Probe = s.knock(u, source, t, r)
	if u.Probe.Result == model.ProbeAccepted && key.cookie != 0 {
		s.proved[key] = u.Probe
	}
}

// full reports whether a listener that one more connection waits for might
// have no room for the next (sk_acceptq_is_full, include/net/sock.h).
func full(l *linux.Socket) bool {
	return l.State == linux.StateListen && l.Queue+1 > l.Backlog
}

// acceptBound is how long a program may take to accept a probe and to read its
// end. One that waits for us meanwhile does not, and is not waited for.
const acceptBound = 100 * time.Millisecond

// knock sends the probe: to a program as a client that changed its mind.
func (s *session) knock(u *model.Use, source netip.Addr, t sip.Target, r linux.Reached) model.Probe {
	from := s.lab.Host(u.View.Host)
	if !r.Takes() || s.processes[r.Socket.Owner] == nil {
		return from.Probe(source, t)
	}
	wait := acceptBound
	if s.still[s.sc.Element(r.Socket.Owner).Host] {
		wait = 0
	}
	return from.ProbeOrderly(source, t, wait)
}
