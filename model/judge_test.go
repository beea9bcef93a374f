package model

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// The stage of the judge's tests: bob's and ann's sockets on two hosts, and
// p's; bob holds a connection that he dialled to p.
func stage() linux.Snapshot {
	ap := netip.MustParseAddrPort
	return linux.Snapshot{Hosts: []linux.HostSockets{
		{Host: "box", Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.1")}, Sockets: []linux.Socket{
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("10.77.0.1:5072"), Owner: "bob"},
			{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: ap("10.77.0.1:5074"), Owner: "bob"},
			{Carrier: sip.CarrierUDP, State: linux.StateEstablished, Local: ap("10.77.0.1:5076"), Remote: ap("10.77.0.2:5060"), Owner: "bob"},
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("127.0.0.1:5078"), Owner: "bob"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: ap("10.77.0.1:40001"), Remote: ap("10.77.0.2:5060"), Owner: "bob"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: ap("10.77.0.1:5072"), Remote: ap("10.77.0.2:40009"), Owner: "bob"},
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("10.77.0.1:5090"), Owner: "carl"},
		}},
		{Host: "hut", Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.2")}, Sockets: []linux.Socket{
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("10.77.0.2:5060"), Owner: "p"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: ap("10.77.0.2:5060"), Remote: ap("10.77.0.1:40001"), Owner: "p"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: ap("10.77.0.2:40009"), Remote: ap("10.77.0.1:5072"), Owner: "ann"},
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("10.77.0.2:5081"), Owner: "ann"},
		}},
	}}
}

// judged judges one use of one URI that bob gave in a 200, by ann who dials it
// from hut for her ACK, unless change says otherwise. The probe met what it
// had to, unless change says otherwise.
func judged(uri string, change func(o *Observation)) Verdict {
	o := Observation{
		Snapshots: []linux.Snapshot{stage()},
		Adverts: []Advert{{Header: "Contact", URI: uri, Message: "200 INVITE", Giver: "bob", Role: RoleCallee,
			Leg: Leg{Transport: sip.TCP}}},
		Uses: []Use{{View: Viewpoint{Element: "ann", Host: "hut", Source: netip.MustParseAddr("10.77.0.2")},
			Request: "ACK", MustDial: true}},
	}
	if change != nil {
		change(&o)
	}
	if o.Uses[0].Probe.Result == ProbeNone && o.Uses[0].Spared == "" {
		o.Uses[0].Probe = honestProbe(&o)
	}
	v, _ := judgeUse(&o, 0)
	return v
}

func honestProbe(o *Observation) Probe {
	t, err := o.Adverts[0].Target()
	if err != nil || t.Addr.Addr().IsUnspecified() {
		return Probe{}
	}
	u := o.Uses[0]
	r := linux.Lookup(&o.Snapshots[0], u.View.Host, t.Transport.Carrier(), netip.AddrPortFrom(u.View.Source, 0), t.Addr)
	p := Probe{Carrier: t.Transport.Carrier(), Target: t.Addr, Result: ProbeRefused}
	if r.Host == "" {
		p.Result = ProbeUnreachable
	}
	if r.Takes() {
		p.Result, p.Owner = ProbeAccepted, r.Socket.Owner
	}
	return p
}

func onBox(o *Observation) {
	o.Uses[0].View = Viewpoint{Element: "ann", Host: "box", Source: netip.MustParseAddr("10.77.0.1")}
}

func TestJudgeDecidesTheClass(t *testing.T) {
	overUDP := func(o *Observation) { o.Adverts[0].Leg.Transport = sip.UDP }
	for _, c := range []struct {
		name, uri string
		change    func(*Observation)
		class     Class
		severity  Severity
	}{
		{"its listener", "sip:bob@10.77.0.1:5072;transport=tcp", nil, Accepting, None},
		{"its UDP port", "sip:bob@10.77.0.1:5074", overUDP, Accepting, None},
		{"a listener of the other transport", "sip:bob@10.77.0.1:5074", nil, AcceptingOtherTransport, None},
		{"the founding case", "sip:bob@10.77.0.1:40001;transport=tcp", nil, ConnectionPort, Finding},
		{"a connection, and the URI says UDP", "sip:bob@10.77.0.1:40001", nil, ConnectionPort, Finding},
		{"a connected UDP socket", "sip:bob@10.77.0.1:5076", func(o *Observation) {
			overUDP(o)
			onBox(o)
		}, ConnectionPort, Finding},
		{"a connected UDP socket beside a TCP listener", "sip:bob@10.77.0.1:5076", func(o *Observation) {
			overUDP(o)
			onBox(o)
			box := &o.Snapshots[0].Hosts[0]
			box.Sockets = append(box.Sockets, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: box.Sockets[2].Local, Owner: "bob"})
		}, ConnectionPort, Finding},
		{"nobody", "sip:bob@10.77.0.1:9;transport=tcp", nil, Closed, Finding},
		{"somebody else's listener", "sip:bob@10.77.0.1:5090;transport=tcp", nil, WrongOwner, Finding},
		{"the viewpoint's own listener", "sip:bob@10.77.0.2:5081;transport=tcp", nil, WrongOwner, Finding},
		{"UDP where only TCP listens", "sip:bob@10.77.0.1:5072", nil, WrongTransport, Finding},
		{"a transport that nobody knows", "sip:bob@10.77.0.1:5072;transport=frog", nil, WrongTransport, Finding},
		{"no port, and not on 5060", "sip:bob@10.77.0.1;transport=tcp", nil, WrongPort, Finding},
		{"port 0", "sip:bob@10.77.0.1:0;transport=tcp", nil, WrongPort, Finding},
		{"port 0 beside maddr", "sip:bob@10.77.0.99:0;transport=tcp;maddr=10.77.0.1", nil, WrongPort, Finding},
		{"port 5060 by default, and a connection has it", "sip:bob@10.77.0.1;transport=tcp", func(o *Observation) {
			box := &o.Snapshots[0].Hosts[0]
			box.Sockets = append(box.Sockets, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Owner: "bob",
				Local: netip.MustParseAddrPort("10.77.0.1:5060"), Remote: netip.MustParseAddrPort("10.77.0.2:40011")})
		}, ConnectionPort, Finding},
		{"a family that the user has not", "sip:bob@[fd77::1]:5072;transport=tcp", nil, Unreachable, Finding},
		{"a maddr of a family that the user has not", "sip:bob@10.77.0.1:5072;transport=tcp;maddr=[fd77::1]", nil, Unreachable, Finding},
		{"link-local, and the link is not known", "sip:bob@[fe80::1]:5072;transport=tcp", nil, LinkLocalNoScope, Finding},
		{"nobody's address", "sip:bob@10.77.0.99:5072;transport=tcp", nil, Unreachable, Finding},
		{"wildcard", "sip:bob@0.0.0.0:5072;transport=tcp", nil, Unspecified, Finding},
		{"v6 wildcard", "sip:bob@[::]:5072;transport=tcp", nil, Unspecified, Finding},
		{"loopback from another host", "sip:bob@127.0.0.1:5078;transport=tcp", nil, Loopback, Finding},
		{"loopback from the same host", "sip:bob@127.0.0.1:5078;transport=tcp", onBox, Accepting, None},
		{"loopback where nobody is", "sip:bob@127.0.0.1:5072;transport=tcp", onBox, Closed, Finding},
		{"maddr takes the place of the host", "sip:bob@10.77.0.99:5072;transport=tcp;maddr=10.77.0.1", nil, Accepting, None},
		{"no brackets around IPv6", "sip:bob@fd77::1:5072", nil, Malformed, Finding},
		{"no URI", "", func(o *Observation) { o.Adverts[0].Problem = "the message has no Contact" }, Malformed, Finding},
		{"a name", "sip:bob@box.example", nil, Inconclusive, None},
		{"sips", "sips:bob@10.77.0.1:5072", nil, Inconclusive, None},
	} {
		v := judged(c.uri, c.change)
		if v.Class != c.class || v.Severity != c.severity {
			t.Errorf("%s, %s: %s %q (%s), want %s %q", c.name, c.uri, v.Class, v.Severity, v.Detail, c.class, c.severity)
		}
	}
}

// udpPort gives ann, who is on hut, a UDP socket from which she sends.
func udpPort(port uint16) func(*Observation) {
	return func(o *Observation) {
		o.Adverts[0].Leg.Transport = sip.UDP
		hut := &o.Snapshots[0].Hosts[1]
		hut.Sockets = append(hut.Sockets, linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: netip.AddrPortFrom(hut.Addrs[0], port), Owner: "ann"})
	}
}

// TestJudgeHurtsNobody: the same wrong address is latent where nobody dials it.
func TestJudgeHurtsNobody(t *testing.T) {
	const wrong = "sip:bob@10.77.0.1:40001;transport=tcp"
	byProxy := func(o *Observation) { o.Uses[0].View.Element, o.Uses[0].MustDial = "p", false }
	for _, c := range []struct {
		name, uri string
		change    func(*Observation)
		want      Severity
	}{
		{"she dials", wrong, nil, Finding},
		{"she only holds it", wrong, func(o *Observation) { o.Uses[0].Request = "" }, Latent},
		{"an unreliable 180 moves no target", wrong, func(o *Observation) { o.Adverts[0].Message = "180 INVITE" }, Latent},
		{"the proxy rides on bob's own connection", wrong, byProxy, Latent},
		{"a connection that bob accepted", "sip:bob@10.77.0.1:5072;transport=tcp", nil, None},
		{"a UDP socket that is connected to her own port", "sip:bob@10.77.0.1:5076", udpPort(5060), Latent},
		{"a UDP socket that is connected to another port of her host", "sip:bob@10.77.0.1:5076", udpPort(5062), Finding},
		{"riding on a connection to somebody else", "sip:bob@10.77.0.2:5060;transport=tcp", func(o *Observation) {
			o.Uses[0].View = Viewpoint{Element: "bob", Host: "box", Source: netip.MustParseAddr("10.77.0.1")}
			o.Adverts[0].Giver, o.Uses[0].MustDial = "ann", false
		}, Finding},
	} {
		if v := judged(c.uri, c.change); v.Severity != c.want {
			t.Errorf("%s: %s %q, want %q", c.name, v.Class, v.Severity, c.want)
		}
	}
}

// TestJudgeProvesOrLeavesIt: where look-up and probe disagree nothing is found.
func TestJudgeProvesOrLeavesIt(t *testing.T) {
	for _, c := range []struct {
		name, uri string
		probe     Probe
	}{
		{"refused though somebody listens", "sip:bob@10.77.0.1:5072;transport=tcp", Probe{Carrier: sip.CarrierTCP, Result: ProbeRefused}},
		{"accepted though nobody listens", "sip:bob@10.77.0.1:40001;transport=tcp", Probe{Carrier: sip.CarrierTCP, Result: ProbeAccepted, Owner: "bob"}},
		{"accepted by somebody else", "sip:bob@10.77.0.1:5072;transport=tcp", Probe{Carrier: sip.CarrierTCP, Result: ProbeAccepted, Owner: "carl"}},
		{"the probe failed", "sip:bob@10.77.0.1:9;transport=tcp", Probe{Carrier: sip.CarrierTCP, Result: ProbeError}},
	} {
		v := judged(c.uri, func(o *Observation) { o.Uses[0].Probe = c.probe })
		if v.Class != Inconclusive || v.Severity != None {
			t.Errorf("%s: %s %q, want Inconclusive", c.name, v.Class, v.Severity)
		}
	}
	for _, c := range []struct {
		name, uri string
		met       ProbeResult
		want      Class
	}{ // dead for reasons that differ is dead
		{"no answer where nobody listens", "sip:bob@10.77.0.1:9;transport=tcp", ProbeTimeout, Closed},
		{"port 0 cannot be tried", "sip:bob@10.77.0.1:0;transport=tcp", ProbeUnreachable, WrongPort},
		{"an answer from nobody's address", "sip:bob@10.77.0.99:9;transport=tcp", ProbeRefused, Unreachable},
	} {
		v := judged(c.uri, func(o *Observation) { o.Uses[0].Probe = Probe{Carrier: sip.CarrierTCP, Result: c.met} })
		if v.Class != c.want || v.Severity != Finding {
			t.Errorf("%s: %s %q, want %s", c.name, v.Class, v.Severity, c.want)
		}
	}
	self := judged("sip:bob@10.77.0.1:9;transport=tcp", func(o *Observation) { o.Uses[0].Probe = Probe{Carrier: sip.CarrierTCP, Result: ProbeSelf} })
	if self.Class != Closed {
		t.Errorf("connected to itself: %s, want Closed: that is no acceptance", self.Class)
	}
}

// TestJudgeWithoutProbes: where a probe was spared the sockets decide, unless
// the user's own connect met something else.
func TestJudgeWithoutProbes(t *testing.T) {
	for _, c := range []struct {
		name, uri string
		met       ProbeResult
		want      Class
	}{
		{"a listener, nobody dialled", "sip:bob@10.77.0.1:5072;transport=tcp", ProbeNone, Accepting},
		{"a listener, and the user got in", "sip:bob@10.77.0.1:5072;transport=tcp", ProbeAccepted, Accepting},
		{"a connection's port, nobody dialled", "sip:bob@10.77.0.1:40001;transport=tcp", ProbeNone, ConnectionPort},
		{"a connection's port, and the user was refused", "sip:bob@10.77.0.1:40001;transport=tcp", ProbeRefused, ConnectionPort},
		{"nobody's address, and no answer", "sip:bob@10.77.0.99:9;transport=tcp", ProbeTimeout, Unreachable},
		{"a listener, and the user was refused", "sip:bob@10.77.0.1:5072;transport=tcp", ProbeRefused, Inconclusive},
		{"nobody listens, and the user got in", "sip:bob@10.77.0.1:40001;transport=tcp", ProbeAccepted, Inconclusive},
	} {
		v := judged(c.uri, func(o *Observation) { o.Uses[0].Spared, o.Uses[0].Met = "a play without probes", c.met })
		if v.Class != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, v.Class, v.Detail, c.want)
		}
	}
}

// TestJudgeUserLacksTransport: an address that accepts is of no use to who does
// not implement its transport, and that is nobody's bug.
func TestJudgeUserLacksTransport(t *testing.T) {
	for uri, class := range map[string]Class{"sip:bob@10.77.0.1:5074": AcceptingOtherTransport, "sip:bob@10.77.0.1:9": Closed} {
		for lacks, severity := range map[bool]Severity{true: map[Class]Severity{Closed: Latent}[class], false: map[Class]Severity{Closed: Finding}[class]} {
			v := judged(uri, func(o *Observation) { o.Uses[0].Lacks = lacks })
			if v.Class != class || v.Severity != severity {
				t.Errorf("%s, lacks %v: %s %q, want %s %q", uri, lacks, v.Class, v.Severity, class, severity)
			}
		}
	}
}

func TestJudgeCountsAProbeOnce(t *testing.T) {
	sc := parsed(t, texts.Founding)
	u := Use{View: Viewpoint{Element: "ann", Host: "hut", Source: netip.MustParseAddr("10.77.0.2")}, Request: "ACK", MustDial: true}
	u.Probe = Probe{Carrier: sip.CarrierTCP, Result: ProbeAccepted, Owner: "bob"}
	o := Observation{Snapshots: []linux.Snapshot{stage()}, Uses: []Use{u, u},
		Adverts: []Advert{{Header: "Contact", URI: "sip:bob@10.77.0.1:5072;transport=tcp", Giver: "bob", Leg: Leg{Transport: sip.TCP}}}}
	count := map[string]int{}
	for _, v := range Judge(&sc, &o) {
		count[v.Claim]++
	}
	if count[ContactAccepts.Name] != 2 || count[LookupAgrees.Name] != 1 {
		t.Errorf("%v, want two uses and one probe", count)
	}
}

// TestJudgeSpeaksOfNobodyWhenBroken: an observation that cannot be relied on
// yields nothing else.
func TestJudgeSpeaksOfNobodyWhenBroken(t *testing.T) {
	sc := parsed(t, texts.Founding)
	got := Judge(&sc, &Observation{Broken: "no memory", Uses: []Use{{}}})
	if len(got) != 1 || got[0].Class != Broken || !strings.Contains(got[0].Detail, "no memory") {
		t.Errorf("%+v", got)
	}
}

// TestUnexplainedCallIsInconclusive, unless an advert explains it.
func TestUnexplainedCallIsInconclusive(t *testing.T) {
	o := Observation{Outcomes: []Outcome{{Step: 1, Status: 200}}}
	if got := judgeOutcomes(nil, &o, nil); len(got) != 1 || got[0].Class != Inconclusive {
		t.Errorf("%+v", got)
	}
	if got := judgeOutcomes(nil, &o, []Verdict{{Step: 0, Severity: Latent}}); len(got) != 0 {
		t.Errorf("an earlier advert explains it, yet: %+v", got)
	}
	if got := judgeOutcomes(nil, &o, []Verdict{{Step: 2, Severity: Finding}}); len(got) != 1 {
		t.Errorf("a later advert explains nothing, yet: %+v", got)
	}
}

// TestJudgeKnowsWhatWasThere: where the giver did accept earlier, its listener is
// gone, whatever else is on the port; where it never did, the URI is wrong.
func TestJudgeKnowsWhatWasThere(t *testing.T) {
	closedOnes := func(o *Observation, transport sip.Transport, port string) {
		now := stage()
		kept := now.Hosts[0].Sockets[:0]
		for _, s := range now.Hosts[0].Sockets {
			if s.Carrier != transport.Carrier() || s.Local.String() != "10.77.0.1:"+port {
				kept = append(kept, s)
			}
		}
		now.Hosts[0].Sockets = kept
		o.Snapshots = append(o.Snapshots, now)
		o.Uses[0].Snapshot = 1
		o.Uses[0].Spared = "a play without probes"
	}
	udpBeside := func(o *Observation) {
		box := &o.Snapshots[1].Hosts[0]
		box.Sockets = append(box.Sockets, linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: netip.MustParseAddrPort("10.77.0.1:5072"), Owner: "bob"})
	}
	for _, c := range []struct {
		name, uri string
		change    func(o *Observation)
		want      Class
	}{
		{"a listener that was closed, beside UDP", "sip:bob@10.77.0.1:5072;transport=tcp", func(o *Observation) {
			closedOnes(o, sip.TCP, "5072")
			udpBeside(o)
		}, Closed},
		{"one that never was, beside UDP", "sip:bob@10.77.0.1:5072;transport=tcp", func(o *Observation) {
			closedOnes(o, sip.TCP, "5072")
			udpBeside(o)
			o.Snapshots[0] = o.Snapshots[1]
		}, WrongTransport},
	} {
		if v := judged(c.uri, c.change); v.Class != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, v.Class, v.Detail, c.want)
		}
	}
}

// TestJudgeNamesAConnectionOnTheDefaultPort: a URI without a port is not to blame
// where its port is the giver's conversation.
func TestJudgeNamesAConnectionOnTheDefaultPort(t *testing.T) {
	with := func(remote string) Class {
		return judged("sip:bob@10.77.0.1", func(o *Observation) {
			o.Adverts[0].Leg.Transport = sip.UDP
			if remote != "" {
				box := &o.Snapshots[0].Hosts[0]
				box.Sockets = append(box.Sockets, linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateEstablished, Owner: "bob",
					Local: netip.MustParseAddrPort("10.77.0.1:5060"), Remote: netip.MustParseAddrPort(remote)})
			}
		}).Class
	}
	if got := with("10.77.0.2:5060"); got != ConnectionPort {
		t.Errorf("a UDP socket that is connected to the proxy: %s", got)
	}
	if got := with(""); got != WrongPort {
		t.Errorf("nobody there: %s", got)
	}
}

func TestOutcomeSaysOnlyWhatWasSeen(t *testing.T) {
	for want, o := range map[string]Outcome{
		"final status 200, ACK arrived, no BYE was seen":                     {Status: 200, Acked: true},
		"final status 200, ACK arrived, no answer to the BYE came":           {Status: 200, Acked: true, Bye: true},
		"final status 200, no ACK was seen to arrive, BYE answered with 481": {Status: 200, Bye: true, ByeReply: 481},
		"final status 200, ACK lost (the ACK is lost)":                       {Status: 200, Bye: true, Failure: "the ACK is lost"},
		"no final status (nothing more happened)":                            {Failure: "nothing more happened"},
	} {
		if got := o.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestClassOfError: an address that the model cannot follow yet is no finding,
// one that nobody could follow is.
func TestClassOfError(t *testing.T) {
	for uri, want := range map[string]Class{
		"sip:example.com":             Inconclusive,
		"sips:10.0.0.1":               Inconclusive,
		"sip:10.0.0.1;transport=tls":  Inconclusive,
		"sips:10.0.0.1;transport=UDP": Malformed,
		"sip:10.0.0.1;transport=tcpp": WrongTransport,
		"sip:10.0.0.1:99999":          Malformed,
	} {
		u, err := sip.ParseURI(uri)
		if err == nil {
			_, err = sip.Resolve(u)
		}
		if got := classOfError(err); got != want {
			t.Errorf("%s: %v is %s, want %s", uri, err, got, want)
		}
	}
}

// TestOutcomeIsToldOfBothEnds: whose final status it is, where the ACK came, and
// whose BYE was answered.
func TestOutcomeIsToldOfBothEnds(t *testing.T) {
	byCaller, byCallee := scenario.Call{From: "ann", To: "bob"}, scenario.Call{From: "ann", To: "bob", Hangup: scenario.Callee}
	for _, x := range []struct {
		c      scenario.Call
		o      Outcome
		unread string
		want   string
	}{
		{byCaller, Outcome{Status: 500}, "", "final status 500 at ann"},
		{byCaller, Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 481}, "", "final status 200 at ann, ACK arrived at bob, BYE of ann answered with 481"},
		{byCallee, Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 500}, "", "final status 200 at ann, ACK arrived at bob, BYE of bob answered with 500"},
		{byCallee, Outcome{Status: 200, Acked: true, Bye: true}, "", "final status 200 at ann, ACK arrived at bob, no answer to the BYE of bob came"},
		{byCaller, Outcome{Status: 200, Failure: "the BYE is lost"}, "", "final status 200 at ann, no ACK was seen to arrive at bob (the BYE is lost)"},
		{byCaller, Outcome{Status: 200, Failure: "the BYE is lost"}, "udp x", "final status 200 at ann, the ACK came to bob's socket (udp x) and lies there unread (the BYE is lost)"},
		{byCaller, Outcome{Status: 200, Failure: "the ACK is lost"}, "udp x", "final status 200 at ann, ACK lost (the ACK is lost)"},
		{byCaller, Outcome{Failure: "nothing more happened within 2s"}, "", "no final status at ann (nothing new came within 2s; what is sent again is not new)"},
	} {
		if got := x.o.Told(x.c, x.unread); got != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
}
