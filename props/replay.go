package props

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/sut"
)

// Want is what a replay is expected to show. Its zero value is that nothing is
// found.
type Want struct {
	Finding   bool
	Signature model.Signature // the one that has to show; the zero value is any
}

// WantOf returns what a case says of a stack in a version.
func WantOf(c *corpus.Case, stack, version string) Want {
	sig, finding := c.Expected(stack, version)
	return Want{finding, sig}
}

// String says it as a case does.
func (w Want) String() string {
	switch {
	case !w.Finding:
		return "clean"
	case w.Signature == model.Signature{}:
		return "any finding"
	}
	return corpus.FormatSignature(w.Signature)
}

// Replayed is what came of playing a scenario again.
type Replayed struct {
	Played     *Played
	Result     Result
	Detail     string            // of a broken or inconclusive one: why
	Shown      []model.Signature // each once: findings first, then what is latent in the whole scenario
	AsExpected bool
	engine     *engine
}

// Replay plays a scenario once, beside its direct twin, with a stack as the
// element that is judged, and compares what it shows with what is wanted.
// The error says why the scenario cannot be played with this stack.
func Replay(ctx context.Context, stack *sut.Stack, sc *scenario.Scenario, want Want) (*Replayed, error) {
	if err := playable(stack, sc); err != nil {
		return nil, err
	}
	eng := newEngine(stack, stack.Version, &Config{})
	if eng.close != nil {
		defer eng.close()
	}
	return replay(ctx, &eng, sc, want), nil
}

// playable says why a stack cannot play a scenario.
func playable(stack *sut.Stack, sc *scenario.Scenario) error {
	judged := sc.SUT()
	switch {
	case stack.Name == kernelName && len(sc.Elements) > 0:
		return errors.New("props: kernel plays socket steps only, and the scenario has SIP elements")
	case stack.Name == kernelName:
		return nil
	case judged == nil:
		return errors.New("props: the scenario marks no element as sut")
	}
	if err := stack.Fits(sc, judged.Name); err != nil {
		return fmt.Errorf("props: %s cannot play this scenario: %w", stack.Name, err)
	}
	if _, err := model.Predict(sc); err != nil {
		return fmt.Errorf("props: honest elements cannot play this scenario: %w", err)
	}
	return nil
}

func replay(ctx context.Context, eng *engine, sc *scenario.Scenario, want Want) *Replayed {
	r := &Replayed{Played: eng.play(ctx, sc, true), engine: eng}
	r.Result, r.Detail = resultOf(r.Played, &Config{})
	if r.Result == ResultBroken {
		return r
	}
	r.Shown = shownBy(r.Played)
	r.AsExpected = want.met(r.Played, r.Shown)
	return r
}

// shownBy lists the signatures that a play shows, each once: findings first.
func shownBy(p *Played) []model.Signature {
	var hurt, hidden []model.Signature
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		switch sig := v.Signature(&p.Obs); {
		case v.Severity == model.Finding && !slices.Contains(hurt, sig):
			hurt = append(hurt, sig)
		case (latent(p, v) || v.Severity == model.Puzzle) && !slices.Contains(hidden, sig):
			hidden = append(hidden, sig)
		}
	}
	return append(hurt, hidden...)
}

// met reports whether a play that shows these signatures is what is wanted.
func (w Want) met(p *Played, shown []model.Signature) bool {
	hurt := slices.ContainsFunc(shown, func(sig model.Signature) bool { return sig.Severity == model.Finding })
	switch {
	case !w.Finding:
		result, _ := resultOf(p, &Config{})
		return !hurt && result != ResultInconclusive
	case w.Signature == model.Signature{}:
		return hurt
	}
	return slices.Contains(shown, w.Signature)
}

// Observed is the play as it is kept (corpus.FormatObserved), nil if there is
// nothing that could be judged again.
func (r *Replayed) Observed() *corpus.Observed {
	return observed(r.Played, r.engine.stack, r.engine.version)
}

// Findings tells of each signature that the replay shows.
func (r *Replayed) Findings() []*Finding {
	var all []*Finding
	for _, sig := range r.Shown {
		all = append(all, newFinding(r.engine, sig, &r.Played.Scenario, r.Played))
	}
	return all
}
