package props

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// refusal is a request of p's that bob refused, over UDP.
func refusal(method string, status int) model.Request {
	return model.Request{Method: method, Sender: "p", Taker: "bob", Status: status, Leg: model.Leg{Transport: sip.UDP, Local: at4(5060)}, Step: 1}
}

// told explains a verdict that is about no address, after a call of ann's.
func told(t *testing.T, v model.Verdict, o model.Outcome, change func(*Played)) string {
	t.Helper()
	sc, err := scenario.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	p := &Played{Scenario: sc}
	o.Step = 1
	p.Obs.Outcomes = []model.Outcome{o}
	if change != nil {
		change(p)
	}
	v.Advert, v.Use, v.Step = -1, -1, 1
	return Explain(p, v, "stack") + "\n"
}

// TestWhatIsToldOfACall: who answered what at both ends, and what is not known.
func TestWhatIsToldOfACall(t *testing.T) {
	noAnswer := model.Verdict{Claim: model.Answers.Name, Class: model.NoAnswer, Severity: model.Finding, About: model.About{Element: "bob", Message: "BYE"}}
	puzzle := model.Verdict{Claim: model.ProxyTransparent.Name, Class: model.Unexplained, Severity: model.Puzzle, About: model.About{Element: "bob", Message: "INVITE"}}
	misrouted := model.Verdict{Claim: model.RoutedByTheRules.Name, Class: model.Misrouted, Severity: model.Finding, About: model.About{Element: "ann", Message: "BYE"}}
	asked := func(all ...model.Request) func(*Played) { return func(p *Played) { p.Obs.Requests = all } }
	twin := func(o model.Outcome, all ...model.Request) func(*Played) {
		return func(p *Played) {
			p.Twin = &Played{Scenario: p.Scenario}
			o.Step = 1
			p.Twin.Obs.Outcomes, p.Twin.Obs.Requests = []model.Outcome{o}, all
		}
	}
	const refused = "bob answered 403 to the INVITE that p sent over udp from 10.77.0.1:5060\n"
	for _, c := range []struct {
		what   string
		v      model.Verdict
		o      model.Outcome
		change func(*Played)
		want   string
		not    string
	}{
		{"the caller's end", noAnswer, model.Outcome{Status: 500}, nil, "the call:                final status 500 at ann\n", "answered 500"},
		{"the callee's end", noAnswer, model.Outcome{Status: 500}, asked(refusal("INVITE", 200)), "bob answered 200 to the INVITE that p sent", ""},
		{"both alike", noAnswer, model.Outcome{Status: 200}, asked(refusal("INVITE", 200)), "final status 200 at ann", "bob answered"},
		{"in another call", noAnswer, model.Outcome{Status: 403}, func(p *Played) {
			asked(refusal("INVITE", 403))(p)
			p.Obs.Requests[0].Step = 0
		}, "final status 403 at ann", "bob answered"},
		{"who refused", puzzle, model.Outcome{Status: 403}, asked(refusal("INVITE", 403)), "through the proxy:       " + refused, "not known"},
		{"a refused BYE", puzzle, model.Outcome{Status: 200, Acked: true, Bye: true, ByeReply: 500}, asked(refusal("BYE", 500)), "bob answered 500 to the BYE that p sent over udp", "not known"},
		{"who refused is not known", puzzle, model.Outcome{Status: 480}, nil,
			"through the proxy:       ann, the caller, was answered 480\n                           by whom is not known: no refusal by bob was seen\n", "bob answered"},
		{"refused without the proxy", puzzle, model.Outcome{Status: 200, Acked: true, ByeReply: 200}, twin(model.Outcome{Status: 403}, refusal("INVITE", 403)), "direct:                  " + refused, "through the proxy:  "},
		{"nothing was refused", puzzle, model.Outcome{Status: 200}, twin(model.Outcome{Status: 200, Acked: true, ByeReply: 200}), "accuses nobody\n", "known:"},
		{"a BYE's sections", misrouted, model.Outcome{Status: 200}, nil, "RFC 3261 12.2.1.1, 15.1.1, 18.1.1", "13.2.2.4"},
	} {
		got := told(t, c.v, c.o, c.change)
		if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
			t.Errorf("%s: want %q and no %q in\n%s", c.what, c.want, c.not, got)
		}
	}
}

// TestFateOfARouteSet: what the caller makes of an answer that does not copy the
// Record-Routes, and what it was seen to do.
func TestFateOfARouteSet(t *testing.T) {
	const (
		route = "<sip:10.77.0.1:5060;transport=tcp;lr>"
		past  = "the ACK and all later requests of ann go past p, which recorded a route to stay in the path (RFC 3261 16.6 step 4)"
		seen  = "; seen: ann sends the ACK to bob itself, by its Contact"
		other = "it is another one than p recorded (RFC 3261 16.6 step 4)"
		harm  = "nobody is hurt by this answer alone"
	)
	for _, c := range []struct {
		what     string
		given    []string
		severity model.Severity
		request  string
		want     []string
	}{
		{"dropped", nil, model.Finding, "BYE", []string{past}},
		{"dropped, and the ACK went past", nil, model.Finding, "ACK", []string{past, seen}},
		{"another one", []string{"<sip:10.77.0.1:5060;lr>"}, model.Finding, "BYE", []string{other}},
		{"an 18x", nil, model.Latent, "ACK", []string{harm}},
	} {
		v := model.Verdict{Claim: model.RouteSetCopied.Name, Class: model.RouteSetDropped, Severity: c.severity, About: model.About{Element: "bob", Message: "200 INVITE"}}
		got := told(t, v, model.Outcome{Status: 200, Acked: true}, func(p *Played) {
			p.Obs.RouteSets = []model.RouteSet{{Giver: "bob", Message: "200 INVITE", CallID: "c", Came: []string{route}, Given: c.given, Step: 1}}
			p.Obs.Adverts = []model.Advert{{Header: "Contact", Giver: "bob", CallID: "c"}}
			p.Obs.Uses = []model.Use{{View: model.Viewpoint{Element: "ann"}, Request: c.request, Step: 1}}
		})
		for _, text := range []string{past, seen, other, harm} {
			wanted := false
			for _, w := range c.want {
				wanted = wanted || w == text
			}
			if strings.Contains(got, text) != wanted {
				t.Errorf("%s: %q: want %v\n%s", c.what, text, wanted, got)
			}
		}
	}
}

// TestStepIsNamedWhereSeveralCouldBeMeant: and where only one could, it is not.
func TestStepIsNamedWhereSeveralCouldBeMeant(t *testing.T) {
	const head = "net lan 4\nhost box lan\nproxy p box tcp:5060 deliver=contact\nua bob box tcp:5072 via=p sut\nua ann box tcp:5081 via=p\n\n"
	given := func(message, giver string) model.Verdict {
		return model.Verdict{Claim: message + "|" + giver, Class: model.Closed}
	}
	about := func(class model.Class, message, element string) model.Verdict {
		return model.Verdict{Class: class, Advert: -1, About: model.About{Element: element, Message: message}}
	}
	for _, c := range []struct {
		steps string
		v     model.Verdict
		named bool // the first step is meant
	}{
		{"register bob\nregister bob\ncall ann bob", given("REGISTER", "bob"), true},
		{"register bob\nregister ann\ncall ann bob", given("REGISTER", "bob"), false},
		{"call ann bob\ncall ann bob", given("200 INVITE", "bob"), true},
		{"call ann bob\ncall bob ann", given("200 INVITE", "bob"), false},
		{"call ann bob\ncall bob ann", given("INVITE", "p"), true},
		{"call ann bob", given("INVITE", "p"), false},
		{"call ann bob\ncall bob ann", given("INVITE", "ann"), false},
		{"call ann bob hangup=callee\ncall bob ann", about(model.Misrouted, "BYE", "bob"), true},
		{"call ann bob\ncall bob ann", about(model.Misrouted, "BYE", "ann"), false},
		{"call ann bob\ncall bob ann hangup=callee", about(model.NoAnswer, "BYE", "bob"), true},
		{"call ann bob\ncall bob ann", about(model.NoAnswer, "BYE", "bob"), false},
		{"call ann bob\ncall ann bob", about(model.Crashed, "INVITE", "bob"), true},
		{"register bob\ncall ann bob", about(model.Crashed, "200 REGISTER", "bob"), false},
		{"register bob\nregister bob\ncall ann bob", about(model.Crashed, "200 REGISTER", "bob"), true},
		{"call ann bob\ncall ann bob", about(model.RouteSetDropped, "200 INVITE", "bob"), true},
	} {
		sc, err := scenario.Parse(head + c.steps + "\n")
		if err != nil {
			t.Fatal(err)
		}
		p := &Played{Scenario: sc}
		if c.v.Advert == 0 {
			message, giver, _ := strings.Cut(c.v.Claim, "|")
			p.Obs.Adverts = []model.Advert{{Header: "Contact", Value: "x", Message: message, Giver: giver}}
		}
		if got := title(p, c.v); strings.Contains(got, " in step 1") != c.named || strings.Contains(got, "in step 2") {
			t.Errorf("%q: %q", c.steps, got)
		}
	}
}

// TestSocketsThatDifferHaveAnOwner: whoever dialled, and not the accepted end.
func TestSocketsThatDifferHaveAnOwner(t *testing.T) {
	dialled := model.SocketLine{Owner: "ann", Role: linux.RoleDialled}
	taken := model.SocketLine{Owner: "bob", Role: linux.RoleAccepted}
	listens := model.SocketLine{Owner: "bob", Role: linux.RoleListener}
	for _, c := range []struct {
		missing, extra []model.SocketLine
		want           string
	}{
		{nil, []model.SocketLine{dialled, taken, dialled, taken}, "ann has 2 connections that the model does not predict"},
		{nil, []model.SocketLine{taken}, "bob has a connection that the model does not predict"},
		{[]model.SocketLine{listens}, nil, "bob lacks a listener that the model predicts"},
		{[]model.SocketLine{listens}, []model.SocketLine{dialled}, "ann has a connection that the model does not predict; bob lacks a listener that the model predicts"},
		{[]model.SocketLine{listens}, []model.SocketLine{listens, {Owner: "bob"}}, "bob has 2 sockets that the model does not predict and lacks a listener that the model predicts"},
		{nil, []model.SocketLine{{Role: linux.RoleListener}}, "an element that is not known has a listener that the model does not predict"},
	} {
		v := model.Verdict{Claim: model.SocketsAgree.Name, Class: model.SocketsDiffer, Severity: model.Finding, Missing: c.missing, Extra: c.extra, Detail: "missing: x"}
		got := told(t, v, model.Outcome{}, nil)
		if want := "  " + c.want + "\n  expected: " + model.SocketsAgree.Text + " (by Greka; RFC 3261 18.1.1 recommends"; !strings.HasPrefix(got, want) || !strings.Contains(got, "after step:              2\n  missing: x\n") {
			t.Errorf("want %q\n%s", want, got)
		}
	}
}

// TestContactsAreNumbered: as a reader of the packet counts them, those that are
// taken away too; one alone has no number.
func TestContactsAreNumbered(t *testing.T) {
	number := func(headers ...string) (out []string) {
		m, err := sip.ParseMessage([]byte("REGISTER sip:p SIP/2.0\r\n" + strings.Join(headers, "\r\n") + "\r\nContent-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range contacts(model.Advert{Message: "REGISTER"}, &m) {
			out = append(out, fmt.Sprintf("%s %d/%d", a.URI, a.Nth, a.Of))
		}
		return out
	}
	for _, c := range []struct{ headers, want []string }{
		{[]string{"Contact: <sip:a@x>"}, []string{"sip:a@x 0/0"}},
		{[]string{"Contact: <sip:a@x>", "Contact: <sip:b@x>"}, []string{"sip:a@x 1/2", "sip:b@x 2/2"}},
		{[]string{"Contact: <sip:a@x>;expires=0, <sip:b@x>"}, []string{"sip:b@x 2/2"}},
	} {
		if d := cmp.Diff(c.want, number(c.headers...)); d != "" {
			t.Error(d)
		}
	}
}

// TestRecordRoutesAreNumbered: a proxy between two transports writes two, of which
// the upper one faces the callee.
func TestRecordRoutesAreNumbered(t *testing.T) {
	netns.Require(t)
	for proxy, want := range map[string][]string{
		"tcp:5060 udp:5060": {"sip:10.77.0.1:5060;transport=tcp;lr 1/2", "sip:10.77.0.1:5060;lr 2/2"},
		"udp:5060":          {"sip:10.77.0.1:5060;lr 0/0"},
	} {
		ua := strings.Fields(proxy)[0][:3]
		sc, err := scenario.Parse(fmt.Sprintf("net lan 4\nhost box lan\nproxy p box %s deliver=contact record-route\nua bob box %s:5072 sut\nua ann box udp:5081 via=p\n\ncall ann bob\n", proxy, ua))
		if err != nil {
			t.Fatal(err)
		}
		p := (&player{stack: find(t, "peer")}).once(context.Background(), &sc)
		var got []string
		for _, a := range p.Obs.Adverts {
			if a.Header == "Record-Route" {
				got = append(got, fmt.Sprintf("%s %d/%d", a.URI, a.Nth, a.Of))
			}
		}
		if d := cmp.Diff(want, got); d != "" || p.Broken != "" {
			t.Errorf("%s: %s\n%s", proxy, p.Broken, d)
		}
	}
}
