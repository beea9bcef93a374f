package props

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// Config says how to hunt. Its zero value works.
type Config struct {
	Seed      uint64        // of the list of scenarios: scenario i of a seed is the same everywhere
	Checks    int           // scenarios to play; 0 is 200
	Time      time.Duration // how long to play scenarios, instead of Checks; 0 is no limit
	Workers   int           // labs at once; 0 is all cores, or as many as there are file descriptors for
	Only      []string      // claims to judge; nil is all
	Transport string        // only scenarios whose judged element uses it; "" is any
	Role      string        // only scenarios in which the judged element plays it; "" is any
	Out       string        // directory for the cases of findings; "" writes none
	Fresh     bool          // every scenario in namespaces of its own; else labs of Greka's own elements are reset and used again

	Progress func(Progress) // called often, from one goroutine; may be nil
	Event    func(Event)    // told of each scenario in the order of the list, and of each finding; may be nil
}

const defaultChecks = 200

// checks is the number of scenarios to play, 0 if time decides.
func (c *Config) checks() int {
	switch {
	case c.Time > 0:
		return 0
	case c.Checks > 0:
		return c.Checks
	}
	return defaultChecks
}

func (c *Config) workers() int {
	if c.Workers > 0 {
		return c.Workers
	}
	return fitting(runtime.NumCPU())
}

// twin reports whether a scenario is played beside its direct twin: a sample,
// or all of them if nothing else is asked for.
func (c *Config) twin(index int) bool {
	return index%twinEvery == 0 || index < firstTwins || len(c.Only) == 1 && c.Only[0] == model.ProxyTransparent.Name
}

// judges reports whether a claim is one of those that were asked for.
func (c *Config) judges(claim string) bool {
	return len(c.Only) == 0 || slices.Contains(c.Only, claim)
}

// engine is what a hunt needs to know of scenarios and labs. Its functions may
// be called by several workers at once.
type engine struct {
	file           string // the stack's description, "" if it comes with Greka
	stack, version string
	// draw returns scenario i of the hunt's seed.
	draw func(index int) *scenario.Scenario
	// play plays a scenario in a fresh lab; with twin, its direct twin too.
	play func(ctx context.Context, s *scenario.Scenario, twin bool) *Played
	// minimize returns the smallest scenario that still shows the signature,
	// and what confirmed it. It stops reducing at until, if that is not zero.
	minimize func(ctx context.Context, s *scenario.Scenario, sig model.Signature, until time.Time) *Minimal
	// record plays a scenario once more, with a capture; may be nil.
	record func(ctx context.Context, s *scenario.Scenario) *Played
	// explain writes what an engineer would say of a verdict.
	explain func(p *Played, v model.Verdict) string
	// ours reports whether an element is played by the stack that is judged.
	ours func(e *scenario.Element) bool
	// owed lists what a hunt of some length has to have judged.
	owed []JudgedKey
	// absent lists what no scenario has.
	absent []NotGiven
	// close gives back what the engine holds; may be nil.
	close func()
}

const (
	// twinEvery is the sample on which a call is compared with its direct
	// twin: one scenario in so many, and the first few, so that a short hunt
	// judges ProxyTransparent too.
	twinEvery  = 10
	firstTwins = 5
	// progressEvery is the longest that Progress is not called.
	progressEvery = time.Second
)

// hunt is one hunt under way. Only the goroutine of run touches it.
type hunt struct {
	cfg     Config
	engine  engine
	ledger  *ledger
	started time.Time

	next    int              // index of the next scenario to hand out
	busy    int              // jobs handed out and not yet back
	pending []job            // minimisations to hand out
	played  map[int]*outcome // scenarios that came back before an earlier one
	admit   int              // index of the next scenario to count
	over    bool             // no more scenarios
	stopped bool             // interrupted: no more minimisations either
}

// job is what a worker does next: play scenario index, or minimise what a
// suspect's signature was seen in. Workers read the suspect's name only.
type job struct {
	index    int
	suspect  *suspect
	sample   *sample            // to be played again with a capture
	scenario *scenario.Scenario // to minimise, or to play again
}

// outcome is what came of a job.
type outcome struct {
	job      job
	scenario *scenario.Scenario
	played   *Played // of the minimal scenario, if it was to be minimised
	minimal  *Minimal
	took     time.Duration
	cut      bool // the hunt was interrupted meanwhile: nothing in here counts
}

// run hunts until all scenarios are played, the time is over or ctx is done,
// and returns the summary in each case.
func run(ctx context.Context, eng engine, cfg Config) *Summary {
	h := &hunt{
		cfg: cfg, engine: eng, started: time.Now(),
		ledger: newLedger(&cfg, &eng),
		played: map[int]*outcome{},
	}
	// No worker waits for the loop, nor the loop for one: see handOut.
	jobs, results := make(chan job, cfg.workers()), make(chan *outcome, cfg.workers())
	for range cfg.workers() {
		go h.work(ctx, jobs, results)
	}
	h.loop(ctx, jobs, results)
	close(jobs)
	s := h.ledger.summary(time.Since(h.started), ctx.Err() != nil)
	h.report(s.Seconds)
	return s
}

// loop hands out jobs and takes in results.
func (h *hunt) loop(ctx context.Context, jobs chan<- job, results <-chan *outcome) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	var deadline <-chan time.Time
	if h.cfg.Time > 0 {
		timer := time.NewTimer(h.cfg.Time)
		defer timer.Stop()
		deadline = timer.C
	}
	done := ctx.Done()
	for {
		h.handOut(jobs)
		if h.busy == 0 {
			return
		}
		select {
		case r := <-results:
			h.busy--
			h.take(r)
		case <-deadline:
			h.over = true
		case <-done:
			h.over, h.stopped, done = true, true, nil
		case <-tick.C:
		}
		h.report(time.Since(h.started).Seconds())
	}
}

// handOut gives each worker that has nothing to do a job, and no job ahead:
// what its last result leads to, a minimisation, goes first, so that findings
// are shown while the hunt goes on and no scenario is played before them that
// may take long.
func (h *hunt) handOut(jobs chan<- job) {
	for h.busy < h.cfg.workers() {
		j, ok := h.upcoming()
		if !ok {
			return
		}
		h.busy++
		jobs <- j
	}
}

// upcoming takes the next job, if there is one.
func (h *hunt) upcoming() (job, bool) {
	if len(h.pending) > 0 && !h.stopped {
		j := h.pending[0]
		h.pending = h.pending[1:]
		return j, true
	}
	if n := h.cfg.checks(); h.over || n > 0 && h.next >= n {
		return job{}, false
	}
	h.next++
	return job{index: h.next - 1}, true
}

// work does jobs until there are no more.
func (h *hunt) work(ctx context.Context, jobs <-chan job, results chan<- *outcome) {
	for j := range jobs {
		start := time.Now()
		r := &outcome{job: j}
		if j.sample != nil {
			r.played = h.engine.record(ctx, j.scenario)
		} else if j.suspect != nil {
			r.minimal = h.minimize(ctx, j)
		} else {
			r.scenario = h.engine.draw(j.index)
			r.played = h.engine.play(ctx, r.scenario, h.cfg.twin(j.index))
		}
		r.took, r.cut = time.Since(start), ctx.Err() != nil
		results <- r
	}
}

// confirmBound is how long the confirmations may take that are under way, or
// wait, when the hunt's time is over.
const confirmBound = 4 * time.Second

// minimize does one minimisation. When the hunt's time is over nothing is
// reduced any more, and soon after that nothing confirmed.
func (h *hunt) minimize(ctx context.Context, j job) *Minimal {
	var until time.Time
	if h.cfg.Time > 0 {
		until = h.started.Add(h.cfg.Time)
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, until.Add(confirmBound))
		defer stop()
	}
	return h.engine.minimize(ctx, j.scenario, j.suspect.signature, until)
}

// take counts a result. Scenarios are counted in the order of the list,
// whichever came back first: so what is minimised does not depend on the
// number of workers.
func (h *hunt) take(r *outcome) {
	switch {
	case r.cut:
		return
	case r.job.sample != nil:
		h.ledger.recordedSample(r.job.sample, r.played)
		return
	case r.job.suspect != nil:
		if again := h.ledger.conclude(r); again {
			h.pending = append(h.pending, r.job.suspect.job())
		}
		return
	}
	h.played[r.job.index] = r
	for {
		next := h.played[h.admit]
		if next == nil || h.ledger.hopeless() {
			return
		}
		delete(h.played, h.admit)
		h.admit++
		todo, fresh := h.ledger.count(next)
		for _, s := range todo {
			h.pending = append(h.pending, s.job())
		}
		for _, s := range fresh {
			h.pending = append(h.pending, job{sample: s, scenario: s.scenario})
		}
		if h.ledger.hopeless() {
			h.over = true
		}
	}
}

func (h *hunt) report(seconds float64) {
	if h.cfg.Progress != nil {
		h.cfg.Progress(h.ledger.progress(seconds, len(h.pending)))
	}
}
