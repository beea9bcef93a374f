package peer

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

// stage builds a lab and a world from a scenario's text.
func stage(t testing.TB, text string, hooks Hooks, lies map[string]Lie) (*netns.Lab, *World) {
	t.Helper()
	netns.Require(t)
	sc, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	lab, err := netns.New(&sc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	w, err := New(lab, &sc, nil, lies, hooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return lab, w
}

// play plays all steps and returns the calls' outcomes.
func play(t testing.TB, w *World) (out []model.Outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for i, st := range w.sc.Steps {
		var done func() bool
		switch st := st.(type) {
		case scenario.Register:
			status := 0
			if err := w.Register(i, func(code int) { status = code }); err != nil {
				t.Fatal(err)
			}
			done = func() bool { return status == 200 }
		case scenario.Call:
			c := w.Begin(i, st)
			if err := w.Invite(i); err != nil {
				t.Fatal(err)
			}
			done = c.Over
		}
		if ok, err := w.Run(ctx, done); !ok || err != nil {
			t.Fatalf("step %d did not end: %v", i+1, err)
		}
		if w.call != nil {
			out = append(out, w.call.Outcome)
		}
		w.End()
	}
	return out
}

func completed(t testing.TB, outcomes []model.Outcome) {
	t.Helper()
	for _, o := range outcomes {
		if !o.Completed() {
			t.Errorf("call in step %d: %s", o.Step+1, o)
		}
	}
}

const throughProxy = `net   lan %d
host  box lan
host  hut lan
proxy p   box udp:5060 tcp:5060 deliver=contact record-route
ua    bob hut tcp:5072 via=p sut
ua    ann box udp:5081 via=p

register bob
call     ann bob
call     ann bob hangup=callee
call     bob ann
`

// TestProxyRecordsBothSides: where its sides differ in transport the upper
// Record-Route faces the callee, the lower one the caller (RFC 5658 4), and
// each names a port on which the proxy listens.
func TestProxyRecordsBothSides(t *testing.T) {
	for _, family := range []int{4, 6} {
		var routes []string
		_, w := stage(t, fmt.Sprintf(throughProxy, family), Hooks{Received: func(e string, _ model.Leg, m *sip.Message) {
			if e == "bob" && m.Method == "INVITE" && routes == nil {
				routes = m.All("Record-Route")
			}
		}}, nil)
		completed(t, play(t, w))
		host := map[int]string{4: "10.77.0.1", 6: "[fd77::1]"}[family]
		want := fmt.Sprintf("<sip:%s:5060;transport=tcp;lr> <sip:%s:5060;lr>", host, host)
		if got := strings.Join(routes, " "); got != want {
			t.Errorf("IPv%d: got %s, want %s", family, got, want)
		}
	}
}

// TestNothingHappensWhileAHookLooks: the element that received a message has
// not acted on it yet.
func TestNothingHappensWhileAHookLooks(t *testing.T) {
	var lab *netns.Lab
	var seen []int
	l, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{Received: func(e string, _ model.Leg, m *sip.Message) {
		if e != "p" || m.Method != "INVITE" {
			return
		}
		snap, err := lab.Snapshot()
		if err != nil {
			t.Error(err)
		}
		n := 0
		for _, s := range snap.Host("box").Sockets {
			if s.Owner == "p" && s.State == linux.StateEstablished && snap.Host("box").RoleOf(&s) == linux.RoleDialled {
				n++
			}
		}
		seen = append(seen, n)
	}}, nil)
	lab = l
	completed(t, play(t, w))
	if len(seen) == 0 || seen[0] != 0 {
		t.Errorf("when p received the first INVITE it had dialled %v connections, want 0", seen)
	}
}

// send writes raw bytes to a listener from a socket of the test's own.
func send(t testing.TB, lab *netns.Lab, typ int, to string, raw []byte) (fd int) {
	t.Helper()
	fd, err := lab.Host("box").Socket(unix.AF_INET, typ, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, sockaddr(netip.MustParseAddrPort(to), false)); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	if err := await(fd, unix.POLLOUT, time.Second); err != nil {
		t.Fatal(err)
	}
	unix.Write(fd, raw)
	return fd
}

// TestGarbageDisturbsNobody: whatever is sent to it, a peer goes on.
func TestGarbageDisturbsNobody(t *testing.T) {
	lab, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{}, nil)
	via := "Via: SIP/2.0/TCP 10.77.0.1:9;branch=z9hG4bKx\r\n"
	for _, raw := range []string{"\r\n\r\n", "x", "GET / HTTP/1.1\r\n\r\n", strings.Repeat("A", 70000),
		"INVITE sip:bob@10.77.0.2 SIP/2.0\r\nContent-Length: 0\r\n\r\n",
		"INVITE sip:bob@10.77.0.2 SIP/2.0\r\n" + via + "Content-Length: 0\r\n\r\n",
		"BYE sip:bob@10.77.0.2 SIP/2.0\r\n" + via + "From: <sip:x@y>;tag=1\r\nTo: <sip:bob@y>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n",
		"ACK sip:bob@10.77.0.2 SIP/2.0\r\n" + via + "From: <sip:x@y>;tag=1\r\nTo: <sip:bob@y>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
		"SIP/2.0 200 OK\r\n" + via + "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
		"REGISTER sip:p SIP/2.0\r\n" + via + "Content-Length: 0\r\n\r\n",
		"INVITE sip:bob@10.77.0.2 SIP/2.0\r\nContent-Length: -1\r\n\r\n", "\x00\xff\xfe"} {
		send(t, lab, unix.SOCK_STREAM, "10.77.0.1:5060", []byte(raw))
		send(t, lab, unix.SOCK_STREAM, "10.77.0.2:5072", []byte(raw))
		send(t, lab, unix.SOCK_DGRAM, "10.77.0.1:5060", []byte(raw[:min(len(raw), 60000)]))
	}
	if err := w.Drain(); err != nil {
		t.Fatal(err)
	}
	completed(t, play(t, w))
}

// TestFloodIsCutOff: a stream that never becomes a message loses its
// connection, not our memory.
func TestFloodIsCutOff(t *testing.T) {
	lab, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{}, nil)
	fd := send(t, lab, unix.SOCK_STREAM, "10.77.0.1:5060", []byte("INVITE sip:p SIP/2.0\r\nX: "))
	flood := bytes.Repeat([]byte("y"), 16<<10)
	for range 64 {
		if _, err := unix.SendmsgN(fd, flood, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT); err != nil {
			break
		}
		if err := w.Drain(); err != nil {
			t.Fatal(err)
		}
		if len(w.Flows("p")) == 0 {
			return
		}
	}
	t.Errorf("p still holds %d connections", len(w.Flows("p")))
}

// TestLoopEnds: a registered Contact that names the proxy itself comes back
// once, and no seventy times.
func TestLoopEnds(t *testing.T) {
	n := 0
	lies := map[string]Lie{"bob": {Contact: func(c ContactFor) string { return "<sip:bob@10.77.0.1:5060;transport=tcp>" }}}
	_, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{Received: func(e string, _ model.Leg, m *sip.Message) {
		if e == "p" && m.Request && m.Method == "INVITE" {
			n++
		}
	}}, lies)
	got := play(t, w)
	if len(got) == 0 || got[0].Status != 482 || n > 2*len(got) {
		t.Errorf("%v after %d INVITEs at p, want 482 after 2 each", got, n)
	}
}

// TestSelfSentRequestFindsNoDialog: what comes back to its sender is not the
// other side's.
func TestSelfSentRequestFindsNoDialog(t *testing.T) {
	lies := map[string]Lie{"bob": {Contact: func(c ContactFor) string { return "<sip:bob@10.77.0.1:5081>" }}}
	_, w := stage(t, "net lan 4\nhost box lan\nua bob box udp:5072 sut\nua ann box udp:5081\ncall ann bob\n", Hooks{}, lies)
	got := play(t, w)
	if len(got) != 1 || got[0].Acked || !strings.Contains(got[0].Failure, "the ACK arrived at ann, who sent it") {
		t.Errorf("%v, want the ACK to come back to ann", got)
	}
}

// TestRegistrarForgets: a REGISTER that expires at once takes the binding away,
// and is not what a step waits for.
func TestRegistrarForgets(t *testing.T) {
	lab, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{}, nil)
	completed(t, play(t, w))
	if w.elements["p"].bindings["bob"] == nil || !w.Registered("bob") {
		t.Fatal("bob is not registered")
	}
	w.Forget("bob")
	was := *w.elements["p"].bindings["bob"]
	for i, c := range []struct {
		contacts string
		left     string // of the binding's Contact
		added    bool
	}{
		{"Contact: <sip:bob@10.77.0.2:5072;transport=TCP>;expires=0", "", false},
		{"Contact: *\r\nExpires: 0", "", false},
		{"Contact: <sip:bob@10.77.0.2:5072;transport=tcp>\r\nExpires: 0", "", false},
		{"Contact: <sip:bob@10.77.0.2:9;transport=tcp>;expires=0", was.contact, false}, // another one
		{"User-Agent: it only asks", was.contact, false},                               // RFC 3261 10.2.3
		{"m: <sip:bob@10.77.0.2:9>;expires=0, <sip:bob@10.77.0.2:8>", "sip:bob@10.77.0.2:8", true},
		{"m: <" + was.contact + ">;expires=0\r\nm: <sip:bob@10.77.0.2:8>\r\nExpires: 0\r\nX: y", "", false},
	} {
		b := was
		w.elements["p"].bindings["bob"] = &b
		w.Forget("bob")
		send(t, lab, unix.SOCK_DGRAM, "10.77.0.1:5060", []byte("REGISTER sip:10.77.0.1 SIP/2.0\r\n"+
			fmt.Sprintf("Via: SIP/2.0/UDP 10.77.0.1:9;branch=z9hG4bKx%d\r\n", i)+
			"From: <sip:bob@y>;tag=1\r\nTo: <sip:bob@y>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n"+c.contacts+"\r\n\r\n"))
		if err := w.Drain(); err != nil {
			t.Fatal(err)
		}
		left := ""
		if b := w.elements["p"].bindings["bob"]; b != nil {
			left = b.contact
		}
		if left != c.left || w.Registered("bob") != c.added {
			t.Errorf("%q: the binding is %q, registered %v", c.contacts, left, w.Registered("bob"))
		}
	}
}

const wildcards = `net   lan %d
host  box lan
host  hut lan
proxy p   box udp:5060 tcp:5060 bind=%s deliver=contact record-route
ua    bob hut tcp:5072 udp:5072 bind=%s via=p sut
ua    ann box udp:5081 tcp:5081 bind=%s via=p

register bob udp
call     ann bob
call     ann bob tcp hangup=callee
call     bob ann udp
`

// TestWildcards: an element that listens on a wildcard hands out its own
// address and answers from it.
func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		family int
		bind   string
	}{{4, "0.0.0.0"}, {4, "::"}, {6, "::"}, {6, "v6only"}} {
		legs := map[netip.AddrPort]bool{}
		_, w := stage(t, fmt.Sprintf(wildcards, c.family, c.bind, c.bind, c.bind), Hooks{Received: func(_ string, l model.Leg, _ *sip.Message) {
			legs[l.Local] = true
			if l.Local.Addr().IsUnspecified() || l.Remote.Addr().IsUnspecified() || l.Local.Addr().Is4In6() {
				t.Errorf("a message came from %s to %s", l.Remote, l.Local)
			}
		}}, nil)
		completed(t, play(t, w))
		if bob := netip.AddrPortFrom(w.sc.ElementAddr("bob"), 5072); !legs[bob] {
			t.Errorf("IPv%d %s: nothing arrived at %s: %v", c.family, c.bind, bob, legs)
		}
	}
}
