package model

import (
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/sip"
)

const recorded = "<sip:10.77.0.1:5060;transport=tcp;lr>"

// answeredWith is a 200 of bob's in whose INVITE p had recorded a route.
func answeredWith(given ...string) RouteSet {
	return RouteSet{Giver: "bob", Message: "200 INVITE", CallID: "c", Came: []string{recorded}, Given: given, Seer: "p", Leg: Leg{Transport: sip.TCP}}
}

func TestJudgeRouteSets(t *testing.T) {
	sc := parsed(t, texts.Founding)
	two := answeredWith("<sip:10.77.0.1:5060;lr>", recorded)
	two.Came = []string{recorded, "<sip:10.77.0.1:5060;lr>"}
	ringing := answeredWith()
	ringing.Message = "180 INVITE"
	none := answeredWith()
	none.Came = nil
	for _, c := range []struct {
		what string
		r    RouteSet
		want string
	}{
		{"the same", answeredWith(recorded), "Accepting "},
		{"in another spelling", answeredWith("<SIP:10.77.0.1:5060;Transport=TCP;lr>"), "Accepting "},
		{"none", answeredWith(), "RouteSetDropped Finding"},
		{"one more", answeredWith(recorded, recorded), "RouteSetDropped Finding"},
		{"without a parameter", answeredWith("<sip:10.77.0.1:5060;transport=tcp>"), "RouteSetDropped Finding"},
		{"in another order", two, "RouteSetDropped Finding"},
		{"none in an 18x", ringing, "RouteSetDropped Latent"},
		{"there was none", none, ""},
	} {
		got := ""
		for _, v := range judgeRouteSets(&sc, &Observation{RouteSets: []RouteSet{c.r}}) {
			got = string(v.Class) + " " + string(v.Severity)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

// An address that its user dials only because the route set was dropped is not to
// blame; it is where the routes were copied, or where who recorded them dials it.
func TestJudgeBlamesNoContactForTheRouteSet(t *testing.T) {
	with := func(r RouteSet, user string) Severity {
		return judged("sip:bob@10.77.0.1:9;transport=tcp", func(o *Observation) {
			o.Adverts[0].CallID = "c"
			o.RouteSets = []RouteSet{r}
			o.Uses[0].View.Element = user
		}).Severity
	}
	if got := with(answeredWith(), "ann"); got != None {
		t.Errorf("the Contact is blamed for the route set: %s", got)
	}
	if got := with(answeredWith(recorded), "ann"); got != Finding {
		t.Errorf("the routes were copied, and the Contact is dead: %q", got)
	}
	if got := with(answeredWith(), "p"); got != Finding {
		t.Errorf("p dials it in any case: %q", got)
	}
}
