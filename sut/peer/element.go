package peer

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// t1 is RFC 3261 17.1.1.1's T1, the first retransmission interval over UDP.
const t1 = 500 * time.Millisecond

// element is one peer: a user agent or a proxy.
type element struct {
	world *World
	el    *scenario.Element
	addr  netip.Addr
	lie   Lie
	conns []*sock // live connections, oldest first

	clients map[string]*clientTx // requests sent, by branch
	servers map[string]*serverTx // requests received, by branch and method
	sent    map[netip.AddrPort]sending
	own     map[sip.Transport]*sock // ports that it was not told to listen on

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
	transport sip.Transport
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

func newElement(w *World, el *scenario.Element, lie Lie) *element {
	return &element{world: w, el: el, addr: w.sc.ElementAddr(el.Name), lie: lie,
		clients: map[string]*clientTx{}, servers: map[string]*serverTx{}, sent: map[netip.AddrPort]sending{}, own: map[sip.Transport]*sock{},
		given: map[string]int{}, dialogs: map[string]*dialog{}, accounts: map[string]*account{}, bindings: map[string]*binding{}}
}

// take handles one message. The runner looks first.
func (e *element) take(raw []byte, s *sock, local, from netip.AddrPort) {
	m, err := sip.ParseMessage(raw)
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

func (e *element) request(m *sip.Message, tx *serverTx) {
	if e.el.Kind == scenario.Proxy {
		e.proxyRequest(m, tx)
		return
	}
	e.agentRequest(m, tx)
}

func (e *element) response(m *sip.Message) {
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
func (e *element) server(m *sip.Message, s *sock, local, from netip.AddrPort) (tx *serverTx, isNew bool) {
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
	case !s.transport.Reliable():
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
	s, err := e.dial(tx.sock.transport, tx.replyTo, nil)
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
	leg := model.Leg{Transport: sip.UDP, Local: netip.AddrPortFrom(e.addr, e.el.Port(sip.UDP)), Remote: to}
	if s != nil && s.transport.Reliable() {
		leg = s.leg(s.local, s.remote)
	}
	e.world.hooks.Sent(Sent{Element: e.el.Name, Raw: raw, Leg: leg, Pushed: pushed})
}

// via returns a Via value that names the transport really used and a port on
// which the element accepts it (RFC 3261 18.1.1), never a connection's.
func (e *element) via(t sip.Transport, branch string) (string, error) {
	port, err := e.port(t)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", t.Via(), netip.AddrPortFrom(e.addr, port), branch), nil
}

// hostPort is where the element accepts a transport; port 0 if it has none.
func (e *element) hostPort(t sip.Transport) string {
	port, _ := e.port(t)
	return netip.AddrPortFrom(e.addr, port).String()
}

// uri returns the address at which the element accepts over a transport.
func (e *element) uri(user string, t sip.Transport, params string) string {
	if user != "" {
		user += "@"
	}
	if t != sip.UDP { // RFC 3263 4.1: a numeric host without the parameter is UDP
		params = ";transport=" + t.String() + params
	}
	return "sip:" + user + e.hostPort(t) + params
}

// mine reports whether a URI names this element: its address and the port on
// which it accepts the transport that the URI selects.
func (e *element) mine(uri string) bool {
	t, err := sip.TargetOf(uri)
	return err == nil && t.Addr.Addr() == e.addr && e.accepts(t.Transport, t.Addr.Port())
}

// accepts reports whether a port is one on which the element accepts.
func (e *element) accepts(t sip.Transport, port uint16) bool {
	own := e.own[t]
	return port == e.el.Port(t) || own != nil && port == own.local.Port()
}
