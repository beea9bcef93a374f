package honest

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// habit is in what a user agent is odd. All of it RFC 3261 allows.
type habit struct {
	why string // where one has met it, or what it is for

	bind        string // "": its address; any: the wildcard; any6: IPv6's, for both families
	sockopts    [][2]int
	device      bool // SO_BINDTODEVICE
	backlog     int  // of listen(2); 0 is the system's
	listeners   int  // TCP sockets that share its port with SO_REUSEPORT
	acceptors   int  // goroutines that wait in accept
	acceptPause time.Duration
	reads       int  // bytes at a time; 0: as many as come
	writes      int  // bytes at a time; 0: all
	keepsDead   bool // it never closes a connection whose end it has read

	dialsAnew, dialsFromListener          bool
	udpPerRequest, connectsUDP, sharesUDP bool

	before     func(a *agent)
	givesAway  func(a *agent, l *net.TCPListener) // instead of accepting
	onAccept   func(a *agent, s *stream)
	onDial     func(a *agent, s *stream)
	afterWrite func(a *agent, s *stream, raw string)

	contact   func(a *agent, transport string) string
	spelling  func(raw, transport string) string
	registers func(a *agent, registrar, transport string)
	progress  func(a *agent, m *message, tag, contact string, back func(string))
	options   func(a *agent, m *message, back func(string))
	extra     []string      // header lines of its 200
	rings     time.Duration // before its 200
	resend    time.Duration // of its 200 at first; 0: 500 ms
	confirmed func(a *agent, c *call)
	ended     func(a *agent)
}

var habits = map[string]habit{
	// Sockets.
	"plain":                {why: "the control"},
	"wildcard":             {why: "most servers' default", bind: "any"},
	"one-socket-for-both":  {why: "a v6 socket that serves v4 too: Java, Go, node", bind: "any6"},
	"bound-to-device":      {why: "SO_BINDTODEVICE: a multi-homed gateway", device: true},
	"shares-its-port":      {why: "SO_REUSEPORT on one listener: a server that restarts without a gap", sockopts: [][2]int{{unix.SOL_SOCKET, unix.SO_REUSEPORT}}},
	"three-listeners":      {why: "SO_REUSEPORT group: one socket for each worker", listeners: 3},
	"listen-1":             {why: "the smallest queue", backlog: 1},
	"four-acceptors":       {why: "a pool of threads in accept", acceptors: 4},
	"accepts-slowly":       {why: "a busy loop of one thread", acceptPause: 30 * time.Millisecond},
	"accepts-on-data":      {why: "TCP_DEFER_ACCEPT, as web servers set it", sockopts: [][2]int{{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT}}},
	"dials-from-listener":  {why: "one port for everything: pjsip's and Kamailio's tcp_reuse_port", dialsFromListener: true, sockopts: [][2]int{{unix.SOL_SOCKET, unix.SO_REUSEADDR}, {unix.SOL_SOCKET, unix.SO_REUSEPORT}}},
	"dials-for-each":       {why: "one connection for each request: simple clients", dialsAnew: true},
	"udp-per-request":      {why: "a UDP socket for each request, rport, the listener in Via and Contact: npm sip, scripts", udpPerRequest: true},
	"connected-udp":        {why: "a connected UDP socket for each far end on its own port", connectsUDP: true},
	"udp-reuseaddr":        {why: "SO_REUSEADDR on its one UDP socket", sharesUDP: true},
	"keeps-dead-ones":      {why: "CLOSE_WAIT for ever: leaky programs", keepsDead: true},
	"reads-a-byte":         {why: "stdio without a buffer", reads: 1},
	"writes-seven-bytes":   {why: "a small buffer", writes: 7},
	"resets-on-close":      {why: "SO_LINGER 0 on what it accepts", onAccept: func(_ *agent, s *stream) { s.Conn.(*net.TCPConn).SetLinger(0) }},
	"half-closes":          {why: "says FIN after its answer to BYE and reads on", afterWrite: afterBye(func(s *stream) { s.Conn.(*net.TCPConn).CloseWrite() })},
	"closes-after-answers": {why: "as HTTP/1.0 did: one request, one connection", afterWrite: afterBye(func(s *stream) { s.Close() })},
	"closes-after-each": {why: "closes what it accepted after each final response", afterWrite: func(_ *agent, s *stream, raw string) {
		if strings.HasPrefix(raw, "SIP/2.0 200") {
			s.Close()
		}
	}},
	"pings-connections": {why: "RFC 5626 keep-alives on each connection", onDial: ping, onAccept: ping},
	"idle-connections":  {why: "opens connections to its far ends that carry nothing", onDial: func(_ *agent, s *stream) { go idle(s) }},

	// Processes.
	"a-child-accepts": {why: "privilege separation: a child has the listener and hands connections over", givesAway: childAccepts},
	"a-child-relays":  {why: "a front in a process of its own, as stunnel is", givesAway: childRelays},
	"a-child-sleeps":  {why: "a helper that has inherited the listener", givesAway: childSleeps},
	"other-listeners": {why: "a web interface, a control port", before: otherListeners},
	"daemon":          {why: "leaves its parent and its session", before: leave},

	// Messages.
	"no-transport-parameter": {why: "Contact without a parameter: it means UDP where there is one", contact: func(a *agent, transport string) string {
		if a.ports["udp"] != 0 {
			transport = "udp"
		}
		return "<" + a.uri(transport) + ">"
	}},
	"bare-contact": {why: "a Contact without brackets", contact: func(a *agent, transport string) string {
		if transport == "tcp" {
			return "<" + a.uri(transport) + ">"
		}
		return a.uri(transport)
	}},
	"maddr": {why: "a name that nothing resolves, and the address in maddr", contact: func(a *agent, transport string) string {
		uri := fmt.Sprintf("sip:%s@phone.invalid:%d;maddr=%s", a.name, a.ports[transport], a.bracketed())
		if transport == "tcp" {
			uri += ";transport=tcp"
		}
		return "<" + uri + ">"
	}},
	"decorated-contact": {why: "display name, parameters of every kind", contact: func(a *agent, transport string) string {
		return "\"A \\\"b\\\", c; d\" <" + a.uri(transport) + ";x=%3b;y>;q=0.3;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-000A95A0E128>\";methods=\"INVITE, BYE\""
	}},
	"other-letters":  {why: "header names in other letters, unknown headers", spelling: otherLetters},
	"compact-folded": {why: "RFC 3261 7.3.1, 7.3.3", spelling: compactFolded},
	"long-headers":   {why: "6 KB of headers over TCP", spelling: longHeaders},
	"many-provisionals": {why: "100, 180 without Contact, 183, 199", progress: func(a *agent, m *message, tag, contact string, back func(string)) {
		back(m.reply(100, ""))
		back(m.reply(180, tag, contact))
		back(m.reply(183, tag, contact))
		back(m.reply(199, tag+"x", contact, "Reason: SIP;cause=503"))
	}},
	"no-provisionals": {why: "a machine that picks up at once", progress: func(*agent, *message, string, string, func(string)) {}},
	"rings-a-while":   {why: "a person", rings: 400 * time.Millisecond},
	"repeats-quickly": {why: "its 200 again after 60 ms until the ACK comes", resend: 60 * time.Millisecond},
	"says-much":       {why: "Allow, Supported, Session-Expires in its 200", extra: []string{"Allow: INVITE, ACK, BYE, OPTIONS", "Supported: timer, 100rel, path, outbound", "Server: odd/1.0 (\"x\")", "X-Empty:"}},
	"options-405":     {why: "does not know OPTIONS", options: func(a *agent, m *message, back func(string)) { back(m.reply(405, a.unique(), "Allow: INVITE")) }},
	"options-late": {why: "answers OPTIONS after 300 ms", options: func(a *agent, m *message, back func(string)) {
		a.later(300*time.Millisecond, func() { back(m.reply(200, a.unique())) })
	}},
	"refreshes-dialog": {why: "re-INVITE and UPDATE as soon as the call stands", confirmed: func(a *agent, c *call) {
		a.within(c, "UPDATE")
		a.within(c, "INFO")
	}},
	"pings-in-dialog": {why: "OPTIONS inside the dialog", confirmed: func(a *agent, c *call) { a.within(c, "OPTIONS") }},

	// Registrations.
	"registers-twice": {why: "a refresh at once, same Call-ID", registers: func(a *agent, registrar, transport string) {
		id := a.unique()
		a.register(registrar, transport, registration{expires: 3600, id: id, cseq: 1, then: func() {
			a.register(registrar, transport, registration{expires: 1800, id: id, cseq: 2})
		}})
	}},
	"starts-afresh": {why: "takes all bindings away before it registers", registers: func(a *agent, registrar, transport string) {
		id := a.unique()
		a.register(registrar, transport, registration{expires: 0, contacts: []string{"*"}, id: id, cseq: 1, then: func() {
			a.register(registrar, transport, registration{expires: 3600, id: id, cseq: 2})
		}})
	}},
	"two-bindings": {why: "a Contact for each transport", registers: func(a *agent, registrar, transport string) {
		r := registration{expires: 3600}
		for _, t := range []string{transport, "udp", "tcp"} {
			if a.ports[t] != 0 && (t != transport || r.contacts == nil) {
				r.contacts = append(r.contacts, a.me(t))
			}
		}
		a.register(registrar, transport, r)
	}},
	"expires-parameter": {why: "Expires: 0 and the time in the Contact's own parameter", registers: func(a *agent, registrar, transport string) {
		a.register(registrar, transport, registration{expires: 0, contacts: []string{a.me(transport) + ";expires=3600"}})
	}},
	"goes-and-comes": {why: "registers, unregisters, registers", registers: func(a *agent, registrar, transport string) {
		id := a.unique()
		a.register(registrar, transport, registration{expires: 3600, id: id, cseq: 1, then: func() {
			a.register(registrar, transport, registration{expires: 0, id: id, cseq: 2, then: func() {
				a.register(registrar, transport, registration{expires: 3600, id: id, cseq: 3})
			}})
		}})
	}},
}

// afterBye does something with a connection once an answer to BYE went down it.
func afterBye(do func(*stream)) func(*agent, *stream, string) {
	return func(_ *agent, s *stream, raw string) {
		if strings.HasPrefix(raw, "SIP/2.0 200") && strings.Contains(raw, " BYE\r\n") {
			do(s)
		}
	}
}

func ping(_ *agent, s *stream) { _, _ = s.Write([]byte("\r\n\r\n")) }

func idle(s *stream) {
	for range 2 {
		if c, err := net.Dial("tcp", s.RemoteAddr().String()); err == nil {
			time.AfterFunc(200*time.Millisecond, func() { c.Close() })
		}
	}
}

func otherListeners(a *agent) {
	for range 3 {
		if l, err := net.Listen("tcp", net.JoinHostPort(a.host, "0")); err == nil {
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					c.Close()
				}
			}()
		}
	}
}

func otherLetters(raw, _ string) string {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		b := bytes.ToUpper([]byte(name))
		for k := 1; k < len(b); k += 2 {
			b[k] |= 0x20
		}
		lines[i+1] = string(b) + "  :   " + strings.TrimSpace(value) + " "
	}
	return strings.Join(append(lines, "X-Odd: \"\\\"\"; <>", "Subject:"), "\r\n") + "\r\n\r\n" + body
}

func compactFolded(raw, _ string) string {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	for i, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		for short, long := range longNames {
			if strings.EqualFold(name, long) {
				name = short
			}
		}
		lines[i+1] = name + ":\r\n  " + value
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

func longHeaders(raw, transport string) string {
	if transport == "udp" {
		return raw
	}
	first, rest, _ := strings.Cut(raw, "\r\n")
	return first + "\r\n" + strings.Repeat("X-Long: "+strings.Repeat("y", 600)+"\r\n", 10) + rest
}
