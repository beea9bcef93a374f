package props

import (
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// TestConsequences: what comes of a request that went elsewhere, or was not
// answered, and what lies unread where nothing was seen to arrive.
func TestConsequences(t *testing.T) {
	const again, stays = "by RFC 3261 13.3.1.4 bob sends its 200 again", "so:                      bob stays in a call that is over\n"
	misrouted := func(m string) model.Verdict {
		return model.Verdict{Claim: model.RoutedByTheRules.Name, Class: model.Misrouted, Severity: model.Finding, About: model.About{Element: "ann", Message: m}}
	}
	silent := func(m string) model.Verdict {
		return model.Verdict{Claim: model.Answers.Name, Class: model.NoAnswer, Severity: model.Finding, About: model.About{Element: "bob", Message: m}}
	}
	refused := model.Verdict{Claim: model.ProxyTransparent.Name, Class: model.DiffersFromDirect, Severity: model.Finding, About: model.About{Element: "bob", Message: "INVITE"}}
	sent := func(queue uint32, all ...model.Sending) func(*Played) {
		return func(p *Played) {
			for _, x := range all {
				x.Sender, x.Transport, x.To, x.Step = "ann", sip.UDP, at4(5072), 1
				p.Obs.Sendings = append(p.Obs.Sendings, x)
			}
			p.Obs.Snapshots = []linux.Snapshot{{Hosts: []linux.HostSockets{{Host: "box", Sockets: []linux.Socket{
				{Carrier: sip.CarrierUDP, State: linux.StateClose, Local: at4(5072), Owner: "bob", Queue: queue}}}}}}
		}
	}
	waited := func(method, sender string, ms int) func(*Played) {
		return func(p *Played) {
			r := refusal(method, 0)
			r.Sender, r.Waited = sender, ms
			p.Obs.Requests = []model.Request{r}
		}
	}
	ack, bye := model.Sending{Method: "ACK"}, model.Sending{Method: "BYE"}
	lost := func(m string) model.Outcome {
		return model.Outcome{Status: 200, Failure: "the " + m + " of ann is lost"}
	}
	for _, c := range []struct {
		what      string
		v         model.Verdict
		o         model.Outcome
		change    func(*Played)
		want, not string
	}{
		{"no ACK", misrouted("ACK"), lost("ACK"), nil, again + ", until the call dies after 32 s (64*T1)\n", "the BYE of ann"},
		{"the BYE comes all the same", misrouted("ACK"), lost("ACK"), sent(0, model.Sending{Method: "BYE", Seer: "bob"}), again + ", until the call dies after 32 s (64*T1); in this play the BYE of ann, over udp, comes to bob before that, and ends the call\n", "unread"},
		{"the BYE lies there", misrouted("ACK"), lost("ACK"), sent(1280, bye), "; in this play the BYE of ann has come to bob by then, and lies unread in its socket (udp 10.77.0.1:5072)\n", "ends the call"},
		{"the ACK came", misrouted("ACK"), model.Outcome{Status: 200, Acked: true}, nil, "this ACK came to bob all the same", again},
		{"what became of it is not known", misrouted("ACK"), model.Outcome{Status: 200}, nil, "final status 200 at ann", "  so:"},
		{"the ACK lies there", misrouted("BYE"), lost("BYE"), sent(1280, ack), "the ACK came to bob's socket (udp 10.77.0.1:5072) and lies there unread", "seen to arrive"},
		{"and what is there is not", misrouted("BYE"), lost("BYE"), sent(0, ack), "no ACK was seen to arrive at bob", "unread"},
		{"which one it is", misrouted("BYE"), lost("BYE"), sent(1280, ack, bye), "no ACK was seen to arrive at bob", "unread"},
		{"no BYE", misrouted("BYE"), lost("BYE"), nil, stays, again},
		{"the BYE was answered", misrouted("BYE"), model.Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 200}, nil, "this BYE was answered with 200 all the same", stays},
		{"how long a BYE waits", silent("BYE"), model.Outcome{Status: 200, Acked: true, Bye: true}, waited("BYE", "ann", 2000),
			"ann waits 32 s (64*T1) for an answer, and sends the BYE again meanwhile, as always over UDP; for ann the session is over as soon as it sends the BYE, and the dialog after those 32 s (RFC 3261 15.1.1); whether the call is over for bob is not known. This play was cut short; a hunt reports it only after another one in which the whole 32 s went by without an answer\n", "17.2.2"},
		{"and it has waited", silent("BYE"), model.Outcome{Status: 200}, waited("BYE", "ann", model.RuleTime), "ann waits 32 s", "A hunt reports"},
		{"an INVITE", silent("INVITE"), model.Outcome{}, waited("INVITE", "p", 2000), "; then the call of ann fails. This play was cut short", "15.1.1"},
		{"its timer", silent("INVITE"), model.Outcome{}, nil, "the sender's Timer B: 17.1.1.2)", "Timer F"},
		{"a BYE's timer", silent("BYE"), model.Outcome{}, nil, "the sender's Timer F: 17.1.2.2)", "Timer B"},
		{"silence", silent("BYE"), model.Outcome{Status: 200, Failure: "nothing more happened within 2s"}, nil, "(nothing new came within 2s; what is sent again is not new)", "nothing more"},
		{"a refusal behind the proxy", refused, model.Outcome{Status: 403}, nil, "through p bob cannot be called: the call of ann ends with 403\n", "owed:"},
		{"is what we expect", refused, model.Outcome{Status: 403}, nil, "(by Greka; no sentence of RFC 3261 forbids a refusal)", "3261 16)"},
	} {
		got := told(t, c.v, c.o, c.change)
		if !strings.Contains(got, c.want) || strings.Contains(got, c.not) {
			t.Errorf("%s: want %q and no %q in\n%s", c.what, c.want, c.not, got)
		}
	}
}

// TestByeGoesBack: a BYE that its address leads back to its sender is answered by
// the sender.
func TestByeGoesBack(t *testing.T) {
	for owner, want := range map[string]string{
		"ann": "the BYE goes back to ann too, who answered it with 481: as a request that ann receives it matches no dialog (RFC 3261 12.2.2)",
		"p":   "the BYE of ann goes to p too, and was answered with 481",
		"":    "the BYE of ann was answered with 481",
	} {
		p := &Played{}
		if owner != "" {
			p.Obs.Uses = []model.Use{{Request: "BYE", View: model.Viewpoint{Element: "ann"}}}
			p.Verdicts = []model.Verdict{{Class: model.WrongOwner, Picked: &linux.Socket{Owner: owner}}}
		}
		if got := byeAnswered(p, &model.Outcome{ByeReply: 481}, "ann"); got != want {
			t.Errorf("%q: %q, want %q", owner, got, want)
		}
	}
}

// TestDialledAnew: for which requests, where a connection was there, and with
// which ports.
func TestDialledAnew(t *testing.T) {
	there := linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at4(40001), Remote: at4(5072), Owner: "ann"}
	v := model.Verdict{Claim: model.SocketsAgree.Name, Class: model.SocketsDiffer, Severity: model.Finding, Detail: "not predicted: x",
		Extra: []model.SocketLine{{Owner: "ann", Role: linux.RoleDialled}, {Owner: "bob", Role: linux.RoleAccepted}}}
	for _, c := range []struct {
		met   model.ProbeResult
		socks []linux.Socket
		want  []string
		not   string
	}{
		{model.ProbeAccepted, []linux.Socket{there}, []string{"does not predict: it dialled tcp 10.77.0.1:5072 for the ACK, while it had a connection there\n",
			"ann dialled:             ESTAB  tcp 10.77.0.1:40001 <-> 10.77.0.1:5072  ann <-> ?  (a connection, no listener), the INVITE's\n",
			"an accepted connection is the other end of a dialled one", "so:                      the call goes through; a connection more costs"}, "owed"},
		{model.ProbeAccepted, nil, []string{"does not predict\n"}, "while it had"},
		{model.ProbeRefused, []linux.Socket{there}, []string{"does not predict\n"}, "while it had"},
	} {
		got := told(t, v, model.Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 200}, func(p *Played) {
			p.Obs.Snapshots = []linux.Snapshot{{Hosts: []linux.HostSockets{{Host: "box", Sockets: c.socks}}}}
			p.Obs.After = []int{0, 0}
			p.Obs.Adverts = []model.Advert{{URI: "sip:bob@10.77.0.1:5072;transport=tcp", Message: "200 INVITE", Step: 1},
				{Message: "INVITE", Leg: model.Leg{Transport: sip.TCP, Local: at4(5072), Remote: at4(40001)}, Step: 1}}
			p.Obs.Uses = []model.Use{{View: model.Viewpoint{Element: "ann", Host: "box"}, Request: "ACK", MustDial: true, Met: c.met, Step: 1}}
		})
		for _, want := range c.want {
			if !strings.Contains(got, want) || strings.Contains(got, c.not) {
				t.Errorf("want %q and no %q in\n%s", want, c.not, got)
			}
		}
	}
}
