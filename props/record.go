package props

import (
	"context"
	"errors"
	"io"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/sut"
)

// Record plays a scenario once more and writes every packet of it to w, as
// pcapng. Interfaces are named as "ann/eth0", by host.
func Record(ctx context.Context, stack *sut.Stack, sc *model.Scenario, w io.Writer) error {
	p := (&player{stack: stack, record: true}).once(ctx, sc)
	if p.Broken != "" {
		return errors.New(p.Broken)
	}
	_, err := w.Write(p.Packets)
	return err
}

// recorded plays a confirmed scenario once more, with a capture. If that play
// does not show the finding, the one that was confirmed stays.
func (p *player) recorded(ctx context.Context, sc *model.Scenario, sig model.Signature, confirmed *Played) *Played {
	again := (&player{stack: p.stack, record: true}).play(ctx, sc, true)
	if !shows(again, sig) {
		return confirmed
	}
	return again
}

// outlasts reports whether a difference from the direct call is still there
// when both are given more time: then it is no slowness.
func (p *player) outlasts(ctx context.Context, sc *model.Scenario, sig model.Signature) bool {
	return shows((&player{stack: p.stack, patient: true}).play(ctx, sc, true), sig)
}
