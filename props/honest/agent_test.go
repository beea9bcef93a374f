package honest

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// agent is a user agent that does what RFC 3261 asks for and is odd in what it
// leaves open. Everything happens in one goroutine; others only hand it work.
type agent struct {
	habit
	name, host string
	ports      map[string]int // by transport

	work    chan func()
	packets net.PacketConn // its UDP socket
	dialled map[netip.AddrPort]*stream
	calls   map[string]*call                        // by Call-ID
	pending map[string]func(status int, m *message) // by branch
	heard   map[string]bool                         // branches of which an answer came
	peers   map[netip.AddrPort]net.Conn
	count   int
}

// start is what makes identifiers differ from one run to the next.
var start = time.Now().UnixNano()

// play is the program: its arguments are NAME HOST UDP-PORT TCP-PORT, and its
// standard input says what to do.
func play(how string, args []string) {
	a := &agent{habit: habits[how], name: args[0], host: args[1], ports: map[string]int{},
		work: make(chan func()), dialled: map[netip.AddrPort]*stream{}, calls: map[string]*call{},
		pending: map[string]func(int, *message){}, heard: map[string]bool{}, peers: map[netip.AddrPort]net.Conn{}}
	for i, transport := range []string{"udp", "tcp"} {
		if port, _ := strconv.Atoi(args[2+i]); port != 0 {
			a.ports[transport] = port
		}
	}
	if a.before != nil {
		a.before(a)
	}
	if a.ports["tcp"] != 0 {
		a.listenTCP()
	}
	if a.ports["udp"] != 0 {
		a.listenUDP()
	}
	go func() {
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			words := strings.Fields(in.Text())
			a.work <- func() { a.told(words) }
		}
		os.Exit(0)
	}()
	for do := range a.work {
		do()
	}
}

// later does something after a time, in its turn.
func (a *agent) later(d time.Duration, do func()) {
	time.AfterFunc(d, func() { a.work <- do })
}

func (a *agent) unique() string {
	a.count++
	return fmt.Sprintf("%s.%x.%d", a.name, start, a.count)
}

func (a *agent) told(words []string) {
	switch words[0] {
	case "register":
		if a.registers != nil {
			a.registers(a, words[2], words[1])
			return
		}
		a.register(words[2], words[1], registration{expires: 3600})
	case "call":
		a.call(words[2], words[len(words)-1], words[1])
	case "hangup":
		for _, c := range a.calls {
			if !c.over {
				c.over = true
				a.within(c, "BYE")
			}
		}
	}
}

// own is its address and port for a transport, as a URI or a Via has it.
func (a *agent) own(transport string) string {
	return net.JoinHostPort(a.host, strconv.Itoa(a.ports[transport]))
}

func (a *agent) bracketed() string {
	if strings.Contains(a.host, ":") {
		return "[" + a.host + "]"
	}
	return a.host
}

// me is its Contact for a transport.
func (a *agent) me(transport string) string {
	if a.contact != nil {
		return a.contact(a, transport)
	}
	return "<" + a.uri(transport) + ">"
}

func (a *agent) uri(transport string) string {
	uri := "sip:" + a.name + "@" + a.own(transport)
	if transport == "tcp" {
		uri += ";transport=tcp"
	}
	return uri
}

type registration struct {
	expires  int
	contacts []string // nil: its own
	id       string   // Call-ID
	cseq     int
	then     func()
}

func (a *agent) register(registrar, transport string, r registration) {
	h, err := hopOf(registrar)
	if err != nil {
		return
	}
	aor := fmt.Sprintf("<sip:%s@%s>", a.name, h.addr.Addr())
	if h.addr.Addr().Is6() {
		aor = fmt.Sprintf("<sip:%s@[%s]>", a.name, h.addr.Addr())
	}
	if r.id == "" {
		r.id, r.cseq = a.unique(), 1
	}
	if r.contacts == nil {
		r.contacts = []string{a.me(transport)}
	}
	lines := []string{"From: " + aor + ";tag=" + a.unique(), "To: " + aor, "Call-ID: " + r.id, fmt.Sprintf("CSeq: %d REGISTER", r.cseq)}
	for _, c := range r.contacts {
		lines = append(lines, "Contact: "+c)
	}
	lines = append(lines, fmt.Sprintf("Expires: %d", r.expires))
	a.request("REGISTER", registrar, h, lines, func(status int, _ *message) {
		if status/100 == 2 && r.then != nil {
			r.then()
		}
	})
}

// request sends a request that begins a transaction, over the transport of its
// next hop, and returns its Via.
func (a *agent) request(method, uri string, h hop, lines []string, answered func(int, *message)) string {
	branch := "z9hG4bK" + a.unique()
	send, sentBy := a.path(h)
	via := fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(h.transport), sentBy, branch)
	text := whole(append([]string{method + " " + uri + " SIP/2.0", via, "Max-Forwards: 70"}, lines...))
	if answered != nil {
		a.pending[branch] = answered
	}
	send(text)
	if h.transport == "udp" && method != "ACK" {
		a.retransmit(send, text, branch, 500*time.Millisecond)
	}
	return via
}

func whole(lines []string) string {
	return strings.Join(lines, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
}

// retransmit sends a request again over UDP until an answer comes (RFC 3261
// 17.1.1.2, 17.1.2.2).
func (a *agent) retransmit(send func(string), text, branch string, next time.Duration) {
	a.later(next, func() {
		if !a.heard[branch] && next < 32*time.Second {
			send(text)
			a.retransmit(send, text, branch, 2*next)
		}
	})
}
