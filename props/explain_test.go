package props

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

const explained = `net   lan 4
host  box lan
proxy p   box tcp:5060 udp:5060 deliver=flow
ua    bob box tcp:5072 udp:5072 via=p sut
ua    ann box tcp:5081 udp:5081 via=p

register bob
call     ann bob
`

// scene is what was observed where bob's 200 INVITE named one port: one use of
// that Contact, by ann for her ACK, with a listener of bob's elsewhere.
type scene struct {
	scenario string
	socks    []linux.Socket // bob's and others', all on box
	earlier  []linux.Socket // in a snapshot before
	advert   model.Advert
	use      model.Use
	verdict  model.Verdict
	outcome  *model.Outcome
	requests []model.Request
	twin     *Played
	after    []int
}

func at4(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("10.77.0.1"), port)
}

func newScene() *scene {
	return &scene{
		scenario: explained,
		socks: []linux.Socket{
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(5072), Owner: "bob"},
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(5060), Owner: "p"},
		},
		advert:  model.Advert{Header: "Contact", Value: "<sip:bob@10.77.0.1:40001;transport=tcp>", URI: "sip:bob@10.77.0.1:40001;transport=tcp", Message: "200 INVITE", Giver: "bob", Role: model.RoleCallee, Step: 1},
		use:     model.Use{View: model.Viewpoint{Element: "ann", Host: "box"}, Request: "ACK", MustDial: true, Step: 1, Probe: model.Probe{Result: model.ProbeRefused}},
		verdict: model.Verdict{Claim: model.ContactAccepts.Name, Class: model.Closed, Severity: model.Finding, Step: 1, Target: sip.Target{Transport: sip.TCP, Addr: at4(40001)}},
		outcome: &model.Outcome{Step: 1, Status: 200},
	}
}

func (s *scene) explain(t *testing.T) string {
	t.Helper()
	sc, err := scenario.Parse(s.scenario)
	if err != nil {
		t.Fatal(err)
	}
	snap := func(socks []linux.Socket) linux.Snapshot {
		return linux.Snapshot{Hosts: []linux.HostSockets{{Host: "box", Addrs: []netip.Addr{at4(0).Addr()}, Sockets: socks}}}
	}
	p := &Played{Scenario: sc, Twin: s.twin}
	p.Obs.Adverts = []model.Advert{s.advert}
	p.Obs.Snapshots = []linux.Snapshot{snap(s.earlier), snap(s.socks)}
	s.use.Snapshot = 1
	p.Obs.Uses = []model.Use{s.use}
	p.Obs.Requests, p.Obs.After = s.requests, s.after
	if s.outcome != nil {
		p.Obs.Outcomes = []model.Outcome{*s.outcome}
	}
	return Explain(p, s.verdict, "stack")
}

// TestExplanations: each sentence stands where the observation proves it, and
// nowhere else.
func TestExplanations(t *testing.T) {
	conn := linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at4(40001), Remote: at4(5060), Owner: "bob"}
	accepted := linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at4(5060), Remote: at4(40001), Owner: "p"}
	udpTo := func(port uint16) linux.Socket {
		return linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateEstablished, Local: at4(5072), Remote: at4(port), Owner: "bob"}
	}
	overUDP := func(s *scene) {
		s.advert.URI, s.advert.Leg.Transport = "sip:bob@10.77.0.1:5072", sip.UDP
		s.verdict.Target = sip.Target{Transport: sip.UDP, Addr: at4(5072)}
		s.socks = []linux.Socket{udpTo(5060), {Carrier: sip.CarrierUDP, State: linux.StateClose, Local: at4(5060), Owner: "p"}}
	}
	founding := func(s *scene) {
		s.verdict.Class = model.ConnectionPort
		s.socks = append(s.socks, conn, accepted)
	}
	wrongOwner := func(s *scene) {
		s.verdict.Class, s.verdict.Target = model.WrongOwner, sip.Target{Transport: sip.TCP, Addr: at4(5060)}
		s.verdict.Picked = &s.socks[1]
	}
	as := func(request string, o model.Outcome) func(*scene) {
		return func(s *scene) {
			o.Step = 1
			s.use.Request, s.outcome = request, &o
		}
	}
	both := func(fs ...func(*scene)) func(*scene) {
		return func(s *scene) {
			for _, f := range fs {
				f(s)
			}
		}
	}
	malformed := func(s *scene) { s.verdict.Class = model.Malformed }
	direct := func(s *scene) { s.scenario = strings.Replace(s.scenario, "udp:5081 via=p", "udp:5081", 1) }
	recorded := func(user string, nth, of int) func(*scene) {
		return func(s *scene) {
			s.advert.Header, s.advert.Giver, s.advert.Message, s.advert.Nth, s.advert.Of = "Record-Route", "p", "INVITE", nth, of
			s.use.View.Element = user
		}
	}
	byeRefused := func(s *scene) {
		s.requests = []model.Request{{Method: "BYE", Sender: "bob", Taker: "ann", Status: 500, Leg: model.Leg{Transport: sip.TCP, Local: at4(40002)}, Step: 1}}
	}
	lostINVITE := func(s *scene) {
		as("INVITE", model.Outcome{Failure: "the INVITE of p is lost: refused"})(s)
		s.use.View.Element = "p"
	}
	registered := func(s *scene) { s.advert.Message = "REGISTER" }
	backToAnn := func(s *scene) {
		wrongOwner(s)
		s.verdict.Picked = &linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(5060), Owner: "ann"}
	}
	linkLocal := func(s *scene) {
		s.verdict.Class, s.verdict.Target.Addr = model.LinkLocalNoScope, netip.MustParseAddrPort("[fe80::1]:5072")
		s.use.View.Source = at4(0).Addr()
	}
	twinWith := func(severity model.Severity, request string) func(*scene) {
		return func(s *scene) {
			s.twin = &Played{Verdicts: []model.Verdict{{Class: s.verdict.Class, Severity: severity, Detail: "nobody's; Linux sends it home"}}}
			s.twin.Obs.Adverts, s.twin.Obs.Uses = []model.Advert{s.advert}, []model.Use{s.use}
			s.twin.Obs.Uses[0].Request = request
		}
	}
	for _, c := range []struct {
		what, text string
		where      func(*scene)
		not        func(*scene) // the negative twin
	}{
		{"the call dies", "the call dies after 32 s", nil, as("ACK", model.Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 200})},
		{"the call went on", "this call went on all the same: final status 200, ACK arrived", as("ACK", model.Outcome{Status: 200, Acked: true}), nil},
		{"the BYE is lost", "the BYE does not arrive, and bob stays in a call that is over", as("BYE", model.Outcome{Status: 200, Acked: true, Bye: true}),
			as("BYE", model.Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 200})},
		{"the BYE was answered", "this BYE was answered with 200 all the same", as("BYE", model.Outcome{Status: 200, Acked: true, ByeReply: 200}), as("BYE", model.Outcome{})},
		{"by somebody else", "the BYE goes to p, and not to bob, and bob stays in a call that is over. Seen: the BYE was answered with 404",
			both(wrongOwner, as("BYE", model.Outcome{Status: 200, Acked: true, ByeReply: 404})), as("BYE", model.Outcome{ByeReply: 404})},
		{"the call fails", "the INVITE does not arrive, and the call of ann fails with 500", as("INVITE", model.Outcome{Status: 500}), as("INVITE", model.Outcome{Status: 200})},
		{"what its caller is told", "the call of ann fails with 500", as("INVITE", model.Outcome{Status: 500}), as("INVITE", model.Outcome{Failure: "the INVITE of p is lost"})},
		{"what has no address is not sent", "the ACK cannot be sent; by RFC 3261", func(s *scene) { s.verdict.Class = model.Malformed }, nil},
		{"port 0", ", tcp port ", nil, func(s *scene) { s.verdict.Target.Addr = at4(0) }},
		{"no probe of port 0", "probe from", nil, func(s *scene) { s.verdict.Target.Addr = at4(0) }},
		{"it came through", "this call came through all the same", as("INVITE", model.Outcome{Status: 200}), as("INVITE", model.Outcome{Status: 500})},
		{"in what words", ". Seen: the ACK of ann is lost", as("ACK", model.Outcome{Status: 200, Failure: "the ACK of ann is lost"}), nil},
		{"on a connection", "the ACK goes down a connection that ann has", func(s *scene) { s.verdict.Severity, s.use.MustDial = model.Latent, false }, nil},
		{"of an 18x", "an unreliable 180 moves no target", func(s *scene) { s.verdict.Severity, s.advert.Message = model.Latent, "180 INVITE" },
			func(s *scene) { s.verdict.Severity = model.Latent }},

		{"a new call from somebody who has the address", "p passes ann's new INVITE on to it, who has it from bob's 200 INVITE",
			both(as("INVITE", model.Outcome{Status: 500}), func(s *scene) { s.use.View.Element = "p" }), as("INVITE", model.Outcome{Status: 500})},
		{"a binding", "the registered Contact becomes the Request-URI", both(as("INVITE", model.Outcome{}), func(s *scene) { s.advert.Message = "REGISTER" }), as("INVITE", model.Outcome{})},

		{"accepts nowhere any more", "bob accepts on:          nothing any more", func(s *scene) { s.earlier, s.socks = s.socks, s.socks[1:] }, func(s *scene) { s.socks = s.socks[1:] }},
		{"never accepted", "bob accepts on:          nothing\n", func(s *scene) { s.socks = s.socks[1:] }, func(s *scene) { s.earlier, s.socks = s.socks, s.socks[1:] }},
		{"accepts on a port that nobody listed", "bob accepts on:          UNCONN udp 10.77.0.1:6000  bob (stack)", func(s *scene) {
			s.socks = []linux.Socket{{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: at4(6000), Owner: "bob"}}
		}, nil},
		{"counts what is not listed", "and on a UDP socket with a port that the scenario does not give it\n", func(s *scene) {
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: at4(6000), Owner: "bob"})
		}, nil},
		{"bound to a device", "LISTEN tcp 10.77.0.1:40001  bob (stack)  bound to eth1: takes only what comes in there", func(s *scene) {
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(40001), Owner: "bob", Device: scenario.FirstDevice + 1})
		}, func(s *scene) {
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(40001), Owner: "bob"})
		}},

		{"a connection", "on box, tcp port 40001:  ESTAB  tcp 10.77.0.1:40001 <-> 10.77.0.1:5060  bob (stack) <-> p  (a connection, no listener)", founding, nil},
		{"no socket", "on box, tcp port 40001:  no tcp socket on 10.77.0.1", nil, founding},
		{"a connection where the URI says UDP", "on box, udp port 40001:  no udp socket on 10.77.0.1\n  else on port 40001:      ESTAB  tcp", both(founding, func(s *scene) { s.verdict.Target.Transport = sip.UDP }), founding},
		{"a connected UDP socket", "on box, udp port 5072:   ESTAB  udp 10.77.0.1:5072 <-> 10.77.0.1:5060  bob (stack) <-> p  (connected: takes only what comes from there)\n  bob accepts on:          from others than 10.77.0.1:5060 (p): nothing\n", overUDP, founding},
		{"not on this address", "else on port 40001:      LISTEN tcp 10.77.0.2:40001  bob (stack)", func(s *scene) {
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: netip.MustParseAddrPort("10.77.0.2:40001"), Owner: "bob"})
		}, founding},
		{"refused over TCP", "probe from ann:          connection refused", nil, overUDP},
		{"refused over UDP", "probe from ann:          port unreachable (ICMP)", overUDP, nil},
		{"spared", "ann's own connect:       no answer", func(s *scene) {
			s.use.Probe, s.use.Spared, s.use.Met = model.Probe{}, "a play without probes", model.ProbeTimeout
		}, nil},

		{"the twin has it too", "direct call:             without the proxy there is a finding too: Closed", func(s *scene) {
			s.twin = &Played{Verdicts: []model.Verdict{{Class: model.Closed, Severity: model.Finding}}}
		}, func(s *scene) { s.twin = &Played{} }},
		{"the twin has none", "direct call:             the same scenario without p has no finding", func(s *scene) { s.twin = &Played{} }, nil},
		{"nor where no proxy is in the call", "direct call:", func(s *scene) { s.twin = &Played{} }, both(direct, func(s *scene) { s.twin = &Played{} })},

		{"one of several Contacts", "Contact (the first of 2, from the top): <sip:bob@10.77.0.1:40001;transport=tcp>", func(s *scene) { s.advert.Nth, s.advert.Of = 1, 2 }, nil},
		{"on one line", "Contact (the second of 2, from the top): <sip:bob@10.77.0.1:40001;transport=tcp>", func(s *scene) {
			s.advert.Nth, s.advert.Of, s.advert.Value = 2, 2, "<sip:a@b>, "+s.advert.Value
		}, nil},
		{"the caller's Record-Route", "p wrote it; ann sends the ACK there: it is the first of ann's route set (RFC 3261 12.2.1.1), since the caller takes the Record-Routes from the last to the first (RFC 3261 12.1.2)",
			recorded("ann", 2, 2), recorded("ann", 1, 2)},
		{"the callee's", "bob's route set (RFC 3261 12.2.1.1), since the callee takes the Record-Routes from the first to the last (RFC 3261 12.1.1)",
			recorded("bob", 1, 2), recorded("bob", 0, 0)},
		{"the only one", "ann's route set (RFC 3261 12.2.1.1)\n", recorded("ann", 0, 0), recorded("ann", 2, 2)},
		{"which of two requests", "ann sends the ACK in step 2 straight there", func(s *scene) { s.scenario += "call ann bob\n" }, func(s *scene) { s.scenario += "call bob ann\n" }},
		{"a malformed Route", "ann needs it as a Route of the ACK (RFC 3261 12.2.1.1)", both(recorded("ann", 0, 0), malformed), malformed},
		{"a malformed target", "ann needs it as the Request-URI of the ACK (RFC 3261 12.2.1.1)", malformed, both(recorded("ann", 0, 0), malformed)},
		{"where the port is from", "gone by then:            ESTAB  tcp 10.77.0.1:40001 <-> 10.77.0.1:5060  bob (stack) <-> p  (a connection, no listener)",
			func(s *scene) { s.earlier = []linux.Socket{conn, accepted} }, func(s *scene) { s.earlier = []linux.Socket{accepted} }},
		{"nor if it is still there", "gone by then:", func(s *scene) { s.earlier = []linux.Socket{conn, accepted} }, both(founding, func(s *scene) { s.earlier = []linux.Socket{conn, accepted} })},
		{"of a later request", "(64*T1). Seen of what followed: the BYE of ann is lost", as("ACK", model.Outcome{Status: 200, Failure: "the BYE of ann is lost"}), as("ACK", model.Outcome{Status: 200, Failure: "the ACK of ann is lost"})},
		{"an unusual answer", "the call:                ann answered 500 to the BYE that bob sent over tcp from 10.77.0.1:40002", byeRefused, nil},
		{"of a request that is told", "the call:                the BYE of ann was answered with 481", as("ACK", model.Outcome{Status: 200, Bye: true, ByeReply: 481}),
			both(wrongOwner, as("BYE", model.Outcome{Status: 200, Acked: true, ByeReply: 481}))},
		{"whose loss it is", "the call dies after 32 s (64*T1). Seen besides: bob could not send its response", as("ACK", model.Outcome{Status: 200, Failure: "bob could not send its response"}), as("ACK", model.Outcome{Status: 200, Failure: "the ACK of ann is lost"})},
		{"silence", "(64*T1). Nothing new was seen for 2s", as("ACK", model.Outcome{Status: 200, Failure: "nothing more happened within 2s"}), nil},
		{"what a proxy answers", "the INVITE does not arrive, and the call of ann fails: by RFC 3261 16.9 and 16.7 (step 6) p answers ann with 500 (this play ends before that). Seen: the INVITE of p is lost: refused", lostINVITE, as("INVITE", model.Outcome{Failure: "nothing more happened within 2s"})},
		{"and that it lies there", "p answers ann with 500 (an answer lies unread in ann's socket at the end of this play)", both(lostINVITE, func(s *scene) {
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at4(40003), Remote: at4(5060), Owner: "ann", Queue: 255})
		}), lostINVITE},
		{"a caller's own INVITE", "for ann that is a 503 (RFC 3261 8.1.3.1)", as("INVITE", model.Outcome{Failure: "the INVITE of ann is lost: refused"}), lostINVITE},
		{"a registration", "; bob cannot be called through p while this registration lasts", both(lostINVITE, registered), lostINVITE},
		{"of several addresses", "while this registration lasts", both(lostINVITE, registered), both(lostINVITE, registered, func(s *scene) { s.advert.Nth, s.advert.Of = 1, 2 })},
		{"a queue may have room later", "while this registration lasts", both(lostINVITE, registered), both(lostINVITE, registered, func(s *scene) { s.verdict.Class = model.CannotAccept })},
		{"back to its sender", "the ACK goes back to ann, who sends it, and not to bob; by RFC 3261 13.3.1.4 bob sends its 200 again, until the call dies after 32 s (64*T1)\n", both(backToAnn, as("ACK", model.Outcome{Status: 200, Failure: "the ACK arrived at ann, who knows no such call"})),
			both(wrongOwner, as("ACK", model.Outcome{Status: 200, Failure: "the ACK arrived at p, who knows no such call"}))},
		{"to a third", ". Seen: the ACK arrived at p, who knows no such call", both(wrongOwner, as("ACK", model.Outcome{Status: 200, Failure: "the ACK arrived at p, who knows no such call"})), backToAnn},
		{"a BYE that comes back", "the BYE goes back to ann, who sends it, and not to bob, and bob stays in a call that is over. Seen: the BYE was answered with 481, by ann itself", both(backToAnn, as("BYE", model.Outcome{Status: 200, ByeReply: 481})),
			both(wrongOwner, as("BYE", model.Outcome{Status: 200, ByeReply: 481}))},
		{"when it ended", "ended in step 1 (register bob)\n                           its local port is the one that was handed out; nothing is seen to listen there\n", func(s *scene) { s.earlier, s.after = []linux.Socket{conn, accepted}, []int{1} },
			func(s *scene) { s.earlier = []linux.Socket{conn, accepted} }},
		{"where something listened", "its local port is the one", func(s *scene) { s.earlier = []linux.Socket{conn, accepted} }, func(s *scene) {
			s.earlier = []linux.Socket{conn, accepted, {Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(40001), Owner: "bob"}}
		}},
		{"nothing was sent", "probe from ann:          none was sent: ann has no IPv6 address", linkLocal, nil},
		{"no host, and no family", "address:                 no host has fe80::1, and ann has no IPv6 address", linkLocal, nil},
		{"without a zone", "ann's own attempt:       invalid argument: without a zone Linux sends nothing to a link-local address", both(linkLocal, as("ACK", model.Outcome{Status: 200, Failure: "the ACK of ann is lost: ann dials [fe80::1]:5072: invalid argument"})),
			both(linkLocal, as("ACK", model.Outcome{Status: 200, Failure: "the ACK of ann is lost: address family not supported by protocol"}))},
		{"with the zone", "connection refused (Greka adds the zone of the link that it knows)", both(linkLocal, func(s *scene) { s.use.View.Source = netip.MustParseAddr("fd77::1") }), linkLocal},
		{"an answer's rule", "RFC 3261 12.1.1 binds the callee all the same", founding, both(founding, func(s *scene) { s.advert.Message = "INVITE" })},
		{"no request's", "8.1.1.8", both(as("INVITE", model.Outcome{}), func(s *scene) { s.advert.Message = "INVITE" }), founding},
		{"an answer's Contact for a new call", "that Contact says where its giver is to be reached (RFC 3261 12.1.1)", as("INVITE", model.Outcome{}), both(as("INVITE", model.Outcome{}), func(s *scene) { s.advert.Message = "INVITE" })},
		{"harmless without the proxy", "direct call:             without p the Contact of bob's 200 INVITE has the same fault, and nobody is hurt: the ACK arrives all the same", twinWith(model.Latent, "ACK"), twinWith(model.Latent, "")},
		{"a UDP socket that is connected to the user", "the ACK arrives, since that socket is connected to ann", both(overUDP, func(s *scene) { s.verdict.Class, s.verdict.Severity = model.ConnectionPort, model.Latent }),
			func(s *scene) { s.verdict.Class, s.verdict.Severity = model.ConnectionPort, model.Latent }},
		{"Greka's expectation of an unspecified one", "arrives all the same; Linux sends it home, where bob is too\n", both(func(s *scene) { s.verdict.Class = model.Unspecified }, twinWith(model.Latent, "ACK")), twinWith(model.Latent, "ACK")},
		{"in fairness", "p sent the call down bob's own connection, without RFC 5626", founding, func(s *scene) {
			founding(s)
			s.socks = append(s.socks, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(40001), Owner: "bob"}) // then bob did not dial it
		}},
		{"over UDP nothing was dialled", "in fairness", founding, func(s *scene) { overUDP(s); s.verdict.Class = model.ConnectionPort }},
	} {
		with := func(change func(*scene)) string {
			s := newScene()
			if change != nil {
				change(s)
			}
			return s.explain(t) + "\n"
		}
		if got := with(c.where); !strings.Contains(got, c.text) {
			t.Errorf("%s: %q is not in\n%s", c.what, c.text, got)
		}
		if c.where == nil && c.not == nil {
			t.Errorf("%s has no twin", c.what)
		}
		if got := with(c.not); strings.Contains(got, c.text) {
			t.Errorf("%s: %q is in\n%s", c.what, c.text, got)
		}
	}
}

func TestAcquittedIsNamed(t *testing.T) {
	sc, err := scenario.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	for giver, want := range map[string]string{"ann": "Closed speaks against ann, who is not judged: why", "": "Closed speaks against Greka's own elements: why"} {
		o := &model.Observation{Adverts: []model.Advert{{Giver: giver}}}
		got := acquit(&sc, o, []model.Verdict{{Class: model.Closed, Severity: model.Finding, Detail: "why"}})
		if got[0].Detail != want || got[0].Class != model.Broken {
			t.Errorf("%s: %q", got[0].Class, got[0].Detail)
		}
	}
}

// A row is broken at the width of the terminal, once, and hangs below its text.
func TestExplanationIsWrappedOnce(t *testing.T) {
	f := aFinding()
	s := newScene()
	s.verdict.Class = model.ConnectionPort
	f.Explanation = s.explain(t)
	for _, width := range []int{60, 80, 100, 0} {
		lines := strings.Split(printed(width, false, f), "\n")
		for i, l := range lines {
			if columns(l) > max(width, 60) && width > 0 && !strings.Contains(l, "replay:") {
				t.Errorf("%d columns: %q", width, l)
			}
			if i > 0 && strings.HasPrefix(l, strings.Repeat(" ", labelColumn+3)) && strings.HasPrefix(lines[i-1], "  so:") && columns(lines[i-1])+1+columns(strings.Fields(l)[0]) <= width {
				t.Errorf("%d columns, and broken before: %q %q", width, lines[i-1], l)
			}
		}
	}
}
