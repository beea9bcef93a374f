package sip

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/table"
)

const ok200 = "SIP/2.0 200 OK\r\n" +
	"v: SIP/2.0/TCP 10.77.0.1:5060;branch=z9hG4bK1\r\n" +
	"Via : SIP/2.0/TCP 10.77.0.2:5081;branch=z9hG4bK2,\r\n" +
	"  SIP/2.0/UDP 10.77.0.3;branch=z9hG4bK3\r\n" +
	"m: <sip:bob@10.77.0.1:40001;transport=tcp>\r\n" +
	"CALL-id:x\r\n" +
	"subject:\r\n" +
	"cseq: 17 INVITE\r\n" +
	"l: 4\r\n" +
	"\r\n" +
	"v=0\n"

func TestParseMessage(t *testing.T) {
	m, err := ParseMessage([]byte(ok200))
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		Status: 200, Reason: "OK",
		Headers: []Header{
			{"Via", "SIP/2.0/TCP 10.77.0.1:5060;branch=z9hG4bK1"},
			{"Via", "SIP/2.0/TCP 10.77.0.2:5081;branch=z9hG4bK2, SIP/2.0/UDP 10.77.0.3;branch=z9hG4bK3"},
			{"Contact", "<sip:bob@10.77.0.1:40001;transport=tcp>"},
			{"Call-ID", "x"},
			{"Subject", ""},
			{"CSeq", "17 INVITE"},
			{"Content-Length", "4"},
		},
		Body: []byte("v=0\n"),
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	if n, method, ok := m.CSeq(); n != 17 || method != "INVITE" || !ok {
		t.Errorf("CSeq: %d %s %v", n, method, ok)
	}
	if c, ok := m.Get("m"); c != "<sip:bob@10.77.0.1:40001;transport=tcp>" || !ok {
		t.Errorf("Contact: %q %v", c, ok)
	}
	if vias := m.All("VIA"); len(vias) != 2 {
		t.Errorf("Via: %q", vias)
	}
	if v, ok := m.Get("Route"); v != "" || ok {
		t.Errorf("Route: %q %v", v, ok)
	}
}

func TestParseRequest(t *testing.T) {
	raw := []byte("\r\n\r\nINVITE sip:ann@10.77.0.1;transport=tcp sip/2.0\r\nContact: <sip:bob@fd77::1:5060>\r\n\r\nrest")
	m, err := ParseMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := Message{
		Request: true, Method: "INVITE", RequestURI: "sip:ann@10.77.0.1;transport=tcp",
		Headers: []Header{{"Contact", "<sip:bob@fd77::1:5060>"}}, // bad, and not lost
		Body:    []byte("rest"),
	}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	raw[len(raw)-1] = 'X'
	if string(m.Body) != "rest" {
		t.Error("the body is the caller's buffer")
	}
}

// TestMessageErrors: testdata/message.txtar, one line a case, says what is
// wrong with messages.
func TestMessageErrors(t *testing.T) {
	table.Run(t, "message.txtar", func(file, in string) string {
		_, err := ParseMessage([]byte(in))
		if bad := file == "malformed"; bad != (err != nil) {
			t.Errorf("%q: it is listed as %s, and the error is %v", in, file, err)
		}
		if err != nil {
			table.OneLine(t, err)
			return briefError(err)
		}
		return "fine"
	})
}

func TestCSeqErrors(t *testing.T) {
	for _, v := range []string{"", "INVITE", "17", "17INVITE", "x INVITE", "2147483648 INVITE", "-1 INVITE", "1 INVITE x", "1 ", "99999999999999999999 BYE"} {
		m := Message{Headers: []Header{{"CSeq", v}}}
		if n, method, ok := m.CSeq(); ok {
			t.Errorf("%q: %d %s", v, n, method)
		}
	}
	m := Message{Headers: []Header{{"CSeq", "2147483647 \t ACK"}}}
	if n, method, ok := m.CSeq(); n != 1<<31-1 || method != "ACK" || !ok {
		t.Errorf("the largest: %d %s %v", n, method, ok)
	}
	if _, _, ok := new(Message).CSeq(); ok {
		t.Error("none is there")
	}
}

func TestCanonicalHeader(t *testing.T) {
	for in, want := range map[string]string{
		"i": "Call-ID", "M": "Contact", "x": "Session-Expires", "call-ID": "Call-ID", "CSEQ": "CSeq",
		"record-route": "Record-Route", "WWW-authenticate": "WWW-Authenticate", "p-asserted-identity": "P-Asserted-Identity",
		"": "", "q": "Q", "-": "-", "x-y2": "X-Y2",
	} {
		if got := CanonicalHeader(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if got := CanonicalHeader(CanonicalHeader(in)); got != want {
			t.Errorf("%q twice: %q, want %q", in, got, want)
		}
	}
}

// TestFrameLength delivers a stream byte by byte: a message is there with its
// last byte and not before.
func TestFrameLength(t *testing.T) {
	bye := "BYE sip:ann@10.77.0.1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"
	stream := []byte("\r\n\r\n" + ok200 + "\r\n" + bye)
	ends := map[int][2]int{4 + len(ok200): {4, len(ok200)}}
	for n := 0; n <= 4+len(ok200); n++ {
		skip, length, err := FrameLength(stream[:n])
		want := ends[n]
		if want == [2]int{} {
			want[0] = min(n, 4) &^ 1
		}
		if err != nil || skip != want[0] || length != want[1] {
			t.Fatalf("%d bytes: %d, %d, %v, want %v", n, skip, length, err, want)
		}
	}
	second := stream[4+len(ok200):]
	if skip, n, err := FrameLength(second); skip != 2 || n != len(bye) || err != nil {
		t.Errorf("the second message: %d, %d, %v", skip, n, err)
	}
}

func TestFrameLengthErrors(t *testing.T) {
	long := strings.Repeat("x", MaxHead)
	head := "BYE sip:h SIP/2.0\r\n"
	for name, in := range map[string]string{
		"no length":         head + "Call-ID: x\r\n\r\n",
		"length no number":  head + "l: 4x\r\n\r\nabcd",
		"length negative":   head + "l: -4\r\n\r\nabcd",
		"length too large":  head + "l: 1048577\r\n\r\n",
		"lengths disagree":  head + "l: 4\r\nContent-Length: 5\r\n\r\nabcde",
		"endless headers":   head + "x: " + long,
		"headers too long":  head + "x: " + long + "\r\n\r\n",
		"not SIP":           "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"a header is noise": head + "noise\r\nl: 0\r\n\r\n",
	} {
		skip, n, err := FrameLength([]byte("\r\n" + in))
		if err == nil || skip != 2 || n != 0 {
			t.Errorf("%s: %d, %d, %v", name, skip, n, err)
			continue
		}
		table.OneLine(t, err)
	}
	agree := head + "l: 4\r\nContent-Length: 4\r\n\r\nabcd"
	if _, n, err := FrameLength([]byte(agree)); n != len(agree) || err != nil {
		t.Errorf("lengths that agree: %d, %v", n, err)
	}
}

// TestLongestHead: MaxHead is a bound on the header section with its empty
// line, for datagrams and for streams alike.
func TestLongestHead(t *testing.T) {
	for over, wantErr := range map[int]bool{0: false, 1: true} {
		head := "BYE sip:h SIP/2.0\r\nl: 0\r\nx: "
		raw := []byte(head + strings.Repeat("x", MaxHead-len(head)-4+over) + "\r\n\r\n")
		_, err := ParseMessage(raw)
		_, n, frameErr := FrameLength(raw)
		if (err != nil) != wantErr || (frameErr != nil) != wantErr || (n != 0) == wantErr {
			t.Errorf("%d bytes above the bound: %v; %d, %v", over, err, n, frameErr)
		}
	}
}

// FuzzMessage: whatever the bytes, both readers end; a message that was read
// reads the same from its canonical spelling; and what FrameLength cuts from a
// stream is what ParseMessage takes for one message.
func FuzzMessage(f *testing.F) {
	f.Add([]byte(ok200))
	for _, s := range table.Inputs(f, "message.txtar") {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := messageFault(raw); err != nil {
			t.Error(err)
		}
	})
}

func messageFault(raw []byte) error {
	m, err := ParseMessage(raw)
	skip, n, frameErr := FrameLength(raw)
	if n > 0 {
		cut, cutErr := ParseMessage(raw[skip : skip+n])
		if frameErr != nil || err != nil || cutErr != nil || !reflect.DeepEqual(m, cut) {
			return fmt.Errorf("%q: frame of %d (%v) reads as %+v (%v), all of it as %+v (%v)", raw, n, frameErr, cut, cutErr, m, err)
		}
	}
	if err != nil {
		return nil
	}
	again, err := ParseMessage([]byte(spell(m)))
	if err != nil || !reflect.DeepEqual(m, again) {
		return fmt.Errorf("%+v is spelt %q, which reads as %+v (%v)", m, spell(m), again, err)
	}
	return nil
}

// spell writes a message in its canonical spelling.
func spell(m Message) string {
	s := fmt.Sprintf("SIP/2.0 %d %s\r\n", m.Status, m.Reason)
	if m.Request {
		s = fmt.Sprintf("%s %s SIP/2.0\r\n", m.Method, m.RequestURI)
	}
	for _, h := range m.Headers {
		s += h.Name + ": " + h.Value + "\r\n"
	}
	return s + "\r\n" + string(m.Body)
}

// TestFoldingIsLinear: what a flood of folded lines costs is bounded by its
// length, not by its square (a quadratic join of these would copy 700 MB).
func TestFoldingIsLinear(t *testing.T) {
	raw := []byte("BYE sip:h SIP/2.0\r\nx: y" + strings.Repeat("\r\n z", 16000) + "\r\n\r\n")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := ParseMessage(raw)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; err != nil || used > 64*uint64(len(raw)) {
		t.Errorf("%d bytes for a message of %d (%v)", used, len(raw), err)
	}
}

func TestUserAndTag(t *testing.T) {
	for _, c := range []struct{ to, user, tag string }{
		{"<sip:bob@10.77.0.1>", "bob", ""},
		{`"Bob, B." <sip:bob@10.77.0.1:5060;transport=tcp>;x=y;tag=a1`, "bob", "a1"},
		{"sip:10.77.0.1;tag=b", "", "b"},
		{"<sip:a@10.77.0.1>, <sip:b@10.77.0.1>;tag=c", "", ""},
		{"<sip:a@10.77.0.1", "", ""},
		{"", "", ""},
	} {
		m := Message{Headers: []Header{{"To", c.to}}}
		if got := m.User("To"); got != c.user || Tag(c.to) != c.tag || m.Tagged() != (c.tag != "") {
			t.Errorf("%q: user %q, tag %q", c.to, got, Tag(c.to))
		}
	}
}
