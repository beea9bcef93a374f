package props

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut/peer"
)

// traffic is what went between our elements and the judged one: the requests
// that were sent to it, and the requests inside a dialog that it sent.
type traffic struct {
	waiting []*waiting
	dialogs map[string]*sides // by Call-ID

	last     string    // what was sent to the judged element last: "INVITE", "200 REGISTER"
	messages int       // of the judged element, that were received in this step
	heard    time.Time // when the last of them came
}

// waiting is a request that was sent in this step.
type waiting struct {
	model.Request
	branch string
	at     time.Time
}

// sides is what the judged element knows of its dialog, by what was sent to
// it.
type sides struct {
	routeSet []string
	target   string
	step     int
}

// sent is called when one of our elements has sent a message.
func (s *session) sent(m peer.Sent) {
	judged := s.sc.SUT()
	if judged == nil || m.Element == judged.Name || s.trouble != nil {
		return
	}
	msg, err := sip.ParseMessage(m.Raw)
	if err != nil {
		return
	}
	s.told(judged.Name, &msg)
	if s.goesTo(judged.Name, m, &msg) {
		s.traffic.last = nameOf(&msg)
	}
	if !msg.Request || msg.Method == "ACK" {
		return
	}
	s.traffic.waiting = append(s.traffic.waiting, &waiting{at: time.Now(), branch: branchOf(&msg),
		Request: model.Request{Method: msg.Method, URI: msg.RequestURI, Sender: m.Element, Leg: m.Leg, Pushed: m.Pushed, Step: s.step}})
}

// goesTo reports whether a message leaves for an element: the place where it
// listens, its own flow, or, for a response, the only one who asked.
func (s *session) goesTo(element string, m peer.Sent, msg *sip.Message) bool {
	if !msg.Request {
		return msg.User("From") == element && len(msg.All("Via")) == 1
	}
	return m.Pushed || s.elementWith(m.Leg) == element
}

// nameOf names a message as findings do: "INVITE", "200 INVITE".
func nameOf(m *sip.Message) string {
	if m.Request {
		return m.Method
	}
	_, method, _ := m.CSeq()
	return fmt.Sprintf("%d %s", m.Status, method)
}

// told notes what makes the judged element's dialog: the INVITE that it gets,
// or the 2xx to its own (RFC 3261 12.1).
func (s *session) told(judged string, m *sip.Message) {
	_, method, _ := m.CSeq()
	side := sides{step: s.step}
	switch {
	case method != "INVITE" || m.Request && m.Tagged():
		return
	case m.Request && m.User("To") == judged:
		side.routeSet = routeValues(m)
	case !m.Request && m.Status/100 == 2 && m.User("From") == judged:
		side.routeSet = backwards(routeValues(m))
	default:
		return
	}
	id, _ := m.Get("Call-ID")
	if list, err := sip.ParseNameAddrs(first(m.All("Contact"))); err == nil && len(list) == 1 {
		side.target = list[0].URI
	}
	if s.traffic.dialogs == nil {
		s.traffic.dialogs = map[string]*sides{}
	}
	s.traffic.dialogs[id] = &side // of an INVITE that is passed on, the last one is what arrives
}

func routeValues(m *sip.Message) (out []string) {
	for _, v := range m.All("Record-Route") {
		list, err := sip.ParseNameAddrs(v)
		if err != nil {
			return nil
		}
		for _, a := range list {
			out = append(out, "<"+a.URI+">")
		}
	}
	return out
}

func backwards(list []string) []string {
	out := make([]string, 0, len(list))
	for i := range list {
		out = append(out, list[len(list)-1-i])
	}
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

func branchOf(m *sip.Message) string {
	vias, err := sip.ParseVias(first(m.All("Via")))
	if err != nil || len(vias) == 0 {
		return ""
	}
	b, _ := vias[0].Param("branch")
	return b
}

// arrived notes what comes to one of our elements: the answer to a request, or
// a request inside a dialog of the judged element.
func (s *session) arrived(element string, leg model.Leg, m *sip.Message) {
	author := map[bool]string{true: "From", false: "To"}[m.Request]
	if sut := s.sc.SUT(); sut != nil && m.User(author) == sut.Name {
		s.traffic.heard = time.Now()
		if s.traffic.messages++; s.traffic.messages > maxMessages && s.trouble == nil {
			s.trouble = errFlood
		}
	}
	if !m.Request {
		s.answered(element, m)
		s.routed(element, leg, m)
		return
	}
	judged := s.sc.SUT()
	id, _ := m.Get("Call-ID")
	d := s.traffic.dialogs[id]
	if judged == nil || d == nil || m.User("From") != judged.Name || !m.Tagged() || s.passedOn(judged.Name, m) || s.hasSending(id, m.Method) {
		return
	}
	s.obs.Sendings = append(s.obs.Sendings, model.Sending{Method: m.Method, Sender: judged.Name, CallID: id,
		RouteSet: d.routeSet, RemoteTarget: d.target, Transport: leg.Transport, To: leg.Local, Seer: element, Step: s.step})
}

// passedOn reports whether a request came from another element than the one
// whose dialog it belongs to: one that passed it on, or, for the ACK of an
// INVITE that failed, made it (RFC 3261 17.1.1.3).
func (s *session) passedOn(author string, m *sip.Message) bool {
	vias, err := sip.ParseVias(first(m.All("Via")))
	if err != nil || len(vias) == 0 || len(vias)+len(m.All("Via")) > 2 {
		return true
	}
	for _, e := range s.sc.Elements {
		for _, l := range e.Listen {
			if e.Name != author && vias[0].Addr == s.sc.ElementAddr(e.Name) && vias[0].Port == int(l.Port) {
				return true
			}
		}
	}
	return false
}

// routed notes what an answer of the judged element made of the Record-Routes of
// its INVITE, when the first of ours sees it.
func (s *session) routed(element string, leg model.Leg, m *sip.Message) {
	_, method, _ := m.CSeq()
	id, _ := m.Get("Call-ID")
	judged, d := s.sc.SUT(), s.traffic.dialogs[id]
	if judged == nil || d == nil || method != "INVITE" || m.User("To") != judged.Name || !m.Tagged() || m.Status <= 100 || m.Status >= 300 {
		return
	}
	message := fmt.Sprintf("%d INVITE", m.Status)
	for _, r := range s.obs.RouteSets {
		if r.CallID == id && r.Message == message {
			return
		}
	}
	s.obs.RouteSets = append(s.obs.RouteSets, model.RouteSet{Giver: judged.Name, Message: message, CallID: id,
		Came: d.routeSet, Given: routeValues(m), Seer: element, Leg: leg, Step: s.step})
}

// hasSending reports whether a request's way is known: one that is sent again
// goes where the first one went.
func (s *session) hasSending(callID, method string) bool {
	for _, x := range s.obs.Sendings {
		if x.CallID == callID && x.Method == method {
			return true
		}
	}
	return false
}

func (s *session) answered(element string, m *sip.Message) {
	branch := branchOf(m)
	for _, w := range s.traffic.waiting {
		if w.branch == branch && w.Sender == element {
			w.Answered = true
			if m.Status >= 200 && w.Status == 0 {
				w.Status = m.Status
				w.Waited = int(time.Since(w.at).Milliseconds())
			}
		}
	}
}

// account enters the requests of a step that is over, and asks the kernel where
// those came to that were refused or not answered. What was accepted needs no
// socket table: it has arrived. A call that did not go through is looked at
// when it is over, too.
func (s *session) account(completed bool) error {
	judged := s.sc.SUT()
	all := s.traffic.waiting
	s.traffic.waiting = nil
	if judged == nil {
		return nil
	}
	look := !completed
	for _, w := range all {
		look = look || w.Status == 0 || w.Status >= 300
	}
	var snap *linux.Snapshot
	if look {
		i, err := s.snapshot()
		if err != nil {
			return err
		}
		snap = &s.obs.Snapshots[i]
	}
	for _, w := range all {
		if w.Status == 0 {
			w.Waited = int(time.Since(w.at).Milliseconds())
		}
		if w.Status/100 == 2 {
			if to := s.elementWith(w.Leg); to == judged.Name {
				w.Taker = to
			}
		} else {
			w.Taker, w.Read = s.taker(snap, &w.Request)
			w.Spoke = s.traffic.heard.After(w.at)
		}
		if w.Taker == judged.Name {
			s.obs.Requests = append(s.obs.Requests, w.Request)
		}
	}
	return nil
}

// elementWith returns the element that has the far end of a leg, by where the
// scenario puts it.
func (s *session) elementWith(leg model.Leg) string {
	return s.sc.ElementAt(sip.Target{Transport: leg.Transport, Addr: leg.Remote})
}

// taker returns the element whose socket a request came to, and whether its
// program has read all that came to that socket. A connection that is gone
// proves nothing about a request that was not answered.
func (s *session) taker(snap *linux.Snapshot, r *model.Request) (element string, read bool) {
	mine := linux.Socket{Carrier: r.Leg.Transport.Carrier(), Local: r.Leg.Local, Remote: r.Leg.Remote}
	if r.Leg.Transport == sip.TCP {
		if end := snap.FarEnd(&mine); end != nil && end.Owner != "" {
			return end.Owner, end.Queue == 0
		}
		if r.Status == 0 {
			return "", false
		}
	}
	from := s.sc.Element(r.Sender)
	source := netip.AddrPortFrom(r.Leg.Local.Addr(), 0)
	if r.Leg.Transport == sip.UDP {
		source = r.Leg.Local
	}
	reached := linux.Lookup(snap, from.Host, r.Leg.Transport.Carrier(), source, r.Leg.Remote)
	if !reached.Takes() {
		return "", false
	}
	return reached.Socket.Owner, reached.Socket.Queue == 0
}
