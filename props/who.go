package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// who says who uses the address next, and by which rule.
func (e *explanation) who() string {
	user, request := e.u.View.Element, e.u.Request
	x := e.p.Scenario.Element(user)
	proxy := x != nil && x.Kind == scenario.Proxy
	switch {
	case request == "":
		return e.whoHolds(user)
	case e.v.Class == model.Malformed:
		return fmt.Sprintf("%s needs it as %s", user, e.neededAs(proxy))
	case request == "INVITE":
		return e.whoInvites(proxy)
	case e.a.Header == "Record-Route":
		return e.whoRoutes()
	case proxy:
		return fmt.Sprintf("%s passes the %s on to that address, the remote target: %s is the last of the recorded route (RFC 3261 16.6)", user, e.request(), user)
	}
	return fmt.Sprintf("%s sends the %s straight there: no Record-Route, so the remote target is the next hop (RFC 3261 12.2.1.1)", user, e.request())
}

// request is what is sent to the address, with its step where several could be
// meant.
func (e *explanation) request() string {
	return e.u.Request + inStep(&e.p.Scenario, e.u.Step, sends(&e.p.Scenario, e.u.View.Element, e.u.Request))
}

// neededAs says what its user would make of a URI that is none.
func (e *explanation) neededAs(proxy bool) string {
	switch {
	case e.a.Header == "Record-Route":
		return fmt.Sprintf("a Route of the %s (RFC 3261 12.2.1.1)", e.request())
	case e.u.Request != "INVITE":
		return fmt.Sprintf("the Request-URI of the %s (RFC 3261 12.2.1.1)", e.request())
	case proxy:
		return fmt.Sprintf("the Request-URI of the %s (RFC 3261 16.5, 16.6)", e.request())
	}
	return fmt.Sprintf("the Request-URI of the %s (RFC 3261 8.1.1.1)", e.request())
}

// whoRoutes says who sends a request to a Record-Route: to the first of its route
// set. Which one that is differs from side to side.
func (e *explanation) whoRoutes() string {
	user := e.u.View.Element
	text := fmt.Sprintf("%s wrote it; %s sends the %s there: it is the first of %s's route set (RFC 3261 12.2.1.1)", e.a.Giver, user, e.request(), user)
	c, ok := e.step().(scenario.Call)
	switch {
	case !ok || e.a.Of < 2:
	case user == c.From && e.a.Nth == e.a.Of:
		text += ", since the caller takes the Record-Routes from the last to the first (RFC 3261 12.1.2)"
	case user == c.To && e.a.Nth == 1:
		text += ", since the callee takes the Record-Routes from the first to the last (RFC 3261 12.1.1)"
	}
	return text
}

// which says which of several values of one header is meant, as a reader of the
// packet counts them; "" where it is the only one.
func (e *explanation) which() string {
	if e.a.Of < 2 {
		return ""
	}
	return fmt.Sprintf(" (the %s of %d, from the top)", ordinal(e.a.Nth), e.a.Of)
}

// value is what was handed out, as it stands in the message. Of several on one
// line it is the one that is meant.
func (e *explanation) value() string {
	if list, err := sip.ParseNameAddrs(e.a.Value); e.a.Of > 1 && err == nil && len(list) > 1 {
		return "<" + e.a.URI + ">"
	}
	return e.a.Value
}

func ordinal(n int) string {
	if words := [...]string{"", "first", "second", "third"}; n > 0 && n < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%dth", n)
}

// whoHolds says what comes of an address that was received.
func (e *explanation) whoHolds(user string) string {
	if x := e.elsewhere(); x != nil {
		return fmt.Sprintf("%s holds it from here on; %s sends the %s to the same URI in this play", user, x.View.Element, x.Request)
	}
	return user + " holds it, and nobody sends anything there in this play"
}

// elsewhere is another use of the same URI of the same element, for a request;
// nil if there is none.
func (e *explanation) elsewhere() *model.Use {
	for i := range e.p.Obs.Uses {
		u := &e.p.Obs.Uses[i]
		if a := &e.p.Obs.Adverts[u.Advert]; u.Request != "" && a.Giver == e.a.Giver && a.URI == e.a.URI {
			return u
		}
	}
	return nil
}

// whoInvites says where the user of a new call has the address from.
func (e *explanation) whoInvites(proxy bool) string {
	user := e.u.View.Element
	if e.a.Message == "REGISTER" {
		return user + " sends the " + e.request() + " there: the registered Contact becomes the Request-URI (RFC 3261 16.5, 16.6)"
	}
	scope := "a Contact is good for requests outside its dialog too (RFC 3261 8.1.1.8)"
	if strings.HasSuffix(e.a.Message, " INVITE") { // 8.1.1.8 is about requests
		scope = "that Contact says where its giver is to be reached (RFC 3261 12.1.1)"
	}
	c, ok := e.step().(scenario.Call)
	if !ok || !proxy {
		return fmt.Sprintf("%s sends a new INVITE there: %s", user, scope)
	}
	return fmt.Sprintf("%s passes %s's new INVITE on to it, who has it from %s's %s: %s", user, c.From, e.a.Giver, e.a.Message, scope)
}
