package model

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// Request is a request that one of the elements sent, as far as its sender can
// tell what became of it.
type Request struct {
	Method string `json:"method,omitzero"` // "INVITE", "BYE", …
	URI    string `json:"uri,omitzero"`    // the Request-URI, raw
	Sender string `json:"sender,omitzero"`
	Taker  string `json:"taker,omitzero"` // the element whose socket it reached, "" if that is not known
	Leg    Leg    `json:"leg,omitzero"`   // Local is the sender's end
	// Pushed: it went down a connection that its taker had dialled, or to the
	// port that its taker had sent from, whatever the URI says.
	Pushed bool `json:"pushed,omitzero"`
	// Read: the taker's program took it from its socket.
	Read bool `json:"read,omitzero"`
	// Spoke: the taker sent something after it had been sent.
	Spoke    bool `json:"spoke,omitzero"`
	Status   int  `json:"status,omitzero"`   // of the final response, 0 if none came
	Answered bool `json:"answered,omitzero"` // a response came, if only a provisional one
	Waited   int  `json:"waited,omitzero"`   // how long its sender waited for it, in milliseconds
	Step     int  `json:"step"`
}

// T1 is RFC 3261 17.1.1.1's estimate of a round trip, in milliseconds, and
// RuleTime how long a client waits for a response (timers B and F, 64*T1).
const (
	T1       = 500
	RuleTime = 64 * T1
)

// roleIn is the part that an element plays in a call.
func roleIn(c scenario.Call, element string) Role {
	switch element {
	case c.From:
		return RoleCaller
	case c.To:
		return RoleCallee
	}
	return RoleProxy
}

// roleAt is the part that an element plays in a step.
func roleAt(s *scenario.Scenario, step int, element string) Role {
	if step >= 0 && step < len(s.Steps) {
		if c, ok := s.Steps[step].(scenario.Call); ok {
			return roleIn(c, element)
		}
	}
	if e := s.Element(element); e != nil && e.Kind == scenario.Proxy {
		return RoleProxy
	}
	return RoleCallee // who registers will be called
}

// about says what a verdict on a request is about.
func (r *Request) about(s *scenario.Scenario) About {
	return About{Element: r.Taker, Message: r.Method, Role: roleAt(s, r.Step, r.Taker), Transport: r.Leg.Transport}
}

func init() { judgedBy(Answers, judgeAnswers) }

// judgeAnswers judges Answers: one verdict for each request that reached a
// socket of an element. An INVITE is answered by any response (17.2.1: 100
// within 200 ms, if nothing else), another request by a final one (17.2.2).
func judgeAnswers(s *scenario.Scenario, o *Observation) []Verdict {
	var out []Verdict
	for i := range o.Requests {
		r := &o.Requests[i]
		if r.Taker == "" || r.Method == "ACK" || stillAt(s, r.Step, r.Taker) || o.flooded(r) {
			continue
		}
		v := Verdict{Claim: Answers.Name, Class: Accepting, Advert: -1, Use: -1, Step: r.Step, About: r.about(s)}
		if !r.answered() {
			v.Class, v.Severity, v.Detail = NoAnswer, Finding, r.silence()
			if !r.Read && !r.Spoke {
				v.Claim, v.Class = KeepsRunning.Name, Hung
			}
			if r.Pushed {
				v.Severity = Latent
				v.Detail += "; it went down " + r.Taker + "'s own connection, without RFC 5626, which obliges nobody"
			}
		}
		out = append(out, v)
	}
	return out
}

// stillAt reports whether a fault keeps an element from doing anything.
func stillAt(s *scenario.Scenario, step int, element string) bool {
	e := s.Element(element)
	still := false
	for i := 0; i <= step && i < len(s.Steps) && e != nil; i++ {
		switch st := s.Steps[i].(type) {
		case scenario.Freeze:
			still = still || st.Host == e.Host
		case scenario.Thaw:
			still = still && st.Host != e.Host
		}
	}
	return still
}

// flooded reports whether the taker of a request sends without end: that is what
// was found, and not that it comes to nothing else.
func (o *Observation) flooded(r *Request) bool {
	return slices.ContainsFunc(o.Breakdowns, func(b Breakdown) bool {
		return b.Class == Flooded && b.Element == r.Taker && b.Step <= r.Step
	})
}

func (r *Request) answered() bool {
	return r.Status != 0 || r.Method == "INVITE" && r.Answered
}

// silence tells of a request that was not answered, and how much of its sender's
// time it was given.
func (r *Request) silence() string {
	how := "lies unread in its socket"
	if r.Read {
		how = "was read from its socket"
	}
	text := fmt.Sprintf("the %s of %s came to %s over %s at %s, %s, and no answer came within %.3g s",
		r.Method, r.Sender, r.Taker, r.Leg.Transport, r.Leg.Remote, how, float64(r.Waited)/1000)
	if r.Waited < RuleTime {
		text += fmt.Sprintf(" of the %d s (64*T1) that %s waits", RuleTime/1000, r.Sender)
	}
	return text
}
