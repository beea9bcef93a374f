package props

import (
	"context"
	"fmt"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// Minimize returns the smallest scenario that still shows a signature, and what
// fresh plays of it showed (confirm).
//
// It is delta debugging: every reduction (reductions) is tried on the smallest
// scenario so far, and the first that keeps the signature is taken, until none
// does. The result is 1-minimal: no step, element, host, listener or option
// can be left out or made plainer alone. A candidate is only played if honest
// elements could play it. What was played is remembered by its text while it
// works; the confirmations are not, since a memo makes one lucky play
// permanent. What shows in some plays only is reduced once more, with several
// plays of each candidate. Where plays wait for what does not come, several are
// under way at once; what is taken is the same. It gives up reducing after
// shrinkBound, and at until if that is not zero, and says so.
func Minimize(ctx context.Context, sc *scenario.Scenario, sig model.Signature, until time.Time, play playFunc) *Minimal {
	m := &minimizer{ctx: ctx, sig: sig, play: play, tried: map[string]bool{}, until: time.Now().Add(shrinkBound), tries: 1}
	m.cut = fmt.Sprintf("reducing it was given up after %v", shrinkBound)
	if !until.IsZero() && until.Before(m.until) {
		m.until, m.cut = until, "ended by --time"
	}
	best := *sc
	m.reduce(&best)
	result := confirm(ctx, best, sig, play, &m.pace)
	if 0 < result.Shown && result.Shown < result.Plays && provedEachTime(sig) {
		m.tries, m.tried = triesOfSome, map[string]bool{}
		m.reduce(&best)
		result = confirm(ctx, best, sig, play, &m.pace)
	}
	if m.over() {
		result.Cut = m.cut
	}
	return result
}

// manner is how a scenario is played.
type manner struct {
	twin     bool // its direct twin, too
	unprobed bool // without probes
}

// playFunc plays a scenario.
type playFunc func(ctx context.Context, sc *scenario.Scenario, how manner) *Played

type minimizer struct {
	ctx   context.Context
	sig   model.Signature
	play  playFunc
	tried map[string]bool // by canonical text
	until time.Time
	cut   string // why it ends at until
	tries int    // plays of each candidate, until one shows the signature
	pace  pace
}

// shrinkBound is how long a minimisation tries reductions: some forty plays that
// each wait for something that does not come. A variable for tests only.
var shrinkBound = 2 * time.Minute

// triesOfSome is how often a candidate is played where the signature shows in
// some plays only: of what shows in every other play, one in sixteen reductions
// is missed.
const triesOfSome = 4

func (m *minimizer) over() bool { return m.ctx.Err() != nil || time.Now().After(m.until) }

// reduce makes a scenario as small and as plain as it gets.
func (m *minimizer) reduce(best *scenario.Scenario) {
	for m.pass(best) {
	}
	for _, plainer := range []func(scenario.Scenario) scenario.Scenario{rename, renumber, reorder} {
		if !m.over() {
			m.accept(best, plainer(*best))
		}
	}
}

// pass tries every reduction once, and reports whether one kept the signature.
// After one that did it goes on with the next and does not begin again: what was
// needed in a larger scenario mostly is in a smaller one. The last pass, of which
// none did, is what makes the result 1-minimal.
func (m *minimizer) pass(best *scenario.Scenario) (smaller bool) {
	for _, reduce := range reductions {
		for at := 0; ; smaller = true {
			all := reduce(*best)
			i := m.shrink(best, all[min(at, len(all)):])
			if i < 0 {
				break
			}
			at += i
		}
	}
	return smaller
}

// shrink takes the first of some reductions that keeps the signature, and
// returns which one it is, -1 if none does.
func (m *minimizer) shrink(best *scenario.Scenario, reductions []scenario.Scenario) int {
	for at := 0; at < len(reductions) && !m.over(); {
		var batch []*scenario.Scenario
		var where []int
		for ; at < len(reductions) && len(batch) < m.pace.abreast(best); at++ {
			if m.worth(best, &reductions[at]) {
				batch, where = append(batch, &reductions[at]), append(where, at)
			}
		}
		if len(batch) == 0 {
			break
		}
		if i := m.first(batch); i >= 0 {
			for _, c := range batch[i+1:] { // not reductions of what is now the best
				delete(m.tried, scenario.Format(*c))
			}
			*best = *batch[i]
			return where[i]
		}
	}
	return -1
}

// worth reports whether a candidate can be played and was not, and takes note
// of it.
func (m *minimizer) worth(best, candidate *scenario.Scenario) bool {
	text := scenario.Format(*candidate)
	if text == scenario.Format(*best) || m.tried[text] {
		return false
	}
	m.tried[text] = true
	_, err := model.Predict(candidate)
	return err == nil
}

// first returns the first of some candidates that shows the signature, -1 if
// none does.
func (m *minimizer) first(batch []*scenario.Scenario) int {
	ctx, stop := context.WithCancel(m.ctx)
	defer stop()
	found := -1
	m.pace.each(len(batch), func(i int) *Played {
		for range m.tries {
			if p := m.play(ctx, batch[i], manner{twin: m.sig.Claim == model.ProxyTransparent.Name}); shows(p, m.sig) {
				return p
			}
		}
		return nil
	}, func(i int, p *Played) {
		if p != nil && found < 0 {
			found = i
			stop() // those behind it are not asked
		}
	})
	return found
}

func (m *minimizer) accept(best *scenario.Scenario, candidate scenario.Scenario) {
	if m.worth(best, &candidate) && m.first([]*scenario.Scenario{&candidate}) == 0 {
		*best = candidate
	}
}

// implied reports whether a play has a verdict that says more than a signature:
// a program that stands still does not answer either, whether it has read the
// request depends on how fast it came.
func implied(p *Played, sig model.Signature) bool {
	if sig.Class != model.NoAnswer {
		return false
	}
	sig.Claim, sig.Class = model.KeepsRunning.Name, model.Hung
	return shows(p, sig)
}

// shows reports whether a play has a verdict of that signature.
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
