package props

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// reducible is a scenario of which a call by udp to bob is what matters.
const reducible = `
net   lan 46
net   far 46
host  h1  lan far
host  h2  lan
proxy p   h1 udp:5060 tcp:5060 deliver=flow record-route at=lan
ua    bob h1 udp:5080 tcp:5082 via=p at=lan bind=:: sut
ua    ann h2 udp:5090 tcp:5092 via=p at=lan
ua    eve h2 tcp:5094 at=lan

register bob
call     ann bob udp
call     eve bob tcp
call     ann bob tcp hangup=callee
`

// plays is a stack whose every play takes some time.
func plays(took time.Duration, count *atomic.Int64) playFunc {
	return func(ctx context.Context, sc *scenario.Scenario, _ manner) *Played {
		count.Add(1)
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return nil
		}
		p := &Played{Scenario: *sc}
		p.Obs.Adverts = fakeAdverts
		if strings.Contains(scenario.Format(*sc), "hangup=callee") {
			p.Verdicts = []model.Verdict{contact(model.Closed, model.Finding, 0)}
		}
		return p
	}
}

// What waits is reduced by several plays at once: to the same scenario, in less
// time.
func TestMinimizeWaitsAtOnce(t *testing.T) {
	s, err := scenario.Parse(reducible)
	if err != nil {
		t.Fatal(err)
	}
	sig := (&model.Verdict{Claim: model.ContactAccepts.Name, Class: model.Closed, Severity: model.Finding}).Signature(&model.Observation{Adverts: fakeAdverts})
	minimal := func(took time.Duration) (text string, plaid int64, seconds float64) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var count atomic.Int64
			defer func(b time.Duration) { shrinkBound = b }(shrinkBound)
			shrinkBound = 24 * time.Hour
			m := Minimize(t.Context(), &s, sig, time.Time{}, plays(took, &count))
			if !m.Confirmed() || m.Plays != Confirmations || m.Cut != "" {
				t.Errorf("plays of %v: %d of %d, %q, %q", took, m.Shown, m.Plays, m.Unproved, m.Cut)
			}
			text, plaid, seconds = scenario.Format(*m.Scenario), count.Load(), time.Since(began).Seconds()
		})
		return text, plaid, seconds
	}
	fast, n, _ := minimal(10 * time.Millisecond)
	slow, _, seconds := minimal(10 * time.Second)
	if fast != slow || strings.Count(fast, "\ncall") != 1 {
		t.Errorf("one after the other:\n%s\nat once:\n%s", fast, slow)
	}
	if one := 10 * float64(n); seconds > one*4/5 {
		t.Errorf("%.0f s, one after the other it would be %.0f s", seconds, one)
	}
}
