package props

import (
	"context"
	"time"

	"github.com/greka-sip/greka/model"
)

// Minimize returns the smallest scenario that still shows a signature, the
// last play that confirmed it, and how many of Confirmations fresh plays did.
//
// It is delta debugging: every reduction (reductions) is tried on the smallest
// scenario so far, and the first that keeps the signature is taken, until none
// does. The result is 1-minimal: no step, element, host, listener or option
// can be left out or made plainer alone. A candidate is only played if honest
// elements could play it. What was played is remembered by its text while it
// works; the confirmations are not, since a memo makes one lucky play
// permanent. Where each play waits for something that does not come, it gives
// up reducing after half a minute.
func Minimize(ctx context.Context, sc *model.Scenario, sig model.Signature, play playFunc) (*model.Scenario, *Played, int) {
	m := &minimizer{ctx: ctx, sig: sig, play: play, tried: map[string]bool{}, until: time.Now().Add(shrinkBound)}
	best := *sc
	for m.shrink(&best) {
	}
	for _, plainer := range []func(model.Scenario) model.Scenario{rename, renumber, reorder} {
		m.accept(&best, plainer(best))
	}
	return m.confirm(best)
}

// playFunc plays a scenario, and with twin its direct twin.
type playFunc func(ctx context.Context, sc *model.Scenario, twin bool) *Played

type minimizer struct {
	ctx   context.Context
	sig   model.Signature
	play  playFunc
	tried map[string]bool // by canonical text
	until time.Time
}

// shrinkBound is how long a minimisation tries reductions.
const shrinkBound = 30 * time.Second

// shrink takes the first reduction that keeps the signature.
func (m *minimizer) shrink(best *model.Scenario) bool {
	for _, reduce := range reductions {
		for _, candidate := range reduce(*best) {
			if m.ctx.Err() != nil || time.Now().After(m.until) {
				return false
			}
			if m.accept(best, candidate) {
				return true
			}
		}
	}
	return false
}

func (m *minimizer) accept(best *model.Scenario, candidate model.Scenario) bool {
	text := model.Format(candidate)
	if text == model.Format(*best) || m.tried[text] {
		return false
	}
	m.tried[text] = true
	if _, err := model.Predict(&candidate); err != nil {
		return false
	}
	if !shows(m.play(m.ctx, &candidate, m.sig.Claim == model.ProxyTransparent.Name), m.sig) {
		return false
	}
	*best = candidate
	return true
}

// confirm plays the result afresh.
func (m *minimizer) confirm(best model.Scenario) (*model.Scenario, *Played, int) {
	var last *Played
	held := 0
	for range Confirmations {
		p := m.play(m.ctx, &best, true)
		if shows(p, m.sig) {
			held++
			last = p
		} else if last == nil {
			last = p
		}
	}
	return &best, last, held
}

// shows reports whether a play, or its direct twin, has a verdict of that
// signature.
func shows(p *Played, sig model.Signature) bool {
	if p == nil || p.Broken != "" {
		return false
	}
	for i := range p.Verdicts {
		if p.Verdicts[i].Signature(&p.Obs) == sig {
			return true
		}
	}
	return false
}
