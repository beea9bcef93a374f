package props

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// fateOfRouteSet says what comes of an answer that lacks Record-Routes: the caller
// knows no other route set than the answer's.
func (e *explanation) fateOfRouteSet() string {
	about := &e.v.About
	i := slices.IndexFunc(e.p.Obs.RouteSets, func(r model.RouteSet) bool {
		return r.Step == e.v.Step && r.Giver == about.Element && r.Message == about.Message && !r.Copied()
	})
	c, ok := stepOf(e.p, e.v.Step).(scenario.Call)
	switch {
	case i < 0 || !ok:
		return "the caller makes its route set of this answer (RFC 3261 12.1.2)"
	case e.v.Severity != model.Finding:
		return "nobody is hurt by this answer alone: the 2xx makes the route set anew (RFC 3261 13.2.2.4)"
	}
	r := &e.p.Obs.RouteSets[i]
	text := fmt.Sprintf("%s makes its route set of this answer (RFC 3261 12.1.2), and ", c.From)
	who := e.recorders(r)
	switch {
	case len(r.Given) > 0:
		text += fmt.Sprintf("it is another one than %s recorded (RFC 3261 16.6 step 4): the ACK and all later requests of %s follow it", who, c.From)
	default:
		text += fmt.Sprintf("it is empty: the ACK and all later requests of %s go past %s, which recorded a route to stay in the path (RFC 3261 16.6 step 4)", c.From, who)
	}
	return text + e.past(r, c.From)
}

// recorders names who recorded the route that came, by the addresses in it.
func (e *explanation) recorders(r *model.RouteSet) string {
	var names []string
	for _, value := range r.Came {
		name := "the proxy"
		if x := elementAt(&e.p.Scenario, strings.Trim(value, "<>")); x != "" {
			name = x
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " and ")
}

// past says where the ACK was seen to go instead, if it was.
func (e *explanation) past(r *model.RouteSet, caller string) string {
	for i := range e.p.Obs.Uses {
		u := &e.p.Obs.Uses[i]
		a := &e.p.Obs.Adverts[u.Advert]
		if u.Step == r.Step && u.Request == "ACK" && u.View.Element == caller && a.Header == "Contact" && a.Giver == r.Giver && a.CallID == r.CallID {
			return fmt.Sprintf("; seen: %s sends the ACK to %s itself, by its Contact", caller, r.Giver)
		}
	}
	return ""
}

// elementAt is the element that listens where a URI leads, "" if none does.
func elementAt(sc *scenario.Scenario, uri string) string {
	t, err := sip.TargetOf(uri)
	if err != nil {
		return ""
	}
	return sc.ElementAt(t)
}
