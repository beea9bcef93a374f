package honest

import (
	"fmt"
	"strings"
	"time"
)

// call is a dialog.
type call struct {
	id, local, remote, target string
	routes                    []string // URIs, the next first
	cseq                      int
	acked, over               bool
}

// call begins one (RFC 3261 8.1, 13.2.1).
func (a *agent) call(to, next, transport string) {
	h, err := hopOf(next)
	if err != nil {
		return
	}
	bare, _, _ := strings.Cut(to, ";")
	c := &call{id: a.unique(), cseq: 1, remote: "<" + bare + ">",
		local: fmt.Sprintf("<sip:%s@%s>;tag=%s", a.name, a.bracketed(), a.unique())}
	lines := []string{"From: " + c.local, "To: " + c.remote, "Call-ID: " + c.id, "CSeq: 1 INVITE", "Contact: " + a.me(h.transport)}
	if next != to {
		lines = append(lines, "Route: <"+next+">")
	}
	var via string
	via = a.request("INVITE", to, h, lines, func(status int, m *message) {
		if status >= 300 { // RFC 3261 17.1.1.3
			send, _ := a.path(h)
			send(whole([]string{"ACK " + to + " SIP/2.0", via, "Max-Forwards: 70", lines[0], "To: " + m.get("to"), lines[2], "CSeq: 1 ACK"}))
		}
		if status/100 != 2 {
			return
		}
		c.remote, c.target, c.routes = m.get("to"), uriOf(m.get("contact")), nil
		for _, r := range m.addresses("record-route") {
			c.routes = append([]string{uriOf(r)}, c.routes...)
		}
		a.calls[c.id] = c
		a.within(c, "ACK")
		if !c.acked && a.confirmed != nil {
			a.confirmed(a, c)
		}
		c.acked = true
	})
}

// within sends a request inside a dialog (RFC 3261 12.2.1.1).
func (a *agent) within(c *call, method string, more ...string) {
	if method != "ACK" {
		c.cseq++
	}
	uri, routes, next := c.target, c.routes, c.target
	if len(routes) > 0 {
		if next = routes[0]; !loose(next) {
			uri, routes = next, append(append([]string{}, routes[1:]...), c.target)
		}
	}
	h, err := hopOf(next)
	if err != nil {
		return
	}
	cseq := c.cseq
	if method == "ACK" {
		cseq = 1
	}
	lines := []string{"From: " + c.local, "To: " + c.remote, "Call-ID: " + c.id, fmt.Sprintf("CSeq: %d %s", cseq, method)}
	for _, r := range routes {
		lines = append(lines, "Route: <"+r+">")
	}
	if method == "INVITE" || method == "UPDATE" {
		lines = append(lines, "Contact: "+a.me(h.transport))
	}
	answered := func(int, *message) {}
	if method == "ACK" {
		answered = nil
	}
	a.request(method, uri, h, append(lines, more...), answered)
}

// message takes what came in; back sends to where it came from.
func (a *agent) message(text, transport string, back func(string)) {
	m, err := parseMessage(text)
	if err != nil {
		return
	}
	if m.method == "" {
		a.response(m)
		return
	}
	c := a.calls[m.get("call-id")]
	switch m.method {
	case "INVITE":
		if c == nil {
			a.invited(m, transport, back)
		}
	case "ACK":
		if c != nil && !c.acked {
			c.acked = true
			if a.confirmed != nil {
				a.confirmed(a, c)
			}
		}
	case "BYE":
		status := 200
		if c == nil {
			status = 481
		} else {
			c.over = true
		}
		back(m.reply(status, ""))
		if a.ended != nil {
			a.ended(a)
		}
	case "OPTIONS":
		if a.options == nil {
			back(m.reply(200, a.unique()))
		} else {
			a.options(a, m, back)
		}
	default:
		back(m.reply(405, a.unique(), "Allow: INVITE, ACK, BYE, OPTIONS"))
	}
}

func (a *agent) response(m *message) {
	via := m.addresses("via")
	if len(via) == 0 {
		return
	}
	_, branch, _ := strings.Cut(strings.ReplaceAll(via[0], " ", ""), ";branch=")
	branch, _, _ = strings.Cut(branch, ";")
	a.heard[branch] = true
	f := a.pending[branch]
	if f == nil {
		return
	}
	if m.status >= 200 && !strings.HasSuffix(m.get("cseq"), "INVITE") {
		delete(a.pending, branch)
	}
	f(m.status, m)
}

// invited answers a call (RFC 3261 13.3.1).
func (a *agent) invited(m *message, transport string, back func(string)) {
	c := &call{id: m.get("call-id"), remote: m.get("from"), target: uriOf(m.get("contact"))}
	tag := a.unique()
	c.local = m.get("to") + ";tag=" + tag
	for _, r := range m.addresses("record-route") {
		c.routes = append(c.routes, uriOf(r))
	}
	a.calls[c.id] = c
	contact := "Contact: " + a.me(transport)
	if a.progress != nil {
		a.progress(a, m, tag, contact, back)
	} else {
		back(m.reply(180, tag, contact))
	}
	ok := m.reply(200, tag, append([]string{contact}, a.extra...)...)
	first := 500 * time.Millisecond
	if a.resend > 0 {
		first = a.resend
	}
	if a.rings > 0 {
		a.later(a.rings, func() { a.answer(c, ok, back, first) })
		return
	}
	a.answer(c, ok, back, first)
}

// answer sends a 200 until its ACK comes (RFC 3261 13.3.1.4).
func (a *agent) answer(c *call, ok string, back func(string), next time.Duration) {
	if c.acked || c.over {
		return
	}
	back(ok)
	if next < 32*time.Second {
		a.later(next, func() { a.answer(c, ok, back, 2*next) })
	}
}
