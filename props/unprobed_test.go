package props

import (
	"context"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// TestPlaysWithoutProbes: without probes a lie is found by the sockets and by
// what its victim met, and who is honest is judged and found clean.
func TestPlaysWithoutProbes(t *testing.T) {
	netns.Require(t)
	sc := foundingScenario(t)
	sig := model.Signature{Claim: model.ContactAccepts.Name, Class: model.ConnectionPort, Severity: model.Finding,
		Header: "Contact", Message: "200 INVITE", Role: "callee", Transport: "tcp"}
	liar := (&player{stack: find(t, "mutant/contact-from-connection"), unprobed: true}).play(context.Background(), &sc, false)
	if !shows(liar, sig) {
		t.Errorf("not found without probes: %s %+v", liar.Broken, liar.Verdicts)
	}
	met := false
	for _, u := range liar.Obs.Uses {
		met = met || u.Request == "ACK" && u.Met == model.ProbeRefused
		if u.Probe.Result != model.ProbeNone || u.Spared == "" {
			t.Errorf("probed: %+v", u)
		}
	}
	if !met {
		t.Errorf("nobody was refused: %+v", liar.Obs.Uses)
	}
	honest := (&player{stack: find(t, "peer"), unprobed: true}).play(context.Background(), &sc, false)
	if honest.Broken != "" || len(honest.Verdicts) == 0 {
		t.Errorf("not judged: %s %+v", honest.Broken, honest.Verdicts)
	}
	for _, v := range honest.Verdicts {
		if v.Class != model.Accepting {
			t.Errorf("%s %s: %s", v.Claim, v.Class, v.Detail)
		}
	}
}
