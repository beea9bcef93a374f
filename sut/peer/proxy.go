package peer

import (
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// binding is what a registrar knows of a user.
type binding struct {
	contact   string // the registered Contact's URI, raw
	expires   string // in seconds, as asked for
	transport sip.Transport
	outbound  bool           // its user agent asked for flows (RFC 5626)
	flow      *sock          // the connection that the REGISTER came on; for UDP our socket
	source    netip.AddrPort // where it came from
}

// proxyRequest handles a request as a proxy (RFC 3261 16) with its registrar.
func (e *element) proxyRequest(m *sip.Message, tx *serverTx) {
	if m.Method == "REGISTER" {
		e.registered(m, tx)
		return
	}
	if m.Method == "BYE" {
		e.world.byeSeen(m)
	}
	if e.looped(m) {
		e.refuse(m, tx, 482, "Loop Detected")
		return
	}
	fwd := *m
	fwd.Headers = append([]sip.Header(nil), m.Headers...)
	routes := addressList(&fwd, "Route")
	for len(routes) > 0 && e.mine(firstURI(routes)) { // RFC 3261 16.4
		routes = routes[1:]
	}
	replaceAll(&fwd, "Route", routes)
	o := outgoing{method: m.Method, uri: fwd.RequestURI}
	o.callID, _ = m.Get("Call-ID")
	switch {
	case len(routes) > 0:
		o.uri = firstURI(routes)
	case e.mine(fwd.RequestURI) && userIn(fwd.RequestURI) == "" && m.Method == "OPTIONS":
		e.refuse(m, tx, 200, "OK") // it asks for us (RFC 3261 11)
		return
	case e.mine(fwd.RequestURI):
		b := e.bindings[userIn(fwd.RequestURI)]
		if b == nil {
			e.refuse(m, tx, 404, "Not Found")
			return
		}
		if _, err := sip.ParseURI(b.contact); err != nil {
			// It has to become the Request-URI, whichever way that goes.
			e.using(Use{Element: e.el.Name, Request: m.Method, CallID: o.callID, URI: b.contact, Dial: true})
			e.refuse(m, tx, 500, "Unusable Contact In Registration")
			return
		}
		fwd.RequestURI, o.uri = b.contact, b.contact
		e.deliver(&o, b)
	}
	e.forward(&fwd, tx, o)
}

// deliver sends down the flow of a registration if the scenario says so, and
// the flow is there. Over UDP the flow is the address that the REGISTER came
// from: nothing obliges a user agent to stay there that did not ask for it (RFC
// 5626 4.2.1). Where it is the registered one there is nothing to choose, and
// the Contact is what is used.
func (e *element) deliver(o *outgoing, b *binding) {
	if e.el.Deliver != scenario.DeliverFlow || e.world.socks[b.flow.fd] != b.flow {
		return
	}
	if b.transport.Reliable() {
		if !b.flow.ended() {
			o.flow, o.to = b.flow, b.source
		}
		return
	}
	source := sip.Target{Transport: sip.UDP, Addr: b.source}
	if t, err := sip.TargetOf(b.contact); err == nil && t == source {
		return
	}
	if b.outbound && !e.world.hopeless(e, source) {
		o.flow, o.to = b.flow, b.source
	}
}

// forward passes a request on and its responses back.
func (e *element) forward(m *sip.Message, tx *serverTx, o outgoing) {
	o.build = func(via string) []byte {
		out := *m
		prepend(&out, "Via", via)
		return encode(&out)
	}
	o.answer = func(res *sip.Message) { e.relay(res, m, tx) }
	if m.Method == "ACK" {
		o.answer = nil
	}
	if m.Method == "INVITE" && e.el.RecordRoute {
		e.recordRoute(m, tx.sock.transport, e.outTransport(o))
	}
	o.failed = func(err error) {
		e.world.fail(o.callID, "%v", err)
		e.refuse(m, tx, 500, "Next Hop Unreachable")
	}
	if m.Method == "ACK" {
		o.sent = func() { e.ackPassedOn(m, o) }
	}
	e.send(o)
}

// ackPassedOn notes that an ACK left for a callee that is not one of ours.
func (e *element) ackPassedOn(m *sip.Message, o outgoing) {
	c := e.world.current(m)
	if c == nil || e.world.Has(c.Step.To) {
		return
	}
	if t, err := sip.TargetOf(o.uri); err == nil && !e.world.at(t.Transport, t.Addr) {
		c.Outcome.Acked = true
	}
}

// outTransport is the transport on which a request is about to leave.
func (e *element) outTransport(o outgoing) sip.Transport {
	if o.flow != nil {
		return o.flow.transport
	}
	t, err := sip.TargetOf(o.uri)
	if err != nil {
		return 0
	}
	return t.Transport
}

// recordRoute adds this proxy's Record-Route: one value, or two where its
// sides differ in transport, the upper one facing downstream (RFC 5658 4).
func (e *element) recordRoute(m *sip.Message, in, out sip.Transport) {
	prepend(m, "Record-Route", "<"+e.route(in)+">")
	if out != in && out != 0 {
		prepend(m, "Record-Route", "<"+e.route(out)+">")
	}
}

// route is the proxy's own URI on one side.
func (e *element) route(t sip.Transport) string {
	uri := e.uri("", t, ";lr")
	if e.lie.RecordRoute != nil {
		return e.lie.RecordRoute(uri)
	}
	return uri
}

// relay sends a response back along the request's path (RFC 3261 16.7).
func (e *element) relay(res, req *sip.Message, tx *serverTx) {
	if res.Status >= 200 {
		e.noteFinal(req, res.Status)
	}
	out := *res
	out.Headers = append([]sip.Header(nil), res.Headers...)
	popVia(&out)
	e.reply(tx, encode(&out))
}

// noteFinal notes a final status on behalf of an element that is not one of
// ours and cannot tell us what it received.
func (e *element) noteFinal(req *sip.Message, status int) {
	c := e.world.current(req)
	if c == nil || e.world.Has(req.User("From")) {
		return
	}
	to, _ := req.Get("To")
	switch {
	case req.Method == "INVITE" && sip.Tag(to) == "": // not one within the dialog
		c.Outcome.Status = status
	case req.Method == "BYE":
		c.Outcome.ByeReply = status
	}
}

// refuse answers a request itself. An ACK has no answer.
func (e *element) refuse(m *sip.Message, tx *serverTx, code int, reason string) {
	if m.Method == "ACK" {
		if e.world.current(m) != nil {
			e.world.fail(tx.callID, "the ACK ended at %s, which knows no way on for it", e.el.Name)
		}
		return
	}
	if !complete(m) {
		return
	}
	e.noteFinal(m, code)
	e.answer(tx, m, code, reason)
}

// registered stores a binding, takes it away, or tells of it, and confirms
// that (RFC 3261 10.3).
func (e *element) registered(m *sip.Message, tx *serverTx) {
	if !complete(m) {
		return
	}
	user := m.User("To")
	var add *binding
	for _, c := range Registers(m) {
		switch have := e.bindings[user]; {
		case c.Expires != "0" && add == nil: // further ones are further choices
			add = &binding{contact: c.URI, expires: c.Expires, transport: tx.sock.transport, outbound: c.outbound(), flow: tx.sock, source: tx.from}
		case c.Expires == "0" && have != nil && (c.Star || sameTarget(c.URI, have.contact)):
			delete(e.bindings, user)
		}
	}
	if add != nil {
		e.bindings[user] = add
		e.world.registered[user] = true
	}
	res := newResponse(m, 200, "OK", e.world.unique("t"))
	if b := e.bindings[user]; b != nil {
		set(res, "Contact", "<"+b.contact+">;expires="+b.expires)
	}
	e.reply(tx, encode(res))
}

// looped reports whether this proxy sent the request before: its own sent-by
// stands in a Via (RFC 5393 4.1 asks for the check where it forks; here it
// saves Max-Forwards' seventy rounds).
func (e *element) looped(m *sip.Message) bool {
	for _, v := range m.All("Via") {
		list, _ := sip.ParseVias(v)
		for _, via := range list {
			t, ok := sip.ParseTransport(strings.ToLower(via.Transport))
			if ok && via.Addr == e.addr && via.Port > 0 && e.accepts(t, uint16(via.Port)) {
				return true
			}
		}
	}
	return false
}

func firstURI(routes []string) string {
	list, err := sip.ParseNameAddrs(routes[0])
	if err != nil || len(list) == 0 {
		return routes[0]
	}
	return list[0].URI
}

func userIn(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return ""
	}
	return u.User
}
