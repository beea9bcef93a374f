package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
)

// title says in one line what is wrong, as in
//
//	ConnectionPort: the Contact of bob's 200 INVITE does not accept
func title(p *Played, v model.Verdict) string {
	return fmt.Sprintf("%s: %s", v.Class, complaint(p, &v))
}

func complaint(p *Played, v *model.Verdict) string {
	if v.Advert < 0 || v.Advert >= len(p.Obs.Adverts) {
		return misdeed(p, v)
	}
	a := &p.Obs.Adverts[v.Advert]
	message := a.Message + inStep(&p.Scenario, a.Step, sends(&p.Scenario, a.Giver, a.Message))
	switch {
	case v.Class != model.Malformed:
	case a.Value == "":
		return fmt.Sprintf("%s's %s has no %s", a.Giver, message, a.Header)
	case a.URI == "" && strings.Contains(a.Problem, "Contacts"):
		return fmt.Sprintf("%s's %s has several Contacts", a.Giver, message)
	}
	return fmt.Sprintf("the %s of %s's %s %s", a.Header, a.Giver, message, shortcoming(v.Class))
}

// misdeed is what is wrong where that is no address.
func misdeed(p *Played, v *model.Verdict) string {
	about, sc := &v.About, &p.Scenario
	sent := func() string { return inStep(sc, v.Step, sends(sc, about.Element, about.Message)) }
	came := func() string { return inStep(sc, v.Step, comesTo(sc, about.Element, about.Message)) }
	switch text := misdeeds[v.Class]; {
	case text != "" && about.Message != "" && v.Class == model.Misrouted:
		return fmt.Sprintf(text, about.Element, about.Message+sent())
	case text != "" && about.Message != "":
		return fmt.Sprintf(text, about.Element, about.Message+came())
	case breakdowns[v.Class] != "":
		return about.Element + "'s program " + breakdowns[v.Class] + came()
	case v.Class == model.RouteSetDropped:
		return fmt.Sprintf("%s's %s does not copy the Record-Route", about.Element, about.Message+sent())
	case v.Class == model.SocketsDiffer && len(v.Missing)+len(v.Extra) > 0:
		return culprit(v)
	case complaints[v.Claim] != "":
		return complaints[v.Claim]
	}
	return v.Claim + " does not hold"
}

// complaints are for the claims that are not about one address.
var complaints = map[string]string{
	model.ProxyTransparent.Name: "the call through a proxy does not end as the direct one does",
	model.Answers.Name:          "a request that came to a socket of the stack is not answered",
	model.RoutedByTheRules.Name: "a request inside the dialog goes to the wrong place",
	model.KeepsRunning.Name:     "the program does not go on",
	model.SocketsAgree.Name:     "there are other sockets than the model predicts",
	model.LookupAgrees.Name:     "a probe met another socket than the snapshot says",
}

// misdeeds are for what an element did with a request; %[1]s is the element,
// %[2]s the request.
var misdeeds = map[model.Class]string{
	model.NoAnswer:          "%[1]s does not answer the %[2]s that came to its socket",
	model.Misrouted:         "%[1]s sends its %[2]s to the wrong place",
	model.DiffersFromDirect: "%[1]s refuses the %[2]s that comes through a proxy, and accepts a direct one",
}

// breakdowns says what a program does instead of going on.
var breakdowns = map[model.Class]string{
	model.Crashed: "ends by itself",
	model.Hung:    "stands still",
	model.Flooded: "sends without end",
}

func shortcoming(c model.Class) string {
	switch c {
	case model.Malformed:
		return "is no address"
	case model.Unspecified:
		return "is the unspecified address"
	case model.Loopback:
		return "is the loopback address"
	case model.LinkLocalNoScope:
		return "is a link-local address without a zone"
	case model.Unreachable:
		return "cannot be reached"
	case model.WrongOwner:
		return "leads to somebody else"
	}
	return "does not accept"
}
