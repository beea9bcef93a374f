package peer

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/sip"
)

func message(t testing.TB, lines ...string) *sip.Message {
	t.Helper()
	m, err := sip.ParseMessage([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return &m
}

func TestStampVia(t *testing.T) {
	from := netip.MustParseAddrPort("10.77.0.3:40123")
	for _, c := range []struct{ via, stamped, reply string }{
		{"SIP/2.0/UDP 10.77.0.3:5060;branch=z9hG4bK1", "SIP/2.0/UDP 10.77.0.3:5060;branch=z9hG4bK1", "10.77.0.3:5060"},
		{"SIP/2.0/UDP 10.77.0.3;branch=z9hG4bK1", "SIP/2.0/UDP 10.77.0.3;branch=z9hG4bK1", "10.77.0.3:5060"},
		{"SIP/2.0/UDP 10.77.0.3:5060;rport;branch=z9hG4bK1",
			"SIP/2.0/UDP 10.77.0.3:5060;rport=40123;branch=z9hG4bK1;received=10.77.0.3", "10.77.0.3:40123"},
		{"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport",
			"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;rport=40123;received=10.77.0.3", "10.77.0.3:40123"},
		{"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1", "SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;received=10.77.0.3", "10.77.0.3:5070"},
		// White space, and any case (RFC 3261 7.3.1).
		{"SIP / 2.0 / UDP 10.77.0.3 : 5060 ; branch = z9hG4bK1; RPORT ",
			"SIP / 2.0 / UDP 10.77.0.3 : 5060 ; branch = z9hG4bK1;rport=40123;received=10.77.0.3", "10.77.0.3:40123"},
		// Over TCP the source port is a connection's: a response that cannot
		// use it goes to the sent-by port (RFC 3261 18.2.2).
		{"SIP/2.0/TCP 10.77.0.3:5070;rport;branch=z9hG4bK1",
			"SIP/2.0/TCP 10.77.0.3:5070;rport=40123;branch=z9hG4bK1;received=10.77.0.3", "10.77.0.3:5070"},
		{"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK0",
			"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK1;received=10.77.0.3, SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK0", "10.77.0.3:5070"},
	} {
		m := message(t, "OPTIONS sip:p SIP/2.0", "Via: "+c.via)
		reply, _ := stampVia(m, from)
		if got, _ := m.Get("Via"); got != c.stamped || reply.String() != c.reply {
			t.Errorf("%s:\n got %s, reply to %s\nwant %s, reply to %s", c.via, got, reply, c.stamped, c.reply)
		}
	}
}

func TestPopVia(t *testing.T) {
	m := message(t, "SIP/2.0 200 OK", "Via: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2", "Via: SIP/2.0/UDP c;branch=z9hG4bK3")
	var got []string
	for {
		branch, ok := topBranch(m)
		if !ok {
			break
		}
		got = append(got, branch)
		popVia(m)
	}
	if want := "z9hG4bK1 z9hG4bK2 z9hG4bK3"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// TestFailureACK: Request-URI, top Via, Route and CSeq number of the INVITE,
// the To of the response (RFC 3261 17.1.1.3).
func TestFailureACK(t *testing.T) {
	invite := encode(message(t, "INVITE sip:bob@10.77.0.1 SIP/2.0", "Via: SIP/2.0/UDP p;branch=z9hG4bK2", "Via: SIP/2.0/UDP a;branch=z9hG4bK1",
		"From: <sip:ann@a>;tag=1", "To: <sip:bob@a>", "Call-ID: x", "CSeq: 7 INVITE", "Max-Forwards: 70", "Contact: <sip:ann@a>", "Route: <sip:q;lr>"))
	res := message(t, "SIP/2.0 404 Not Found", "To: <sip:bob@a>;tag=9")
	got := string(failureACK(invite, res))
	want := strings.Join([]string{"ACK sip:bob@10.77.0.1 SIP/2.0", "Via: SIP/2.0/UDP p;branch=z9hG4bK2", "From: <sip:ann@a>;tag=1",
		"To: <sip:bob@a>;tag=9", "Call-ID: x", "CSeq: 7 ACK", "Max-Forwards: 70", "Route: <sip:q;lr>", "Content-Length: 0", "", ""}, "\r\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestMalformedContactIsNoLostMessage: the dialog is read without it.
func TestMalformedContactIsNoLostMessage(t *testing.T) {
	m := message(t, "INVITE sip:bob@10.77.0.1 SIP/2.0", "Via: SIP/2.0/UDP a;branch=z9hG4bK1", "From: <sip:ann@a>;tag=1",
		"To: <sip:bob@a>", "Call-ID: x", "CSeq: 7 INVITE", "Contact: <sip:ann@[::1", "Record-Route: <<>>")
	if !complete(m) {
		t.Fatal("it cannot be answered")
	}
	if got := contactURI(m); got != "<sip:ann@[::1" {
		t.Errorf("the Contact is %q, want it raw", got)
	}
}
