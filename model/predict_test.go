package model

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func parsed(t testing.TB, text string) scenario.Scenario {
	t.Helper()
	sc, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// topologies of the tests below; %s are options of the proxy and steps.
const twoTransports = `net   lan 4
host  box lan
host  hut lan
proxy p   box tcp:5060 udp:5060 deliver=%s
ua    bob hut tcp:5072 via=p sut
ua    ann box %s via=p

%s
`

func TestPredict(t *testing.T) {
	for _, c := range []struct {
		name, proxy, ann, steps string
		want                    string // who dialled whom after each step
		err                     string
	}{
		{"the founding case", "flow", "tcp:5081", "register bob\ncall ann bob", "bob>p | bob>p ann>p ann>bob", ""},
		{"the Contact is dialled", "contact", "tcp:5081", "register bob\ncall ann bob", "bob>p | bob>p ann>p p>bob ann>bob", ""},
		{"the proxy stays in the path", "contact record-route", "tcp:5081", "call ann bob", "ann>p p>bob", ""},
		{"flow and record-route: the ACK dials", "flow record-route", "tcp:5081", "register bob\ncall ann bob", "bob>p | bob>p ann>p p>bob", ""},
		{"a second call rides", "contact", "tcp:5081", "call ann bob\ncall ann bob", "ann>p p>bob ann>bob | ann>p p>bob ann>bob", ""},
		{"and back: an accepted connection is no listener's", "contact", "tcp:5081", "call ann bob\ncall bob ann",
			"ann>p p>bob ann>bob | ann>p p>bob ann>bob bob>p p>ann bob>ann", ""},
		{"callee hangs up", "contact", "tcp:5081", "call ann bob hangup=callee", "ann>p p>bob ann>bob bob>ann", ""},
		{"a lost flow: the Contact is dialled", "flow", "tcp:5081", "register bob\ndisconnect bob p\ncall ann bob",
			"bob>p |  | ann>p p>bob ann>bob", ""},
		{"nothing to disconnect", "flow", "tcp:5081", "disconnect bob p\ncall ann bob", "", "no connection to destroy"},
		{"who starts again has no connection, and is dialled", "flow", "tcp:5081", "register bob\nrestart bob\nregister bob\ncall ann bob",
			"bob>p |  | bob>p | bob>p ann>p ann>bob", ""},
		{"a registration from before a restart", "flow", "tcp:5081", "register bob\nrestart bob\ncall ann bob", "", "from before it was started again"},
		{"a proxy that starts again knows nobody", "flow", "tcp:5081", "register bob\nrestart p\ncall ann bob", "bob>p |  | ann>p p>bob ann>bob", ""},
		{"who was killed answers nobody", "contact", "tcp:5081", "kill hut\ncall ann bob", "", "bob was killed"},
		{"and does again", "contact", "tcp:5081", "call ann bob\nkill hut\nrestart bob\ncall ann bob",
			"ann>p p>bob ann>bob | ann>p | ann>p | ann>p p>bob ann>bob", ""},
		{"who stands still answers nobody", "contact", "tcp:5081", "freeze hut\ncall ann bob", "", "bob stands still"},
		{"nor notices anything", "contact", "tcp:5081", "call ann bob\nfreeze hut\ndisconnect bob ann", "", "bob stands still"},
		{"nor starts", "contact", "tcp:5081", "kill hut\nfreeze hut\nrestart bob", "", "its host stands still"},
		{"and goes on", "contact", "tcp:5081", "freeze hut\nthaw hut\ncall ann bob", " |  | ann>p p>bob ann>bob", ""},
		{"down a flow that was cut nothing comes", "flow", "tcp:5081", "register bob\nsilence bob p\ncall ann bob", "", "is lost"},
		{"nor down one that is reset", "flow", "tcp:5081", "register bob\nreset bob p\ncall ann bob", "", "is lost"},
		{"nor by over=flow", "contact", "tcp:5081", "register ann\ncall bob ann\nsilence ann p\ncall ann bob over=flow", "", "is lost"},
		{"nor if another connection is cut", "contact", "tcp:5081", "call bob ann\nsilence bob p\ncall ann bob\ncall bob ann over=flow", "", "is lost"},
		{"another flow is not cut", "contact", "tcp:5081", "register bob\nsilence bob p\ncall ann bob", "bob>p | bob>p | bob>p ann>p p>bob ann>bob", ""},
		{"between UDP ports nothing comes", "contact", "udp:5081", "silence ann p\ncall ann bob", "", "what goes between them is dropped"},
		{"nobody tells of an end through a cut", "flow", "tcp:5081", "register bob\nsilence bob p\nrestart bob", "", "is lost"},
		{"nothing to cut", "flow", "tcp:5081", "silence bob ann", "", "have nothing between them"},
		{"a connection whose address is gone carries nothing", "contact", "tcp:5081", "call ann bob\nlink hut lan down\nlink hut lan up\ncall ann bob",
			"ann>p p>bob ann>bob | ann>p p>bob ann>bob | ann>p p>bob ann>bob | ann>p p>bob ann>bob", ""},
		{"a connection whose way is gone carries nothing", "contact", "tcp:5081", "call ann bob\nlink hut lan down\ncall ann bob", "", "is lost"},
		{"who accepts has no full queue", "contact", "tcp:5081", "fill bob", "", "does not stand still"},
		{"a full queue is taken in", "contact", "tcp:5081", "freeze hut\nfill bob\nthaw hut\ncall ann bob\nrestart bob", " |  |  | ann>p p>bob ann>bob | ann>p", ""},
		{"UDP leaves no trace", "contact record-route", "udp:5081", "call ann bob", "p>bob", ""},
		{"without a TCP port she dials for the ACK", "contact", "udp:5081", "call ann bob", "p>bob ann>bob", ""},
		{"she has no TCP for the ACK", "contact", "udp:5081 lacks=tcp", "call ann bob", "", "ann has no tcp"},
		{"who is judged is asked for nothing but his listeners", "contact", "udp:5081", "call bob ann", "", "bob has no udp"},
		{"nobody dialled her", "contact", "tcp:5081", "call ann bob tcp over=flow", "", "has dialled no connection"},
		{"over a flow", "contact", "tcp:5081", "register ann\ncall bob ann\ncall ann bob over=flow",
			"ann>p | ann>p bob>p p>ann bob>ann | ann>p bob>p p>ann bob>ann p>bob ann>bob", ""},
	} {
		sc := parsed(t, fmt.Sprintf(twoTransports, c.proxy, c.ann, c.steps))
		p, err := Predict(&sc)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: error %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := dialled(p); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func dialled(p Prediction) string {
	var steps []string
	for _, conns := range p.After {
		var list []string
		for _, c := range conns {
			list = append(list, c.Dialler+">"+c.Acceptor)
		}
		steps = append(steps, strings.Join(list, " "))
	}
	return strings.Join(steps, " | ")
}

// observed is what a run shows that goes as predicted: other port numbers, and
// inodes.
func observed(predicted linux.Snapshot) linux.Snapshot {
	s := linux.Snapshot{Hosts: append([]linux.HostSockets(nil), predicted.Hosts...)}
	number := func(a netip.AddrPort) netip.AddrPort {
		if a.Port() < 61000 { // not one that the kernel picks
			return a
		}
		return netip.AddrPortFrom(a.Addr(), a.Port()-20000)
	}
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.Sockets = append([]linux.Socket(nil), h.Sockets...)
		for j := range h.Sockets {
			x := &h.Sockets[j]
			x.Local, x.Remote, x.Inode = number(x.Local), number(x.Remote), uint64(j+1)
		}
	}
	return s
}

// TestSocketsAgree: what is predicted agrees with itself, and not with one
// socket more, one less, or one that is somebody else's.
func TestSocketsAgree(t *testing.T) {
	sc := parsed(t, texts.Founding)
	p, err := Predict(&sc)
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{"p": true, "bob": true, "ann": true}
	judge := func(change func(h *linux.HostSockets)) []Verdict {
		snap := observed(p.Sockets[1])
		change(&snap.Hosts[0])
		o := Observation{Snapshots: []linux.Snapshot{observed(p.Sockets[0]), snap}, After: []int{0, 1}, Own: own}
		return judgeSockets(&sc, &o)
	}
	if got := judge(func(*linux.HostSockets) {}); len(got) != 2 || got[0].Class != Accepting || got[1].Class != Accepting {
		t.Fatalf("the prediction does not agree with itself: %+v", got)
	}
	for name, change := range map[string]func(h *linux.HostSockets){
		"one less":         func(h *linux.HostSockets) { h.Sockets = h.Sockets[1:] },
		"one more":         func(h *linux.HostSockets) { h.Sockets = append(h.Sockets, h.Sockets[len(h.Sockets)-1]) },
		"another's":        func(h *linux.HostSockets) { h.Sockets[0].Owner = "ann" },
		"another state":    func(h *linux.HostSockets) { h.Sockets[len(h.Sockets)-1].State = linux.StateCloseWait },
		"not the listener": func(h *linux.HostSockets) { h.Sockets[0].Local = netip.MustParseAddrPort("10.77.0.1:5999") },
		"another far end":  func(h *linux.HostSockets) { h.Sockets[3].Remote = netip.MustParseAddrPort("10.77.0.1:5081") },
		"nobody's listener": func(h *linux.HostSockets) {
			h.Sockets = append(h.Sockets, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen})
		},
	} {
		got := judge(change)
		if len(got) != 2 || got[1].Class != SocketsDiffer || got[1].Severity != Finding || got[1].Detail == "" ||
			strings.Count(got[1].Detail, "\n")+1 != len(got[1].Missing)+len(got[1].Extra) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestPlanCall(t *testing.T) {
	for _, c := range []struct{ ann, steps, uri, route string }{
		{"tcp:5081", "call ann bob", "sip:bob@10.77.0.2:5072;transport=tcp", "sip:10.77.0.1:5060;transport=tcp;lr"},
		{"tcp:5081", "register bob\ncall ann bob", "sip:bob@10.77.0.1:5060;transport=tcp", "sip:10.77.0.1:5060;transport=tcp;lr"},
		{"udp:5081", "register bob\ncall ann bob", "sip:bob@10.77.0.1:5060", "sip:10.77.0.1:5060;lr"},
	} {
		sc := parsed(t, fmt.Sprintf(twoTransports, "contact", c.ann, c.steps))
		plan, err := sc.PlanCall(len(sc.Steps) - 1)
		if err != nil || plan.RequestURI != c.uri || plan.Route != c.route || plan.NextHop != "p" {
			t.Errorf("%s: %+v, %v; want %s by way of %s", c.steps, plan, err, c.uri, c.route)
		}
	}
}

func TestDirect(t *testing.T) {
	sc := parsed(t, texts.Founding)
	twin, ok := Direct(&sc)
	want := "net  lan 4\nhost box lan\nua   bob box tcp:5072 sut\nua   ann box tcp:5081\n\ncall ann bob tcp\n"
	if got := scenario.Format(twin); !ok || got != want {
		t.Errorf("%v\n%s\nwant\n%s", ok, got, want)
	}
	// What befalls who is there befalls him in the twin too.
	sc = parsed(t, fmt.Sprintf(twoTransports, "contact", "tcp:5081",
		"call ann bob\ndisconnect ann p\nrestart p\nrestart bob\nregister bob\nassign hut lan.2\nfreeze hut\nthaw hut\ndisconnect p bob\ncall ann bob"))
	twin, ok = Direct(&sc)
	want = "call    ann bob tcp\nrestart bob\nassign  hut lan.2\nfreeze  hut\nthaw    hut\ncall    ann bob tcp\n"
	if _, got, _ := strings.Cut(scenario.Format(twin), "\n\n"); !ok || got != want {
		t.Errorf("%v\n%s\nwant\n%s", ok, got, want)
	}
	for name, text := range map[string]string{
		"it is direct":                "net lan 4\nhost box lan\nua bob box tcp:5072 sut\nua ann box tcp:5081\n\ncall ann bob tcp\n",
		"they share no transport":     fmt.Sprintf(twoTransports, "contact record-route", "udp:5081", "call ann bob"),
		"the proxy is what is judged": strings.NewReplacer("deliver=flow", "deliver=flow sut", " via=p sut", " via=p").Replace(texts.Founding),
	} {
		sc := parsed(t, text)
		if twin, ok := Direct(&sc); ok {
			t.Errorf("%s: there is no twin, yet:\n%s", name, scenario.Format(twin))
		}
	}
}

func TestCompare(t *testing.T) {
	sc := parsed(t, texts.Founding)
	good := Outcome{Step: 1, Status: 200, Acked: true, ByeReply: 200}
	bad := Outcome{Step: 1, Status: 200}
	obs := func(c Outcome) *Observation { return &Observation{Outcomes: []Outcome{c}} }
	for _, c := range []struct {
		name      string
		a, b      Outcome
		explained bool
		want      string
	}{
		{"the same", good, good, false, "Accepting "},
		{"the same failure", bad, bad, false, "Accepting "},
		{"only the direct call works", bad, good, false, "Unexplained Unexplained"},
		{"only the proxied call works", good, bad, false, "Unexplained Unexplained"},
		{"an address explains it", bad, good, true, ""},
	} {
		got := ""
		for _, v := range Compare(&sc, obs(c.a), obs(c.b), c.explained) {
			got += string(v.Class) + " " + string(v.Severity)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for i := range sc.Elements { // a call that goes to nobody's proxy says nothing about proxies
		sc.Elements[i].Via = ""
	}
	sc.Steps = []scenario.Step{scenario.Call{From: "bob", To: "ann"}, scenario.Call{From: "ann", To: "bob"}}
	if got := Compare(&sc, obs(bad), obs(good), false); len(got) != 0 {
		t.Errorf("a direct call: %v", got)
	}
}

func TestInDialog(t *testing.T) {
	const target = "sip:bob@10.77.0.1:5072"
	for _, c := range []struct {
		set                  []string
		uri, route, next, is string
	}{
		{nil, target, "", target, "no route set"},
		{[]string{"<sip:p1;lr>", "<sip:p2;lr>"}, target, "<sip:p1;lr> <sip:p2;lr>", "sip:p1;lr", "loose"},
		{[]string{"<sip:p1>", "<sip:p2;lr>"}, "sip:p1", "<sip:p2;lr> <" + target + ">", "sip:p1", "strict"},
	} {
		uri, route, next := sip.InDialog(c.set, target)
		if uri != c.uri || strings.Join(route, " ") != c.route || next != c.next {
			t.Errorf("%s: %s, %q, %s", c.is, uri, route, next)
		}
	}
}

func TestPickFlow(t *testing.T) {
	ap := netip.MustParseAddrPort
	flows := []sip.Flow{
		{Transport: sip.TCP, Local: ap("10.0.0.1:5060"), Remote: ap("10.0.0.2:40000")}, // accepted
		{Transport: sip.TCP, Local: ap("10.0.0.1:40001"), Remote: ap("10.0.0.2:5060")}, // dialled
		{Transport: sip.UDP, Local: ap("10.0.0.1:5060"), Remote: ap("10.0.0.2:5070")},
	}
	for _, c := range []struct {
		t    sip.Target
		want int
	}{
		{sip.Target{Transport: sip.TCP, Addr: ap("10.0.0.2:5060")}, 1},
		{sip.Target{Transport: sip.TCP, Addr: ap("10.0.0.2:40000")}, 0},
		{sip.Target{Transport: sip.TCP, Addr: ap("10.0.0.2:5062")}, -1},
		{sip.Target{Transport: sip.TCP, Addr: ap("10.0.0.3:5060")}, -1},
		{sip.Target{Transport: sip.UDP, Addr: ap("10.0.0.2:5070")}, -1}, // UDP has no connections
	} {
		if got := sip.PickFlow(flows, c.t); got != c.want {
			t.Errorf("%v: %d, want %d", c.t, got, c.want)
		}
	}
}

const overRouter = `net    near 4
net    far  4
router r    near far
host   box  near
host   hut  far
route  box  default via=r
route  hut  default via=r
route  hut  near    via=r metric=5
ua     bob  hut tcp:5072 sut
ua     ann  box tcp:5081

%s
call   ann bob
`

// TestPredictInTheLargerWorld: honest elements can play a call where packets
// go there and come back, and only there.
func TestPredictInTheLargerWorld(t *testing.T) {
	for steps, playable := range map[string]bool{
		"call ann bob":                   true,
		"withdraw hut near":              true, // the default route is left
		"withdraw hut default":           true,
		"withdraw box default":           false,
		"link r far down":                false,
		"link r far down\nlink r far up": true,
		"forwarding r off":               false,
		"renumber hut far far.2":         false, // bob hands out the address that he had
	} {
		sc := parsed(t, fmt.Sprintf(overRouter, steps))
		p, err := Predict(&sc)
		if (err == nil) != playable {
			t.Errorf("%q: %v, playable is %v", steps, err, playable)
		}
		if err == nil && dialled(Prediction{After: p.After[len(p.After)-1:]}) != "ann>bob" {
			t.Errorf("%q: %s", steps, dialled(p))
		}
	}
}
