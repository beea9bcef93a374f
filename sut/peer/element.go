package peer

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"time"

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

	dialogs  map[string]*dialog  // user agent: by Call-ID
	bindings map[string]*binding // proxy: by user
}

// sending is what went to an address last.
type sending struct{ what, callID string }

// clientTx is a request that was sent and its answer's handler.
type clientTx struct {
	done   bool
	answer func(m *model.Message)
	raw    []byte                 // the request
	again  func(raw []byte) error // sends to where the request went
}

// serverTx is a request that was received: where its responses go.
type serverTx struct {
	callID  string
	sock    *sock
	local   netip.AddrPort // where it arrived
	from    netip.AddrPort // where it came from
	replyTo netip.AddrPort // where responses go by RFC 3261 18.2.2
	last    []byte         // the last response, sent again for a retransmission
}

func newElement(w *World, el *model.Element, lie Lie) *element {
	return &element{world: w, el: el, addr: w.sc.ElementAddr(el.Name), lie: lie,
		clients: map[string]*clientTx{}, servers: map[string]*serverTx{}, sent: map[netip.AddrPort]sending{},
		dialogs: map[string]*dialog{}, bindings: map[string]*binding{}}
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
		tx.again(failureACK(tx.raw, m))
	}
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
	tx = &serverTx{sock: s, local: local, from: from, replyTo: stampVia(m, from)}
	tx.callID, _ = m.Get("Call-ID")
	e.servers[key] = tx
	return tx, true
}

// reply sends a response (RFC 3261 18.2.2): down the connection that the
// request came on, or if that is gone to its sent-by; over UDP to where the
// Via says.
func (e *element) reply(tx *serverTx, raw []byte) {
	tx.last = raw
	if tx.sock.transport == model.UDP {
		e.note(tx.replyTo, sending{"response", tx.callID})
		if err := tx.sock.writeTo(raw, tx.replyTo); err != nil {
			e.world.fail(tx.callID, "%s could not send its response to %s: %v", e.el.Name, tx.replyTo, err)
		}
		e.sentTo(raw, tx.sock, tx.replyTo, false)
		return
	}
	if e.world.socks[tx.sock.fd] == tx.sock && tx.sock.write(raw) == nil {
		e.sentTo(raw, tx.sock, tx.sock.remote, false)
		return
	}
	s, err := e.dial(tx.replyTo)
	if err == nil {
		tx.sock = s
		err = s.write(raw)
	}
	if err != nil {
		e.world.fail(tx.callID, "%s could not send its response: %v", e.el.Name, err)
		return
	}
	e.sentTo(raw, s, s.remote, false)
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
}

// send finds the next hop of a request and sends it there (RFC 3263 4, RFC
// 3261 18.1.1).
func (e *element) send(o outgoing) error {
	o.pushed = o.flow != nil
	t, err := e.nextHop(&o)
	if err != nil {
		return fmt.Errorf("%s cannot send its %s: %w", e.el.Name, o.method, err)
	}
	if err := e.transmit(o, t); err != nil {
		return fmt.Errorf("the %s of %s is lost: %w", o.method, e.el.Name, err)
	}
	return nil
}

func (e *element) transmit(o outgoing, t model.Transport) (err error) {
	branch := e.world.unique("z9hG4bK")
	tx := &clientTx{raw: o.build(e.via(t, branch)), answer: o.answer}
	if t == model.UDP {
		what := o.method
		tx.again = func(raw []byte) error {
			err := e.datagram(raw, o.to, sending{what, o.callID})
			what = "retransmitted " + o.method // that the first one met nobody is not known
			return err
		}
	} else {
		if o.flow == nil {
			o.flow, err = e.dial(o.to)
			if e.world.hooks.Met != nil {
				e.world.hooks.Met(e.el.Name, err)
			}
			if err != nil {
				return err
			}
		}
		tx.again = o.flow.write
	}
	if o.answer != nil {
		e.clients[branch] = tx
	}
	if err := tx.again(tx.raw); err != nil {
		return err
	}
	e.sentTo(tx.raw, o.flow, o.to, o.pushed)
	if t.Reliable() || o.answer == nil {
		return nil
	}
	e.world.after(t1, func() bool { return !tx.done && tx.again(tx.raw) == nil })
	return nil
}

// nextHop fills in where a request goes, unless its flow is given.
func (e *element) nextHop(o *outgoing) (model.Transport, error) {
	if o.flow != nil {
		return o.flow.transport, nil
	}
	target, err := resolve(o.uri)
	if err == nil {
		o.to = target.Addr
		if i := model.PickFlow(e.world.Flows(e.el.Name), target); i >= 0 && !e.lie.DialAnew {
			o.flow = e.conns[i]
		}
	}
	e.using(Use{Element: e.el.Name, Request: o.method, CallID: o.callID, URI: o.uri, Dial: o.flow == nil})
	return target.Transport, err
}

func (e *element) using(u Use) {
	if e.world.hooks.Using != nil {
		e.world.hooks.Using(u)
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

// datagram sends from the element's own UDP port.
func (e *element) datagram(raw []byte, to netip.AddrPort, what sending) error {
	for _, s := range e.world.socks {
		if s.owner == e && s.transport == model.UDP {
			e.note(to, what)
			return s.writeTo(raw, to)
		}
	}
	return fmt.Errorf("%s has no udp", e.el.Name)
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

// lost is called for a datagram that came back as an ICMP error.
func (e *element) lost(to netip.AddrPort) {
	if s, ok := e.sent[to]; ok {
		e.world.fail(s.callID, "the %s of %s to udp %s is lost: port unreachable", s.what, e.el.Name, to)
	}
}

// via returns a Via value that names the transport really used and the
// listening port (RFC 3261 18.1.1), never a connection's.
func (e *element) via(t model.Transport, branch string) string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(t.String()), e.hostPort(t), branch)
}

func (e *element) hostPort(t model.Transport) string {
	return netip.AddrPortFrom(e.addr, e.el.Port(t)).String()
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
	return err == nil && t.Addr.Addr() == e.addr && t.Addr.Port() == e.el.Port(t.Transport)
}
