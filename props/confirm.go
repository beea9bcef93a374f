package props

import (
	"context"
	"fmt"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

const (
	// Confirmations is how many fresh plays of a minimal scenario have to
	// show a finding, all of them, before it is reported.
	Confirmations = 5
	// maxConfirmations is how often a scenario is played that shows a finding
	// in some plays only, if each sighting is proof by itself: it is reported,
	// with its rate, if Confirmations of them show it.
	maxConfirmations = 20
)

// Minimal is what a minimisation came to.
type Minimal struct {
	Scenario *scenario.Scenario
	Played   *Played // the last play that shows the signature; one that does not if none does
	Shown    int     // of the confirmations
	Plays    int
	Unproved string // why it is not reported, "" if it is
	Cut      string // why it may be smaller still, "" if no reduction is left
}

// Confirmed reports whether what was minimised is to be reported.
func (m *Minimal) Confirmed() bool { return m.Unproved == "" }

// rate says how often it was seen, "" if always.
func (m *Minimal) rate() string {
	if m.Shown == m.Plays {
		return ""
	}
	return fmt.Sprintf("in %d of %d plays of this scenario; each of them proves it, by the sockets that were there and by who tried", m.Shown, m.Plays)
}

// outOfTime says that there was no time to confirm, "" if there was.
func outOfTime(ctx context.Context) string {
	if ctx.Err() == nil {
		return ""
	}
	return "the time was over before it was confirmed"
}

// provedEachTime reports whether one sighting of a signature is proof: the
// socket table and a connect have shown the address dead, a request was seen
// where it does not belong, a program has ended. What is only compared with
// another play, or waited for, is not.
func provedEachTime(sig model.Signature) bool {
	switch sig.Claim {
	case model.ContactAccepts.Name, model.RecordRouteAccepts.Name, model.RoutedByTheRules.Name:
		return true
	case model.KeepsRunning.Name:
		return sig.Class == model.Crashed
	}
	return false
}

// confirm plays a scenario afresh: every second play is without probes, so that
// what is reported is there where we did not look, too. The first Confirmations
// plays have to show the signature; or Confirmations of maxConfirmations, if each
// sighting is proof.
func confirm(ctx context.Context, sc scenario.Scenario, sig model.Signature, play playFunc, pace *pace) *Minimal {
	m := &Minimal{Scenario: &sc}
	var shown, plays [2]int // with probes, without
	for most := Confirmations; m.Plays < most && ctx.Err() == nil; {
		before := m.Plays
		twin := before < Confirmations
		pace.each(min(pace.abreast(&sc), most-before), func(i int) *Played {
			return play(ctx, &sc, manner{twin: twin, unprobed: (before+i)%2 == 1})
		}, func(i int, p *Played) {
			kind := (before + i) % 2
			m.Plays++
			plays[kind]++
			itself := shows(p, sig)
			if itself || implied(p, sig) {
				m.Shown++
				shown[kind]++
			}
			if itself || m.Played == nil {
				m.Played = p
			}
		})
		if m.Plays == Confirmations && 0 < m.Shown && m.Shown < m.Plays && provedEachTime(sig) {
			most = maxConfirmations
		}
	}
	switch {
	case ctx.Err() != nil:
		m.Unproved = outOfTime(ctx)
	case shown[0] > 0 && shown[1] == 0:
		m.Unproved = fmt.Sprintf("it was there in %d of %d plays with probes and in none of %d without: our looking makes it", shown[0], plays[0], plays[1])
	case m.Shown < Confirmations || !shows(m.Played, sig):
		m.Unproved = fmt.Sprintf("it was confirmed in %d of %d plays only", m.Shown, m.Plays)
	}
	return m
}
