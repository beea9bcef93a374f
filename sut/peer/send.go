package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// outgoing is a request on its way.
type outgoing struct {
	method string
	callID string
	uri    string // resolved for the next hop
	flow   *sock  // or: the connection it goes down, whatever the URI says
	pushed bool   // there was a flow from the start
	to     netip.AddrPort
	build  func(via string) []byte // the message with this Via value on top
	answer func(m *sip.Message)    // nil for ACK, which has none
	sent   func()                  // told when it has left; may be nil
	failed func(error)             // told if it cannot be sent; nil: the call cannot go on
}

// send finds the next hop of a request and sends it there (RFC 3263 4, RFC
// 3261 18.1.1).
func (e *element) send(o outgoing) {
	o.pushed = o.flow != nil
	e.attempt(o, true)
}

// attempt is one of at most two: a connection that was there may have ended
// while nobody looked, and then it is dialled anew.
func (e *element) attempt(o outgoing, first bool) {
	use, t, err := e.nextHop(&o)
	if err != nil {
		e.giveUp(&o, fmt.Errorf("%s cannot send its %s: %w", e.el.Name, o.method, err))
		return
	}
	branch := e.world.unique("z9hG4bK")
	via, err := e.via(t, branch)
	if err != nil {
		e.lost(&o, err)
		return
	}
	tx := &clientTx{outgoing: o, transport: t, reused: first && o.flow != nil, raw: o.build(via)}
	if o.answer != nil {
		e.clients[branch] = tx
	}
	if !t.Reliable() {
		e.sendDatagrams(tx)
		return
	}
	if tx.flow == nil {
		tx.flow, err = e.dial(t, o.to, func(err error) { e.met(use, err) })
	}
	if err != nil {
		e.lost(&o, err)
		return
	}
	s := tx.flow
	s.clients = append(slices.DeleteFunc(s.clients, func(x *clientTx) bool { return x.heard || x.done }), tx)
	s.send(tx.raw, func(err error) {
		if err != nil {
			e.broke(tx, err)
			return
		}
		e.left(tx, s)
	})
}

// sendDatagrams sends a request over UDP until it is answered or timer B or F
// ends (RFC 3261 17.1.1.2, 17.1.2.2).
func (e *element) sendDatagrams(tx *clientTx) {
	if err := e.datagram(tx, tx.raw, tx.method); err != nil {
		e.lost(&tx.outgoing, err)
		return
	}
	e.left(tx, nil)
	if tx.answer == nil {
		return
	}
	end := time.Now().Add(64 * t1)
	e.world.after(t1, func() bool {
		return !tx.done && time.Now().Before(end) && e.datagram(tx, tx.raw, "retransmitted "+tx.method) == nil
	})
}

// left is called when a request has left.
func (e *element) left(tx *clientTx, s *sock) {
	e.sentTo(tx.raw, s, tx.to, tx.pushed)
	if tx.sent != nil {
		tx.sent()
	}
}

// broke is called for a request whose connection ended before anything came
// back on it. One that had been there before may have been closed just then:
// that says nothing of the target, which is dialled (RFC 3261 18.1.1; RFC 5923
// 8.1). A flow that the scenario wants and that is gone leaves the URI.
func (e *element) broke(tx *clientTx, err error) {
	if tx.done || tx.heard || !e.world.matters(&tx.outgoing) {
		return
	}
	if !tx.reused {
		e.lost(&tx.outgoing, err)
		return
	}
	tx.done = true
	again := tx.outgoing
	again.flow, again.pushed = nil, false
	e.attempt(again, false)
}

// over is called when a connection has ended: err is nil if the far end closed
// it.
func (s *sock) over(err error) {
	s.giveBack(unix.EPIPE)
	waiting := s.clients
	s.clients = nil
	for _, tx := range waiting {
		// An ACK has no answer. Only a reset says that nobody read it.
		if tx.reused && (tx.answer != nil || errors.Is(err, unix.ECONNRESET)) {
			s.owner.broke(tx, unix.ECONNRESET)
		}
	}
}

// matters reports whether a request is still of use to anybody.
func (w *World) matters(o *outgoing) bool {
	return o.method == "REGISTER" || w.call != nil && w.call.id == o.callID && !w.call.Over()
}

// lost is called for a request that could not be sent to where it leads.
func (e *element) lost(o *outgoing, err error) {
	e.giveUp(o, fmt.Errorf("the %s of %s is lost: %w", o.method, e.el.Name, err))
}

func (e *element) giveUp(o *outgoing, err error) {
	if o.failed != nil {
		o.failed(err)
		return
	}
	e.world.fail(o.callID, "%v", err)
}

// sendAgain sends something more to where a request went (RFC 3261 17.1.1.3).
func (e *element) sendAgain(tx *clientTx, raw []byte) {
	if !tx.transport.Reliable() {
		_ = e.datagram(tx, raw, "ACK")
		return
	}
	s := tx.flow
	if e.world.socks[s.fd] != s || s.ended() {
		var err error
		if s, err = e.dial(tx.transport, s.remote, nil); err != nil {
			return // who sent the failure sends it again
		}
		tx.flow = s
	}
	s.send(raw, func(error) {})
}

// nextHop fills in where a request goes, unless its flow is given.
func (e *element) nextHop(o *outgoing) (use int, t sip.Transport, err error) {
	if o.flow != nil {
		return 0, o.flow.transport, nil
	}
	target, err := sip.TargetOf(o.uri)
	if o.method == e.lie.OtherTransport {
		target.Transport = e.otherTransport(target.Transport)
	}
	if err == nil {
		o.to = target.Addr
		live := e.live()
		if i := sip.PickFlow(flowsOf(live), target); i >= 0 && !e.lie.DialAnew {
			o.flow = live[i]
		}
	}
	use = e.using(Use{Element: e.el.Name, Request: o.method, CallID: o.callID, URI: o.uri, Dial: o.flow == nil})
	return use, target.Transport, err
}

// otherTransport is one that the element has, and that is not the given one if
// it has two.
func (e *element) otherTransport(t sip.Transport) sip.Transport {
	for _, l := range e.el.Listen {
		if l.Transport != t {
			return l.Transport
		}
	}
	return t
}

// using tells the runner of a use, and returns its number.
func (e *element) using(u Use) int {
	e.world.serial++
	u.ID = e.world.serial
	if e.world.hooks.Using != nil {
		e.world.hooks.Using(u)
	}
	return u.ID
}

func (e *element) met(use int, err error) {
	if e.world.hooks.Met != nil {
		e.world.hooks.Met(use, err)
	}
}

// datagram sends from the element's own UDP port; what is what it is called if
// it meets nobody.
func (e *element) datagram(tx *clientTx, raw []byte, what string) error {
	s, err := e.sender()
	if err != nil {
		return err
	}
	e.note(tx.to, sending{what: what, callID: tx.callID, client: tx})
	return s.writeTo(raw, tx.to)
}

// note remembers what went to an address, so that an ICMP error can be told
// in words. What goes to the wildcard address comes back to the sender's host:
// in IPv4 to the address that it is sent from (ip_route_output_key_hash_rcu),
// in IPv6 to loopback (udpv6_sendmsg).
func (e *element) note(to netip.AddrPort, what sending) {
	e.sent[to] = what
	switch to.Addr() {
	case netip.IPv4Unspecified():
		e.sent[netip.AddrPortFrom(e.addr, to.Port())] = what
	case netip.IPv6Unspecified():
		e.sent[netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())] = what
	}
}

// unreachable is called for a datagram that came back as an ICMP error. A
// response is tried at its sent-by (RFC 3261 18.2.2, RFC 3263 5), and what was
// answered already needs no second copy. The datagram comes back with the error:
// an ACK may have been followed by a BYE by then.
func (e *element) unreachable(to netip.AddrPort, datagram []byte) {
	x, ok := e.sent[to]
	switch {
	case ok && x.what != "ACK" && bytes.HasPrefix(datagram, []byte("ACK ")):
		x.what = "ACK"
	case !ok || x.client != nil && (x.client.done || x.client.heard):
		return
	case x.server != nil && x.server.replyTo == to && x.server.sentBy.IsValid() && x.server.sentBy != to:
		x.server.replyTo = x.server.sentBy
		e.reply(x.server, x.server.last)
		return
	}
	e.world.fail(x.callID, "the %s of %s to udp %s is lost: port unreachable", x.what, e.el.Name, to)
}
