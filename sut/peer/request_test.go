package peer

import (
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/sip"
)

// A URI goes out as it was written, but for what a Request-URI does not have.
func TestRequestURI(t *testing.T) {
	for uri, want := range map[string]string{
		"sip:bob@10.77.0.1:5072;transport=tcp": "",
		"sip:bob@10.77.0.1:0":                  "",
		"SIP:%62ob@[fd77::1]:05060;Lr;x=%41":   "",
		"sip:bob@box;ob":                       "",
		"sip:bob@box;ob?a=b":                   "sip:bob@box;ob",
		"sip:box?Subject=hello":                "sip:box",
		"sip:who?@box?a=b":                     "sip:who?@box",
	} {
		if want == "" {
			want = uri
		}
		raw := newRequest("BYE", uri, "SIP/2.0/TCP box", "<sip:a@box>;tag=1", "<sip:b@box>;tag=2", "x", 2).bytes()
		if line, _, _ := strings.Cut(string(raw), "\r\n"); line != "BYE "+want+" SIP/2.0" {
			t.Errorf("%s: %s", uri, line)
		}
	}
}

func TestRequest(t *testing.T) {
	raw := newRequest("INVITE", "sip:bob@box", "SIP/2.0/TCP box;branch=z9hG4bK1", "<sip:a@box>;tag=1", "<sip:bob@box>", "x@box", 7).
		header("Contact", "<sip:a@box:5081;transport=tcp>").header("Route", "<sip:p;lr>").body("v=0\r\n").bytes()
	want := strings.ReplaceAll(`INVITE sip:bob@box SIP/2.0
Via: SIP/2.0/TCP box;branch=z9hG4bK1
Max-Forwards: 70
From: <sip:a@box>;tag=1
To: <sip:bob@box>
Call-ID: x@box
CSeq: 7 INVITE
Contact: <sip:a@box:5081;transport=tcp>
Route: <sip:p;lr>
Content-Type: application/sdp
Content-Length: 5

v=0
`, "\n", "\r\n")
	if string(raw) != want {
		t.Errorf("got\n%s\nwant\n%s", raw, want)
	}
	if m, err := sip.ParseMessage(raw); err != nil || m.Method != "INVITE" || string(m.Body) != "v=0\r\n" {
		t.Errorf("%+v, %v", m, err)
	}
}
