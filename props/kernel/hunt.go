package kernel

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// Config says how to hunt. The zero value plays 100,000 steps of seed 0 on all
// cores with the reference model.
type Config struct {
	Seed    uint64
	Steps   int           // end after so many steps; 0 is 100,000 unless Time is set
	Time    time.Duration // end after so long instead; 0 is no limit
	Workers int           // rigs at once; 0 is one per core
	Wrong   linux.Mistake // a mistake of the model, for the negative twins
	First   bool          // end at the first finding
	// Progress, if not nil, is told now and then how far the hunt is. It is
	// called by one goroutine at a time.
	Progress func(Summary)
}

// Finding is a scenario in which the model and the kernel disagree.
type Finding struct {
	Index    int // of the scenario in the seed's list
	Scenario scenario.Scenario
	// Difference is that of the minimal scenario, if there is one.
	Difference string
	// Minimal is the smallest scenario found that differs too, and it did in
	// 5 of 5 plays. It has no steps if the difference did not come again.
	Minimal scenario.Scenario
}

// Confirmed reports whether the difference came again.
func (f *Finding) Confirmed() bool { return len(f.Minimal.Steps) > 0 }

// Summary is what a hunt has come to.
type Summary struct {
	Seed      uint64
	Scenarios int
	Steps     int // played in the model and in the kernel, and compared; probes included
	Probes    int // of these, after the last step of a scenario
	Undecided int // scenarios that ended early since the model says nothing of a step
	Seconds   float64
	Findings  []Finding
	Reach     linux.Reach // what the model came to
	May       May         // which way the kernel went where the model allows several
}

// Hunt plays scenarios of socket steps until the configuration, the context or
// trouble of the harness ends it; the error is of the last kind only.
// Scenario i of a seed is the same everywhere.
func Hunt(ctx context.Context, c Config) (Summary, error) {
	if c.Steps == 0 && c.Time == 0 {
		c.Steps = 100_000
	}
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	h := &hunt{Config: c, start: time.Now()}
	h.sum.Seed = c.Seed
	if c.Time > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, c.Time)
		defer stop()
	}
	var workers sync.WaitGroup
	for range c.Workers {
		workers.Add(1)
		go func() {
			defer workers.Done()
			h.work(ctx)
		}()
	}
	workers.Wait()
	h.sum.Seconds = time.Since(h.start).Seconds()
	slices.SortFunc(h.sum.Findings, func(a, b Finding) int { return a.Index - b.Index })
	return h.sum, h.err
}

type hunt struct {
	Config
	start time.Time

	mu   sync.Mutex
	next int
	sum  Summary
	err  error
}

func (h *hunt) work(ctx context.Context) {
	rig := NewRig()
	defer rig.Close()
	for ctx.Err() == nil {
		i, ok := h.take()
		if !ok {
			return
		}
		var reach linux.Reach
		s := Draw(h.Seed, i)
		played := rig.Play(s, h.Wrong, &reach)
		var found *Finding
		if played.Difference != "" {
			found = &Finding{Index: i, Scenario: s, Difference: played.Difference}
			if small, difference := confirm(rig, s, h.Wrong); difference != "" {
				found.Minimal, found.Difference = small, difference
			}
		}
		h.note(i, played, &reach, found)
	}
}

// take gives out the index of the next scenario, until the hunt is over.
func (h *hunt) take() (int, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	over := h.err != nil || h.Steps > 0 && h.sum.Steps >= h.Steps || h.First && len(h.sum.Findings) > 0
	if over {
		return 0, false
	}
	h.next++
	return h.next - 1, true
}

func (h *hunt) note(i int, played Played, reach *linux.Reach, found *Finding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &h.sum
	s.Scenarios++
	s.Steps += played.Steps
	s.Probes += played.Probes
	if played.Undecided != "" {
		s.Undecided++
	}
	s.Reach.Add(reach)
	s.May.add(&played.May)
	if played.Broken != nil && h.err == nil {
		h.err = fmt.Errorf("kernel: scenario %d of seed %d: %w", i, h.Seed, played.Broken)
	}
	if found != nil {
		s.Findings = append(s.Findings, *found)
	}
	if h.Progress != nil && s.Scenarios%64 == 0 {
		s.Seconds = time.Since(h.start).Seconds()
		h.Progress(*s)
	}
}

// confirmations is how often a minimal scenario has to differ.
const confirmations = 5

// confirm makes a scenario minimal, if it differs every time, and says how that
// one differs. Otherwise it returns none: the difference stays one that nobody
// has explained. Where only a probe showed it, the probe becomes a step.
func confirm(rig *Rig, s scenario.Scenario, wrong linux.Mistake) (small scenario.Scenario, difference string) {
	differs := func(c scenario.Scenario) bool {
		got := rig.Play(c, wrong, nil).Difference
		if got == "" {
			return false
		}
		difference = got
		// A counterexample to a mistake is none to the reference model.
		if wrong == linux.NoMistake {
			return true
		}
		right := rig.Play(c, linux.NoMistake, nil)
		return right.goOn()
	}
	again := rig.Play(s, wrong, nil)
	if again.Difference == "" {
		return scenario.Scenario{}, ""
	}
	s.Steps = slices.Concat(s.Steps, again.Probed)
	rig.NoProbes = true
	defer func() { rig.NoProbes = false }()
	s = Minimize(s, differs)
	for range confirmations {
		if !differs(s) {
			return scenario.Scenario{}, ""
		}
	}
	return s, difference
}
