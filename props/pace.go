package props

import (
	"slices"
	"sync"
	"time"

	"github.com/greka-sip/greka/model/scenario"
)

const (
	// slowPlay is how long a play takes that mostly waits for what does not
	// come: an answer, by 64*T1. One that all comes to takes milliseconds.
	slowPlay = time.Second
	// playsWaiting is how many plays that wait are under way at once. They need a
	// lab each, and hardly a processor.
	playsWaiting = 4
)

// pace tells how many plays of one scenario and its likes can be under way at
// once. The zero value plays one after the other.
type pace struct{ slow bool }

// abreast is how many are to be played at once.
func (p *pace) abreast(sc *scenario.Scenario) int {
	if !p.slow || slices.ContainsFunc(sc.Steps, fills) {
		return 1
	}
	return fitting(playsWaiting)
}

// each plays n at once, and tells of them in their order.
func (p *pace) each(n int, play func(i int) *Played, tell func(i int, played *Played)) {
	began := time.Now()
	if n == 1 { // without a goroutine: what panics tells where
		tell(0, play(0))
	} else {
		var all sync.WaitGroup
		done := make([]chan *Played, n)
		for i := range done {
			done[i] = make(chan *Played, 1)
			all.Go(func() { done[i] <- play(i) })
		}
		for i := range done {
			tell(i, <-done[i])
		}
		all.Wait()
	}
	p.slow = time.Since(began) > slowPlay
}
