package sut

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// far is the other side of a stack under test: a registrar and user agent that
// says yes to everything and remembers what it heard. The tests of this package
// need no more than that; the honest element is package peer's.
type far struct {
	t    *testing.T
	host *netns.Host
	at   netip.AddrPort
	udp  net.PacketConn
	tcp  net.Listener

	mu    sync.Mutex
	conns []net.Conn
	heard chan heard
	calls int
}

// heard is one message, with the way back to where it came from.
type heard struct {
	sip.Message
	transport sip.Transport
	from      netip.AddrPort
	reply     func(string)
}

// what names a message as findings do.
func (h heard) what() string {
	if h.Request {
		return h.Method
	}
	_, method, _ := h.CSeq()
	return fmt.Sprintf("%d %s", h.Status, method)
}

func (h heard) get(name string) string {
	v, _ := h.Get(name)
	return v
}

// newFar listens on a host's address, on UDP and TCP.
func newFar(t *testing.T, lab *netns.Lab, host string, at netip.AddrPort) *far {
	t.Helper()
	f := &far{t: t, host: lab.Host(host), at: at, heard: make(chan heard, 100)}
	err := f.host.Do(func() (err error) {
		if f.udp, err = net.ListenPacket("udp", at.String()); err == nil {
			f.tcp, err = net.Listen("tcp", at.String())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.close)
	go f.datagrams()
	go f.accept()
	return f
}

func (f *far) close() {
	f.udp.Close()
	f.tcp.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
}

func (f *far) datagrams() {
	buf := make([]byte, 65536)
	for {
		n, from, err := f.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		f.take(buf[:n], sip.UDP, from, func(s string) { f.udp.WriteTo([]byte(s), from) })
	}
}

func (f *far) accept() {
	for {
		c, err := f.tcp.Accept()
		if err != nil {
			return
		}
		go f.stream(c)
	}
}

func (f *far) stream(c net.Conn) {
	f.mu.Lock()
	f.conns = append(f.conns, c)
	f.mu.Unlock()
	var buf []byte
	chunk := make([]byte, 65536)
	for {
		n, err := c.Read(chunk)
		if err != nil {
			return
		}
		buf = append(buf, chunk[:n]...)
		for {
			skip, n, err := sip.FrameLength(buf)
			if err != nil || n == 0 {
				break
			}
			f.take(buf[:skip+n], sip.TCP, c.RemoteAddr(), func(s string) { c.Write([]byte(s)) })
			buf = buf[skip+n:]
		}
	}
}

// take answers a message and remembers it.
func (f *far) take(raw []byte, t sip.Transport, from net.Addr, reply func(string)) {
	m, err := sip.ParseMessage(raw)
	if err != nil {
		f.t.Errorf("the stack sent what is no message: %v\n%q", err, raw)
		return
	}
	h := heard{Message: m, transport: t, from: netip.MustParseAddrPort(from.String()), reply: reply}
	switch {
	case h.what() == "INVITE":
		reply(f.response(h, "180 Ringing", ""))
		reply(f.response(h, "200 OK", f.sdp()))
	case h.what() == "200 INVITE":
		reply(f.request("ACK", contactURI(h), h, t))
	case h.Request && h.Method != "ACK":
		reply(f.response(h, "200 OK", ""))
	}
	f.heard <- h
}

// expect returns the next message of that name, and fails if none comes.
func (f *far) expect(what string) heard {
	f.t.Helper()
	limit := time.After(5 * time.Second)
	var others []string
	for {
		select {
		case h := <-f.heard:
			if h.what() == what {
				return h
			}
			others = append(others, h.what())
		case <-limit:
			f.t.Fatalf("no %s came within 5 s, but %q", what, others)
		}
	}
}

// invite calls a URI, over UDP or a new connection.
func (f *far) invite(t sip.Transport, to netip.AddrPort, uri string) {
	f.t.Helper()
	send := func(s string) {
		if _, err := f.udp.WriteTo([]byte(s), net.UDPAddrFromAddrPort(to)); err != nil {
			f.t.Fatal(err)
		}
	}
	if t == sip.TCP {
		var c net.Conn
		err := f.host.Do(func() (err error) {
			c, err = net.Dial("tcp", to.String())
			return err
		})
		if err != nil {
			f.t.Fatal(err)
		}
		go f.stream(c)
		send = func(s string) { c.Write([]byte(s)) }
	}
	f.calls++
	m := sip.Message{Headers: []sip.Header{
		{Name: "To", Value: "<" + uri + ">"}, {Name: "From", Value: "<sip:far@" + f.at.String() + ">;tag=far"},
		{Name: "Call-ID", Value: fmt.Sprintf("far-%d", f.calls)}, {Name: "CSeq", Value: "1 INVITE"},
	}}
	send(f.request("INVITE", uri, heard{Message: m}, t))
}

// bye ends a call that the stack answered: on the way that the answer came.
func (f *far) bye(answer heard) {
	answer.reply(f.request("BYE", contactURI(answer), answer, answer.transport))
}

func (f *far) request(method, uri string, dialog heard, t sip.Transport) string {
	number, body := "1", ""
	if method == "BYE" {
		number = "2"
	}
	if method == "INVITE" {
		body = f.sdp()
	}
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=z9hG4bK%s%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s %s\r\nContact: <sip:far@%s;transport=%s>\r\n%s",
		method, uri, strings.ToUpper(t.String()), f.at, method, dialog.get("Call-ID"),
		dialog.get("From"), dialog.get("To"), dialog.get("Call-ID"), number, method, f.at, t, withBody(body))
}

func (f *far) response(req heard, status, body string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for _, via := range req.All("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", via)
	}
	to := req.get("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=far"
	}
	contact := fmt.Sprintf("<sip:far@%s;transport=%s>", f.at, req.transport)
	if req.Method == "REGISTER" {
		contact = req.get("Contact")
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: %s\r\n%s",
		req.get("From"), to, req.get("Call-ID"), req.get("CSeq"), contact, withBody(body))
	return b.String()
}

func withBody(body string) string {
	kind := ""
	if body != "" {
		kind = "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", kind, len(body), body)
}

func (f *far) sdp() string {
	family := "IP4"
	if f.at.Addr().Is6() {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n",
		family, f.at.Addr(), family, f.at.Addr())
}

// contactURI returns the URI of a message's Contact.
func contactURI(h heard) string {
	_, after, _ := strings.Cut(h.get("Contact"), "<")
	uri, _, _ := strings.Cut(after, ">")
	return uri
}
