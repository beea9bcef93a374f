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
	return fmt.Sprintf("the %s of %s's %s %s", a.Header, a.Giver, message, v.Class.Row().Says)
}

// misdeed is what is wrong where that is no address.
func misdeed(p *Played, v *model.Verdict) string {
	about, sc := &v.About, &p.Scenario
	sent := func() string { return inStep(sc, v.Step, sends(sc, about.Element, about.Message)) }
	came := func() string { return inStep(sc, v.Step, comesTo(sc, about.Element, about.Message)) }
	switch row := v.Class.Row(); {
	case row.Subject == model.OfRequest && about.Message != "" && v.Class == model.Misrouted:
		return fmt.Sprintf(row.Says, about.Element, about.Message+sent())
	case row.Subject == model.OfRequest && about.Message != "":
		return fmt.Sprintf(row.Says, about.Element, about.Message+came())
	case row.Subject == model.OfProgram:
		return about.Element + "'s program " + row.Says + came()
	case row.Subject == model.OfAnswer:
		return fmt.Sprintf("%s's %s %s", about.Element, about.Message+sent(), row.Says)
	case v.Class == model.SocketsDiffer && len(v.Missing)+len(v.Extra) > 0:
		return culprit(v)
	}
	if c, ok := model.ClaimNamed(v.Claim); ok {
		return c.Broken
	}
	return v.Claim + " does not hold"
}
