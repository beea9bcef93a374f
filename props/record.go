package props

import (
	"context"
	"errors"
	"io"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/sut"
)

// Record plays a scenario once more and writes every packet of it to w, as
// pcapng. Interfaces are named as "ann/eth0", by host. What there is of a play
// that was broken is written too, and the error says why it was.
func Record(ctx context.Context, stack *sut.Stack, sc *model.Scenario, w io.Writer) error {
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
const recordings = 5

// recorded plays a confirmed scenario once more, with a capture: what is
// explained is that play, so that its ports are those of its packets. If none
// shows the finding, the one that was confirmed stays, without packets.
func (p *player) recorded(ctx context.Context, sc *model.Scenario, sig model.Signature, confirmed *Played) *Played {
	for range recordings {
		again := (&player{stack: p.stack, record: true}).play(ctx, sc, true)
		if shows(again, sig) {
			return again
		}
	}
	return confirmed
}

// outlasts reports whether a difference from the direct call is still there
// when both are given more time: then it is no slowness.
func (p *player) outlasts(ctx context.Context, sc *model.Scenario, sig model.Signature) bool {
	return shows((&player{stack: p.stack, patient: true}).play(ctx, sc, true), sig)
}
