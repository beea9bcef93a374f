package props

import (
	"context"
	"errors"
	"io"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/sut"
)

// Record plays a scenario once more and writes every packet of it to w, as
// pcapng. Interfaces are named by host and who is on it,
// "hut/eth0 (ann)", and our own probes are marked. What there is of a play
// that was broken is written too, and the error says why it was.
func Record(ctx context.Context, stack *sut.Stack, sc *scenario.Scenario, w io.Writer) error {
	p := (&player{stack: stack, record: true}).once(ctx, sc)
	if _, err := w.Write(p.Packets); err != nil {
		return err
	}
	if p.Broken != "" {
		return errors.New(p.Broken)
	}
	return nil
}

// recordings is how often a confirmed scenario is played again at the most until
// it shows its finding with a capture.
const recordings = 20

// recorded plays a confirmed scenario once more, with a capture: what is
// explained is that play, so that its ports are those of its packets. If none
// shows the finding, the one that was confirmed stays, without packets.
func (p *player) recorded(ctx context.Context, sc *scenario.Scenario, sig model.Signature, confirmed *Played) *Played {
	for range recordings {
		again := (&player{stack: p.stack, record: true}).play(ctx, sc, true)
		if shows(again, sig) {
			return again
		}
	}
	return confirmed
}

// outlasts reports whether what was waited for in vain is still missing when the
// call is given more time: then it is no slowness. A request that is not
// answered gets all the time that its sender waits by the rules.
func (p *player) outlasts(ctx context.Context, sc *scenario.Scenario, sig model.Signature) bool {
	within := patience
	switch {
	case sig.Class == model.NoAnswer || sig.Class == model.Hung:
		within = ruleTime
	case sig.Class == model.DiffersFromDirect || sig.Severity == model.Puzzle:
	default:
		return true
	}
	again := (&player{stack: p.stack, within: within}).play(ctx, sc, sig.Claim == model.ProxyTransparent.Name)
	return shows(again, sig) || implied(again, sig)
}

// as plays a scenario in a manner.
func (p *player) as(ctx context.Context, sc *scenario.Scenario, how manner) *Played {
	q := *p
	q.unprobed = how.unprobed
	return q.play(ctx, sc, how.twin)
}
