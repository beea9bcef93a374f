package model

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// RouteSet is what an answer to INVITE made of the Record-Routes that had come
// with it.
type RouteSet struct {
	Giver   string   `json:"giver,omitzero"`   // who answered
	Message string   `json:"message,omitzero"` // "200 INVITE"
	CallID  string   `json:"call_id,omitzero"` // of the dialog
	Came    []string `json:"came,omitzero"`    // the Record-Routes of the INVITE as it was sent to the giver
	Given   []string `json:"given,omitzero"`   // those of the answer
	Seer    string   `json:"seer,omitzero"`    // who received it from the giver
	Leg     Leg      `json:"leg,omitzero"`
	Step    int      `json:"step"`
}

// Copied reports whether all values are there, in the same order, with all
// parameters (RFC 3261 12.1.1).
func (r *RouteSet) Copied() bool {
	return slices.EqualFunc(r.Came, r.Given, func(a, b string) bool { return a == b || canonicalRoute(a) == canonicalRoute(b) })
}

// canonicalRoute writes a route without what spelling alone makes different.
func canonicalRoute(value string) string {
	u, err := sip.ParseURI(strings.Trim(value, "<>"))
	if err != nil {
		return value
	}
	return strings.ToLower(u.String()) // hosts, schemes and parameters know no case (RFC 3261 19.1.4)
}

func init() { judgedBy(RouteSetCopied, judgeRouteSets) }

// judgeRouteSets judges RouteSetCopied: one verdict for each answer that makes a
// dialog and answers an INVITE with Record-Routes. Of an unreliable 18x nobody
// is hurt: the 2xx makes the route set anew (13.2.2.4).
func judgeRouteSets(s *scenario.Scenario, o *Observation) []Verdict {
	var out []Verdict
	for i := range o.RouteSets {
		r := &o.RouteSets[i]
		if len(r.Came) == 0 {
			continue
		}
		v := Verdict{Claim: RouteSetCopied.Name, Class: Accepting, Advert: -1, Use: -1, Step: r.Step,
			About: About{Element: r.Giver, Message: r.Message, Role: roleAt(s, r.Step, r.Giver), Transport: r.Leg.Transport}}
		if !r.Copied() {
			v.Class, v.Severity = RouteSetDropped, Finding
			if provisional(r.Message) {
				v.Severity = Latent
			}
			v.Detail = r.String()
		}
		out = append(out, v)
	}
	return out
}

// String tells the difference.
func (r *RouteSet) String() string {
	given := "has none"
	if len(r.Given) > 0 {
		given = "has " + strings.Join(r.Given, ", ")
	}
	return fmt.Sprintf("the INVITE came to %s with the Record-Route %s; its %s %s", r.Giver, strings.Join(r.Came, ", "), r.Message, given)
}

// detoured reports whether the user of an address in an answer got it as the
// next hop only because the answer lacks the route set that would have kept it
// away: then the address is not to blame. (Who recorded the route has it for the
// next hop in any case.)
func detoured(o *Observation, a *Advert, u *Use) bool {
	return slices.ContainsFunc(o.RouteSets, func(r RouteSet) bool {
		return r.CallID == a.CallID && r.Giver == a.Giver && r.Message == a.Message && r.Seer != u.View.Element && u.Request != "INVITE" && !r.Copied()
	})
}
