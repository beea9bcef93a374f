package peer

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// dialog is one dialog of a user agent (RFC 3261 12).
type dialog struct {
	callID        string
	local, remote string // From and To values of our requests, with tags
	routeSet      []string
	target        string // the remote target: the other side's Contact, raw
	cseq          int
	acked         bool
	ended         bool // we sent our BYE
}

// Registered reports whether a proxy of ours has confirmed a registration of
// that user since Forget.
func (w *World) Registered(user string) bool { return w.registered[user] }

// Forget makes Registered wait for the user's next registration.
func (w *World) Forget(user string) { delete(w.registered, user) }

// account is what a user agent keeps of its registrations at one proxy: all of
// them have one Call-ID (RFC 3261 10.2.4).
type account struct {
	callID string
	cseq   int
}

// account returns the element's account at a proxy for its next REGISTER.
func (e *element) account(proxy string) *account {
	a := e.accounts[proxy]
	if a == nil {
		a = &account{callID: e.world.unique("register-")}
		e.accounts[proxy] = a
	}
	a.cseq++
	return a
}

// Register sends the REGISTER of a step and reports its end to done.
func (w *World) Register(index int, done func(status int)) error {
	e := w.elements[w.sc.Steps[index].(scenario.Register).UA]
	plan, err := w.sc.PlanRegister(index)
	if err != nil {
		return err
	}
	aor := fmt.Sprintf("<sip:%s@%s>", e.el.Name, hostOf(w.sc.ElementAddr(plan.Proxy)))
	a := e.account(plan.Proxy)
	cseq := a.cseq
	contact := e.contact("REGISTER", plan.Transport, model.Leg{})
	sending := true
	e.send(outgoing{method: "REGISTER", callID: a.callID, uri: plan.RequestURI,
		failed: func(why error) {
			if err = why; !sending {
				done(503) // RFC 3261 8.1.3.1
			}
		},
		build: func(via string) []byte {
			return newRequest("REGISTER", plan.RequestURI, via, aor+";tag="+w.unique("t"), aor, a.callID, cseq).
				header("Contact", contact).header("Expires", "3600").bytes()
		},
		answer: func(m *sip.Message) {
			if m.Status < 200 {
				return
			}
			if e.lie.AfterRegister {
				e.stopListening()
			}
			done(m.Status)
		}})
	sending = false
	return err
}

// Invite places the current call; its caller is one of ours.
func (w *World) Invite(index int) error {
	e := w.elements[w.call.Step.From]
	plan, err := w.sc.PlanCall(index)
	if err != nil {
		return err
	}
	var flow *sock
	if w.call.Step.OverFlow {
		if flow, err = e.dialledBy(plan.NextHop, plan.Transport); err != nil {
			return err
		}
	}
	d := &dialog{callID: w.unique("call-"), cseq: 1}
	w.call.id = d.callID
	d.local = fmt.Sprintf("<sip:%s@%s>;tag=%s", e.el.Name, e.domain(), w.unique("t"))
	d.remote = "<" + aorOf(plan.RequestURI) + ">"
	e.dialogs[dialogKey(d.callID, sip.Tag(d.local))] = d
	o := outgoing{method: "INVITE", callID: d.callID, uri: plan.RequestURI, flow: flow,
		answer: func(m *sip.Message) { e.inviteAnswer(d, m) },
		build: func(via string) []byte {
			r := newRequest("INVITE", plan.RequestURI, via, d.local, d.remote, d.callID, d.cseq).
				header("Contact", e.contact("INVITE", plan.Transport, model.Leg{}))
			if plan.Route != "" {
				r.header("Route", "<"+plan.Route+">")
			}
			return r.body(e.sdp()).bytes()
		}}
	if plan.Route != "" {
		o.uri = plan.Route
	}
	e.send(o)
	return nil
}

// dialledBy returns a live connection that another element dialled to us.
func (e *element) dialledBy(other string, t sip.Transport) (*sock, error) {
	snap, err := e.world.lab.Snapshot()
	if err != nil {
		return nil, err
	}
	for _, s := range e.conns {
		end := snap.FarEnd(&linux.Socket{Carrier: s.transport.Carrier(), Local: s.local, Remote: s.remote})
		if !s.dialled && s.transport == t && end != nil && end.Owner == other {
			return s, nil
		}
	}
	return nil, fmt.Errorf("over=flow: %s has no connection to %s that was dialled by %s", e.el.Name, other, other)
}

// inviteAnswer handles a response to our INVITE.
func (e *element) inviteAnswer(d *dialog, m *sip.Message) {
	c := e.world.current(m)
	if m.Status < 200 || c == nil {
		return
	}
	c.Outcome.Status = m.Status
	if m.Status >= 300 {
		return // its ACK is the transaction's and moves no address
	}
	if !d.acked {
		// RFC 3261 13.2.2.4: route set and remote target are the 2xx's.
		d.acked = true
		d.remote, _ = m.Get("To")
		d.target = contactURI(m)
		d.routeSet = reversed(addressList(m, "Record-Route"))
	}
	e.inDialog(d, "ACK", nil, func() {
		if !e.world.Has(c.Step.To) && e.leavesWorld(d) {
			c.Outcome.Acked = true
		}
	})
	if c.Step.Hangup == scenario.Caller && e.world.Has(c.Step.From) {
		e.bye(d)
	}
}

// leavesWorld reports whether the next hop of a dialog's requests is played by
// somebody else: then a request that was sent without an error has arrived.
func (e *element) leavesWorld(d *dialog) bool {
	_, _, next := sip.InDialog(d.routeSet, d.target)
	t, err := sip.TargetOf(next)
	return err == nil && !e.world.at(t.Transport, t.Addr)
}

// bye ends a call, once: the 2xx that makes the caller do so may come again.
func (e *element) bye(d *dialog) {
	if d.ended {
		return
	}
	d.ended = true
	d.cseq++
	e.inDialog(d, "BYE", func(m *sip.Message) {
		if c := e.world.current(m); c != nil && m.Status >= 200 {
			c.Outcome.ByeReply = m.Status
		}
	}, func() {
		if c := e.world.call; c != nil && c.id == d.callID {
			c.Outcome.Bye = true
		}
	})
}

// inDialog sends a request inside a dialog (RFC 3261 12.2.1.1). The next hop
// is found anew each time (RFC 3263 4).
func (e *element) inDialog(d *dialog, method string, answer func(*sip.Message), sent func()) {
	if _, err := sip.ParseURI(d.target); err != nil {
		// The remote target is the Request-URI, route set or not: an
		// address that cannot be read stops its user here.
		e.using(Use{Element: e.el.Name, Request: method, CallID: d.callID, URI: d.target, Dial: true})
		e.world.fail(d.callID, "%s cannot send its %s: %v", e.el.Name, method, err)
		return
	}
	requestURI, route, next := sip.InDialog(d.routeSet, d.target)
	e.send(outgoing{method: method, callID: d.callID, uri: next, answer: answer, sent: sent,
		build: func(via string) []byte {
			r := newRequest(method, requestURI, via, d.local, d.remote, d.callID, d.cseq)
			for _, v := range route {
				r.header("Route", v)
			}
			return r.bytes()
		}})
}

// agentRequest handles a request as a user agent server.
func (e *element) agentRequest(m *sip.Message, tx *serverTx) {
	if !complete(m) {
		return
	}
	if e.lie.ConnectUDP && !tx.sock.transport.Reliable() {
		unix.Connect(tx.sock.fd, sockaddr(tx.from, tx.sock.v6))
	}
	to, _ := m.Get("To")
	d := e.dialogs[dialogKey(tx.callID, sip.Tag(to))]
	switch {
	case m.Method == e.lie.DeafTo:
	case m.Method == "INVITE" && sip.Tag(to) == "":
		e.invited(m, tx)
	case m.Method == "ACK":
		e.ackArrived(d, m)
	case m.Method == "BYE" && d != nil:
		e.world.byeSeen(m)
		e.answer(tx, m, 200, "OK")
		if c := e.world.current(m); c != nil && !e.world.Has(e.other(c)) {
			c.Outcome.ByeReply = 200
		}
	case m.Method == "OPTIONS":
		e.answer(tx, m, 200, "OK")
	case d != nil && m.Method == "INVITE": // the session stays as it is, and so does the dialog (RFC 3261 14.2)
		e.answer(tx, m, 488, "Not Acceptable Here")
	case d != nil: // 481 would end the dialog (RFC 3261 12.2.1.2)
		e.answer(tx, m, 405, "Method Not Allowed")
	default:
		e.answer(tx, m, 481, "Call/Transaction Does Not Exist")
	}
}

// dialogKey is what tells dialogs apart on one side (RFC 3261 12): the Call-ID
// and our own tag. A request that comes back to its sender has the other's.
func dialogKey(callID, localTag string) string { return callID + " " + localTag }

// other is the other side of a call.
func (e *element) other(c *Call) string {
	if c.Step.From == e.el.Name {
		return c.Step.To
	}
	return c.Step.From
}

// invited answers an INVITE: 180, then 200, each with a Contact.
func (e *element) invited(m *sip.Message, tx *serverTx) {
	if u, err := sip.ParseURI(m.RequestURI); err != nil || u.User != e.el.Name {
		e.answer(tx, m, 404, "Not Found")
		return
	}
	if e.lie.RefuseBehindProxy && len(m.All("Via")) > 1 {
		e.answer(tx, m, 403, "Forbidden")
		return
	}
	tag := e.world.unique("t")
	from, _ := m.Get("From")
	to, _ := m.Get("To")
	d := &dialog{callID: tx.callID, cseq: 1, remote: from, local: to + ";tag=" + tag,
		target: contactURI(m), routeSet: addressList(m, "Record-Route")}
	e.dialogs[dialogKey(d.callID, tag)] = d
	for _, r := range []struct {
		code   int
		reason string
	}{{180, "Ringing"}, {200, "OK"}} {
		res := newResponse(m, r.code, r.reason, tag)
		for _, rr := range m.All("Record-Route") {
			if e.lie.DropRecordRoute {
				break
			}
			set(res, "Record-Route", rr)
		}
		message := fmt.Sprintf("%d INVITE", r.code)
		set(res, "Contact", e.contact(message, tx.sock.transport, tx.sock.leg(tx.local, tx.from)))
		if r.code == 200 {
			set(res, "Content-Type", "application/sdp")
			res.Body = []byte(e.sdp())
		}
		e.reply(tx, encode(res))
	}
	if c := e.world.current(m); c != nil && !e.world.Has(c.Step.From) {
		c.Outcome.Status = 200
	}
	// RFC 3261 13.3.1.4: the 2xx is sent again until its ACK comes.
	e.world.after(t1, func() bool {
		if !d.acked && e.world.call != nil && e.world.call.id == d.callID && !e.world.call.Over() {
			e.reply(tx, tx.last)
			return true
		}
		return false
	})
}

// ackArrived handles an ACK; d is nil if we know no such call.
func (e *element) ackArrived(d *dialog, m *sip.Message) {
	c := e.world.current(m)
	if d == nil {
		if c != nil {
			why := "who knows no such call"
			if c.Step.From == e.el.Name {
				why = "who sent it"
			}
			e.world.fail(c.id, "the ACK arrived at %s, %s", e.el.Name, why)
		}
		return
	}
	if d.acked || c == nil || c.Step.To != e.el.Name {
		return
	}
	d.acked = true
	c.Outcome.Acked = true
	if c.Step.Hangup == scenario.Callee {
		e.bye(d)
	}
}

// answer sends a response without a body.
func (e *element) answer(tx *serverTx, m *sip.Message, code int, reason string) {
	res := newResponse(m, code, reason, e.world.unique("t"))
	if code == 405 {
		set(res, "Allow", "INVITE, ACK, BYE, OPTIONS")
	}
	e.reply(tx, encode(res))
}

// domain is the host part of the element's address-of-record.
func (e *element) domain() string {
	if e.el.Via != "" {
		return hostOf(e.world.sc.ElementAddr(e.el.Via))
	}
	return hostOf(e.addr)
}

// sdp offers and answers one inactive audio stream: media is not our matter.
func (e *element) sdp() string {
	v := "IP4"
	if e.addr.Is6() {
		v = "IP6"
	}
	return strings.Join([]string{"v=0", fmt.Sprintf("o=- 1 1 IN %s %s", v, e.addr), "s=-",
		fmt.Sprintf("c=IN %s %s", v, e.addr), "t=0 0", "m=audio 9 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive", ""}, "\r\n")
}

// hostOf writes an address as the host of a URI (RFC 3261 25.1).
func hostOf(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// aorOf leaves out what a To header need not say.
func aorOf(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return uri
	}
	return fmt.Sprintf("sip:%s@%s", u.User, hostOf(u.Addr))
}

func reversed(list []string) []string {
	out := make([]string, 0, len(list))
	for i := len(list) - 1; i >= 0; i-- {
		out = append(out, list[i])
	}
	return out
}
