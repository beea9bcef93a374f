package model

import (
	"testing"

	"github.com/greka-sip/greka/model/scenario"
)

// TestJudgeAnswers: who got a request owes an answer, and only what was seen to
// reach him and to stay without one speaks against him.
func TestJudgeAnswers(t *testing.T) {
	s, err := scenario.Parse("net lan 4\nhost box lan\nua bob box tcp:5072 sut\nua ann box tcp:5081\ncall ann bob\nfreeze box\nthaw box\n")
	if err != nil {
		t.Fatal(err)
	}
	flood := Breakdown{Element: "bob", Class: Flooded}
	for _, c := range []struct {
		name     string
		r        Request
		breaks   []Breakdown
		class    Class // "": nothing is said
		severity Severity
	}{
		{"answered", Request{Method: "BYE", Taker: "bob", Status: 200}, nil, Accepting, None},
		{"refused", Request{Method: "BYE", Taker: "bob", Status: 481}, nil, Accepting, None},
		{"ringing", Request{Method: "INVITE", Taker: "bob", Answered: true}, nil, Accepting, None},
		{"a BYE that got 100 only", Request{Method: "BYE", Taker: "bob", Answered: true, Read: true}, nil, NoAnswer, Finding},
		{"read, and no answer", Request{Method: "INVITE", Taker: "bob", Read: true}, nil, NoAnswer, Finding},
		{"unread", Request{Method: "BYE", Taker: "bob"}, nil, Hung, Finding},
		{"unread by one that goes on with other things", Request{Method: "BYE", Taker: "bob", Spoke: true}, nil, NoAnswer, Finding},
		{"unread by one that does nothing but send", Request{Method: "BYE", Taker: "bob", Spoke: true}, []Breakdown{flood}, "", None},
		{"down its own connection", Request{Method: "INVITE", Taker: "bob", Read: true, Pushed: true}, nil, NoAnswer, Latent},
		{"it came nowhere", Request{Method: "INVITE"}, nil, "", None},
		{"nobody answers an ACK", Request{Method: "ACK", Taker: "bob", Read: true}, nil, "", None},
		{"its host is frozen", Request{Method: "BYE", Taker: "bob", Step: 1}, nil, "", None},
		{"its host was frozen", Request{Method: "BYE", Taker: "bob", Step: 2}, nil, Hung, Finding},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got Verdict
			for _, v := range judgeAnswers(&s, &Observation{Requests: []Request{c.r}, Breakdowns: c.breaks}) {
				got = v
			}
			if got.Class != c.class || got.Severity != c.severity {
				t.Errorf("%s %s (%s)", got.Class, got.Severity, got.Detail)
			}
		})
	}
}
