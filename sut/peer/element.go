package peer

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// t1 is RFC 3261 17.1.1.1's T1, the first retransmission interval over UDP.
const t1 = 500 * time.Millisecond

// element is one peer: a user agent or a proxy.
type element struct {
	world *World
	el    *model.Element
	addr  netip.Addr
	lie   Lie
	conns []*sock // live connections, oldest first

	clients map[string]*clientTx // requests sent, by branch
	servers map[string]*serverTx // requests received, by branch and method
	sent    map[netip.AddrPort]sending
	own     map[model.Transport]*sock // ports that it was not told to listen on

	given    map[string]int      // Contacts, by message
	dialogs  map[string]*dialog  // user agent: by Call-ID
	accounts map[string]*account // user agent: by proxy
	bindings map[string]*binding // proxy: by user
}

// sending is what went to an address last.
type sending struct {
	what, callID string
	client       *clientTx // the request, or
	server       *serverTx // the request that it answers
}

// clientTx is a request that was sent.
type clientTx struct {
	outgoing
	transport model.Transport
	done      bool // no retransmission is due any more
	heard     bool // some answer came
	status    int  // the highest that came
	reused    bool // it went down a connection that was there
	raw       []byte
}

// serverTx is a request that was received: where its responses go.
type serverTx struct {
	callID  string
	sock    *sock
	local   netip.AddrPort // where it arrived
	from    netip.AddrPort // where it came from
	replyTo netip.AddrPort // where responses go by RFC 3261 18.2.2
	sentBy  netip.AddrPort // where they go if they do not get there (RFC 3263 5)
	last    []byte         // the last response, sent again for a retransmission
}

func newElement(w *World, el *model.Element, lie Lie) *element {
	return &element{world: w, el: el, addr: w.sc.ElementAddr(el.Name), lie: lie,
		clients: map[string]*clientTx{}, servers: map[string]*serverTx{}, sent: map[netip.AddrPort]sending{}, own: map[model.Transport]*sock{},
		given: map[string]int{}, dialogs: map[string]*dialog{}, accounts: map[string]*account{}, bindings: map[string]*binding{}}
}

// take handles one message. The runner looks first.
func (e *element) take(raw []byte, s *sock, local, from netip.AddrPort) {
	m, err := model.ParseMessage(raw)
	if err != nil {
		return // noise: a stack that sends it is judged by what it does not say
	}
	if e.world.hooks.Received != nil {
		e.world.hooks.Received(e.el.Name, s.leg(local, from), &m)
	}
	if !m.Request {
		e.response(&m)
		return
	}
	if tx, isNew := e.server(&m, s, local, from); isNew {
		e.world.noteNews(&m)
		e.request(&m, tx)
	} else if tx != nil && tx.last != nil {
		e.reply(tx, tx.last)
	}
}

func (e *element) request(m *model.Message, tx *serverTx) {
	if e.el.Kind == model.Proxy {
		e.proxyRequest(m, tx)
		return
	}
	e.agentRequest(m, tx)
}

func (e *element) response(m *model.Message) {
	branch, ok := topBranch(m)
	if !ok {
		return
	}
	tx := e.clients[branch]
	if tx == nil {
		return
	}
	_, method, _ := m.CSeq()
	if method == "INVITE" && m.Status >= 300 {
		e.sendAgain(tx, failureACK(tx.raw, m))
	}
	if m.Status > tx.status {
		tx.status = m.Status
		e.world.noteNews(m)
	}
	tx.heard = true
	// Any response ends the retransmissions of an INVITE (RFC 3261 17.1.1.2).
	tx.done = tx.done || m.Status >= 200 || method == "INVITE"
	tx.answer(m)
}

// server finds or makes the transaction of a request. The ACK of an INVITE that
// failed has its branch, and is part of its transaction. (That of a 2xx must
// not have it, RFC 3261 8.1.1.7, and is taken all the same if it does.)
func (e *element) server(m *model.Message, s *sock, local, from netip.AddrPort) (tx *serverTx, isNew bool) {
	branch, ok := topBranch(m)
	if !ok {
		return nil, false
	}
	if invite := e.servers[branch+" INVITE"]; m.Method == "ACK" && invite != nil && !bytes.HasPrefix(invite.last, []byte("SIP/2.0 2")) {
		return nil, false
	}
	key := branch + " " + m.Method
	// Over a reliable transport nothing is sent again: what comes on another
	// connection under the same name is from somebody who was started again.
	if tx := e.servers[key]; tx != nil && (tx.sock == s || !s.transport.Reliable()) {
		return tx, false
	}
	tx = &serverTx{sock: s, local: local, from: from}
	tx.replyTo, tx.sentBy = stampVia(m, from)
	tx.callID, _ = m.Get("Call-ID")
	e.servers[key] = tx
	return tx, true
}

// reply sends a response (RFC 3261 18.2.2): down the connection that the
// request came on, or if that is gone to its sent-by; over UDP to where the
// Via says.
func (e *element) reply(tx *serverTx, raw []byte) {
	tx.last = raw
	switch s := tx.sock; {
	case s.transport == model.UDP:
		e.note(tx.replyTo, sending{what: "response", callID: tx.callID, server: tx})
		if err := s.writeTo(raw, tx.replyTo); err != nil {
			e.unanswered(tx, err)
			return
		}
		e.sentTo(raw, s, tx.replyTo, false)
	case e.world.socks[s.fd] == s && !s.ended():
		s.send(raw, func(err error) {
			if err != nil {
				e.replyAnew(tx, raw)
				return
			}
			e.sentTo(raw, s, s.remote, false)
		})
	default:
		e.replyAnew(tx, raw)
	}
}

// replyAnew dials for a response whose connection is gone.
func (e *element) replyAnew(tx *serverTx, raw []byte) {
	s, err := e.dial(tx.replyTo, nil)
	if err != nil {
		e.unanswered(tx, err)
		return
	}
	tx.sock = s
	s.send(raw, func(err error) {
		if err != nil {
			e.unanswered(tx, err)
			return
		}
		e.sentTo(raw, s, s.remote, false)
	})
}

func (e *element) unanswered(tx *serverTx, err error) {
	e.world.fail(tx.callID, "%s could not send its response to %s: %v", e.el.Name, tx.replyTo, err)
}

// sentTo tells the runner of a message that left by a socket; a datagram leaves
// by the element's own, if that is not known.
func (e *element) sentTo(raw []byte, s *sock, to netip.AddrPort, pushed bool) {
	if e.world.hooks.Sent == nil {
		return
	}
	leg := model.Leg{Transport: model.UDP, Local: netip.AddrPortFrom(e.addr, e.el.Port(model.UDP)), Remote: to}
	if s != nil && s.transport != model.UDP {
		leg = s.leg(s.local, s.remote)
	}
	e.world.hooks.Sent(Sent{Element: e.el.Name, Raw: raw, Leg: leg, Pushed: pushed})
}

// outgoing is a request on its way.
type outgoing struct {
	method string
	callID string
	uri    string // resolved for the next hop
	flow   *sock  // or: the connection it goes down, whatever the URI says
	pushed bool   // there was a flow from the start
	to     netip.AddrPort
	build  func(via string) []byte // the message with this Via value on top
	answer func(m *model.Message)  // nil for ACK, which has none
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
		tx.flow, err = e.dial(o.to, func(err error) { e.met(use, err) })
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
		if s, err = e.dial(s.remote, nil); err != nil {
			return // who sent the failure sends it again
		}
		tx.flow = s
	}
	s.send(raw, func(error) {})
}

// nextHop fills in where a request goes, unless its flow is given.
func (e *element) nextHop(o *outgoing) (use int, t model.Transport, err error) {
	if o.flow != nil {
		return 0, o.flow.transport, nil
	}
	target, err := resolve(o.uri)
	if o.method == e.lie.OtherTransport {
		target.Transport = e.otherTransport(target.Transport)
	}
	if err == nil {
		o.to = target.Addr
		live := e.live()
		if i := model.PickFlow(flowsOf(live), target); i >= 0 && !e.lie.DialAnew {
			o.flow = live[i]
		}
	}
	use = e.using(Use{Element: e.el.Name, Request: o.method, CallID: o.callID, URI: o.uri, Dial: o.flow == nil})
	return use, target.Transport, err
}

// otherTransport is one that the element has, and that is not the given one if
// it has two.
func (e *element) otherTransport(t model.Transport) model.Transport {
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

func resolve(uri string) (model.Target, error) {
	u, err := model.ParseURI(uri)
	if err != nil {
		return model.Target{}, err
	}
	targets, err := model.Resolve(u)
	if err != nil {
		return model.Target{}, err
	}
	return targets[0], nil
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

// via returns a Via value that names the transport really used and a port on
// which the element accepts it (RFC 3261 18.1.1), never a connection's.
func (e *element) via(t model.Transport, branch string) (string, error) {
	port, err := e.port(t)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(t.String()), netip.AddrPortFrom(e.addr, port), branch), nil
}

// hostPort is where the element accepts a transport; port 0 if it has none.
func (e *element) hostPort(t model.Transport) string {
	port, _ := e.port(t)
	return netip.AddrPortFrom(e.addr, port).String()
}

// uri returns the address at which the element accepts over a transport.
func (e *element) uri(user string, t model.Transport, params string) string {
	if user != "" {
		user += "@"
	}
	if t != model.UDP { // RFC 3263 4.1: a numeric host without the parameter is UDP
		params = ";transport=" + t.String() + params
	}
	return "sip:" + user + e.hostPort(t) + params
}

// mine reports whether a URI names this element: its address and the port on
// which it accepts the transport that the URI selects.
func (e *element) mine(uri string) bool {
	t, err := resolve(uri)
	return err == nil && t.Addr.Addr() == e.addr && e.accepts(t.Transport, t.Addr.Port())
}

// accepts reports whether a port is one on which the element accepts.
func (e *element) accepts(t model.Transport, port uint16) bool {
	own := e.own[t]
	return port == e.el.Port(t) || own != nil && port == own.local.Port()
}
