package props

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// manners is in what a fake user agent differs from an honest one. Some of it
// an honest one may do, too.
type manners struct {
	instead     func(u *fakeUA, m *sip.Message, back way)          // of whatever it answers
	contact     func(u *fakeUA, message, honest string) string     // its Contact's value
	registersAs func(u *fakeUA, t sip.Transport) []string          // the Contacts of its REGISTERs, one after the other
	meanwhile   func(u *fakeUA, d *fakeDialog, t sip.Transport)    // when the ACK of a call arrives
	rewrite     func(raw string, t sip.Transport) string           // everything that it sends
	answer      func(u *fakeUA, m *sip.Message, res string) string // its 2xx to INVITE
	expires     string                                             // of its REGISTERs
	invite, bye int                                                // status of its answers
	slow        time.Duration                                      // before its 200
	slowOnlyBehindProxy,
	otherPort, slams, dribbles, dialsAnew, forks bool
	trustsConfig     bool // on a wildcard it hands out the address that it was told of
	copies           int
	closesAfter      bool          // a connection on which it has answered
	socketPerRequest bool          // over UDP
	ignoresOnDialled bool          // requests that come on a connection that it dialled
	trusts           bool          // a connection until its reader has noticed its end
	lag              time.Duration // before it reads
	backlog          int           // of its TCP listener, 0 for Go's
	accepts          time.Duration // between one connection and the next
	endsAtReset      bool          // it takes a reset connection for its listener's end
	dies             string        // when this method arrives
	diesAt           int           // when so many INVITEs have come
	hangs            string        // when this method arrives: it reads nothing any more
	full             bool          // its listener's queue is full, and nobody accepts
	device           bool          // its sockets are bound to the interface of its address
	drops            bool          // a filter of its own keeps everybody off its listener
}

// emit sends a message as often, and in such a spelling, as its manners say.
func (u *fakeUA) emit(to way, raw string, t sip.Transport) {
	if u.rewrite != nil {
		raw = u.rewrite(raw, t)
	}
	for range max(u.copies, 1) {
		to(raw)
	}
}

// request answers a request.
func (u *fakeUA) request(m *sip.Message, back way, t sip.Transport) {
	if m.Method == "INVITE" {
		u.invites++
	}
	if u.hangs != "" && m.Method == u.hangs {
		// Its own thread takes the signal before it goes on, and stops all others.
		_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
		select {}
	}
	if m.Method == u.dies || u.diesAt != 0 && u.invites == u.diesAt {
		fmt.Fprintln(os.Stderr, "assertion failed")
		os.Exit(134)
	}
	id, _ := m.Get("Call-ID")
	d := u.dialogs[id]
	switch m.Method {
	case "INVITE":
		if d == nil {
			u.invited(m, back, t)
		}
	case "ACK":
		if d != nil && !d.acked {
			d.acked = true
			if u.meanwhile != nil {
				u.meanwhile(u, d, t)
			}
		}
	case "BYE":
		status := 200
		if d == nil || d.over {
			status = 481
		}
		if u.bye != 0 {
			status = u.bye
		}
		if d != nil {
			d.over = true
		}
		back(reply(m, status, "", noBody))
	case "OPTIONS":
		back(reply(m, 200, "", noBody))
	default:
		back(reply(m, 405, "", noBody))
	}
}

// reply builds a response (RFC 3261 8.2.6.2); rest is what follows the headers
// that are copied.
func reply(m *sip.Message, status int, tag, rest string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d Because\r\n", status)
	for _, name := range []string{"Via", "Record-Route", "From", "To", "Call-ID", "CSeq"} {
		for _, v := range m.All(name) {
			if name == "To" && tag != "" {
				v += ";tag=" + tag
			}
			fmt.Fprintf(&b, "%s: %s\r\n", name, v)
		}
	}
	return b.String() + rest
}

func (u *fakeUA) invited(m *sip.Message, back way, t sip.Transport) {
	if u.invite != 0 {
		back(reply(m, u.invite, u.unique(), noBody))
		return
	}
	from, _ := m.Get("From")
	to, _ := m.Get("To")
	id, _ := m.Get("Call-ID")
	d := &fakeDialog{id: id, remote: from, target: firstURIOf(m, "Contact"), routes: m.All("Record-Route"), transport: t}
	tag := u.unique()
	d.local = to + ";tag=" + tag
	u.dialogs[id] = d
	ringing := func(status int, tag string) {
		contact := u.contactFor(fmt.Sprintf("%d INVITE", status), t)
		back(reply(m, status, tag, "Contact: "+contact+"\r\n"+noBody))
	}
	ringing(180, tag)
	if u.forks {
		ringing(183, tag+"x")
		ringing(180, tag+"y")
	}
	ok := reply(m, 200, tag, "Contact: "+u.contactFor("200 INVITE", t)+"\r\n"+noBody)
	if u.answer != nil {
		ok = u.answer(u, m, ok)
	}
	if u.slow > 0 && (!u.slowOnlyBehindProxy || len(m.All("Via")) > 1) {
		time.AfterFunc(u.slow, func() { u.again(d, back, ok, 500*time.Millisecond) })
		return
	}
	back(ok)
	time.AfterFunc(500*time.Millisecond, func() { u.again(d, back, ok, time.Second) })
}

// again sends a 200 until its ACK comes (RFC 3261 13.3.1.4).
func (u *fakeUA) again(d *fakeDialog, back way, ok string, next time.Duration) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if d.acked || d.over || next > 30*time.Second {
		return
	}
	back(ok)
	time.AfterFunc(next, func() { u.again(d, back, ok, 2*next) })
}

// mannersOf holds every fake by its name.
var mannersOf = map[string]manners{
	// What an honest one may do.
	"plain":           {},
	"trusts-config":   {trustsConfig: true},
	"sends-ten-times": {copies: 10},
	"other-port":      {otherPort: true},
	"dribbles":        {dribbles: true},
	"dials-anew":      {dialsAnew: true},
	"forks":           {forks: true},
	"compact":         {rewrite: compact},
	"odd-spelling": {contact: func(u *fakeUA, _, uri string) string {
		return "\"B,\\\"o;b\" <" + strings.NewReplacer("sip:", "SIP:", "transport=tcp", "Transport=TCP").Replace(uri) +
			";ob;gr=urn:uuid:1>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.5"
	}},
	"replaces-its-binding": {registersAs: func(u *fakeUA, t sip.Transport) []string {
		return []string{fmt.Sprintf("<sip:%s@%s:1>;expires=0, %s", u.name, u.host, u.contactFor("REGISTER", t))}
	}},
	"asks-for-its-bindings": {registersAs: func(u *fakeUA, t sip.Transport) []string {
		return []string{"", u.contactFor("REGISTER", t), ""}
	}},
	"talks-meanwhile":   {meanwhile: talk},
	"slow":              {slow: 100 * time.Millisecond},
	"slow-behind-proxy": {slow: 2500 * time.Millisecond, slowOnlyBehindProxy: true},

	// What none may.
	"deaf":    {instead: func(*fakeUA, *sip.Message, way) {}},
	"garbage": {instead: func(_ *fakeUA, _ *sip.Message, back way) { back("\x00\xff\x1b[31mSIP/2.0 200\r\n\r\n: :\r\n\r\n") }},
	"truncates": {answer: func(_ *fakeUA, m *sip.Message, ok string) string {
		return strings.Replace(ok, "Content-Length: 0", "Content-Length: 5000", 1)
	}},
	"negative-length": {answer: func(_ *fakeUA, m *sip.Message, ok string) string {
		return strings.Replace(ok, "Content-Length: 0", "Content-Length: -1", 1)
	}},
	"no-tag": {answer: func(_ *fakeUA, m *sip.Message, ok string) string {
		to, _ := m.Get("To")
		i := strings.Index(ok, "\r\nTo: ")
		j := i + 2 + strings.Index(ok[i+2:], "\r\n")
		return ok[:i] + "\r\nTo: " + to + ok[j:]
	}},
	"other-call-id": {answer: func(u *fakeUA, m *sip.Message, ok string) string {
		id, _ := m.Get("Call-ID")
		return strings.Replace(ok, "Call-ID: "+id, "Call-ID: "+u.unique(), 1)
	}},
	"no-contact": {answer: func(_ *fakeUA, m *sip.Message, ok string) string {
		i := strings.Index(ok, "Contact: ")
		return ok[:i] + noBody
	}},
	"floods":           {instead: flood},
	"slams":            {slams: true, instead: func(*fakeUA, *sip.Message, way) {}},
	"dies":             {dies: "INVITE"},
	"dies-at-third":    {diesAt: 3},
	"hangs":            {hangs: "ACK"},
	"full-queue":       {full: true},
	"filtered":         {drops: true},
	"device":           {device: true},
	"device-lies":      {device: true, contact: deadContact},
	"dies-in-the-call": {dies: "ACK"},
	"busy":             {invite: 486},
	"forgets":          {bye: 481},
	"expires-at-once":  {expires: "0"},
	"long-contact": {contact: func(_ *fakeUA, message, uri string) string {
		if message == "200 INVITE" {
			uri += ";x=" + strings.Repeat("y", 60<<10)
		}
		return "<" + uri + ">"
	}},
	"long-dead-contact": {contact: func(u *fakeUA, message, uri string) string {
		if message == "200 INVITE" {
			uri = fmt.Sprintf("sip:%s@%s:1;transport=tcp;x=%s", u.name, u.host, strings.Repeat("y", 20<<10))
		}
		return "<" + uri + ">"
	}},
	"control-characters": {contact: func(_ *fakeUA, message, uri string) string {
		if message == "200 INVITE" {
			uri += ";x=\x00\x1b[31m\x1b]0;owned\x07\u202e\xff\x9b"
		}
		return "<" + uri + ">"
	}},
}

// compact writes a message as RFC 3261 7.3 and 7.3.3 allow: short names, other
// letters, folded lines, blanks before the colon; and over UDP without a
// Content-Length, which only streams need (18.3, 20.14).
func compact(raw string, t sip.Transport) string {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	short := map[string]string{"Via": "v", "From": "f", "To": "T", "Call-ID": "i", "Contact": "m", "Content-Length": "l", "CSeq": "cSEQ", "Route": "ROUTE"}
	lines := strings.Split(head, "\r\n")
	out := lines[:1]
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		if name == "Content-Length" && t == sip.UDP {
			continue
		}
		if s := short[name]; s != "" {
			name = s
		}
		out = append(out, name+" \t:\r\n \t"+strings.ReplaceAll(value, ";branch=", "\r\n ; branch = "))
	}
	return strings.Join(out, "\r\n") + "\r\n\r\n" + body
}

// talk is what else passes in a call: a session refresh, an INFO, a keep-alive,
// a REGISTER of the same binding.
func talk(u *fakeUA, d *fakeDialog, t sip.Transport) {
	for _, method := range []string{"INVITE", "INFO", "OPTIONS", "UPDATE"} {
		u.inDialog(d, method)
	}
}

// flood sends requests and responses without end.
func flood(u *fakeUA, m *sip.Message, back way) {
	go func() {
		for i := 0; ; i++ {
			back(fmt.Sprintf("OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:1;branch=z9hG4bKf%d;rport\r\nFrom: <sip:%s@x>;tag=1\r\nTo: <sip:x@x>\r\nCall-ID: f%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
				u.host, u.host, i, u.name, i))
			back(reply(m, 183, fmt.Sprint(i), fmt.Sprintf("Contact: <sip:%s@%s:%d>\r\n%s", u.name, u.host, 1+i%60000, noBody)))
		}
	}()
}
