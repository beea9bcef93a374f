package props

import (
	"cmp"
	"path/filepath"
	"slices"
	"time"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// maxTries bounds how many scenarios of one signature are minimised before it
// is given up as inconclusive.
const maxTries = 3

// suspect is a signature that was seen, and the first scenarios that showed it.
type suspect struct {
	signature model.Signature // never changes
	seen      []sighting      // at most maxTries, in the order of the list
	times     int             // in how many scenarios and twins it was seen
	tried     int             // how many of them were minimised without a finding
	waiting   bool            // for another sighting
	finding   *Finding        // once confirmed
}

type sighting struct {
	index    int
	scenario *scenario.Scenario
}

// job is to minimise the first sighting that was not tried yet.
func (s *suspect) job() job { return job{suspect: s, scenario: s.seen[s.tried].scenario} }

// puzzle reports whether it is kept for people, and accuses nobody.
func (s *suspect) puzzle() bool { return s.signature.Severity == model.Puzzle }

// index is that of the scenario that is being minimised.
func (s *suspect) index() int { return s.seen[s.tried].index }

// ledger counts what a hunt saw. Scenarios come to it in the order of the list.
type ledger struct {
	cfg      *Config
	engine   *engine
	sum      Summary
	bad      int // broken or inconclusive scenarios and twins
	findings int

	suspects map[model.Signature]*suspect
	order    []*suspect // as they were first seen
	latent   map[model.Signature]int
	samples  map[string]*sample // by name
	reasons  map[string]int     // why scenarios were bad
	reason   string             // the first of them

	playing, minimizing time.Duration // of all workers together
	outErr              error         // the first case that could not be written
}

func newLedger(cfg *Config, eng *engine) *ledger {
	return &ledger{
		cfg: cfg, engine: eng,
		suspects: map[model.Signature]*suspect{},
		latent:   map[model.Signature]int{},
		samples:  map[string]*sample{},
		reasons:  map[string]int{},
		sum: Summary{
			NotGiven: eng.absent,
			Event:    eventSummary, Stack: eng.stack, Version: eng.version, Seed: cfg.Seed,
			Judged: map[JudgedKey]int{}, Findings: []*Finding{},
		},
	}
}

// count enters a scenario that was played, and returns the suspects that are
// to be minimised because of it.
func (l *ledger) count(r *outcome) (todo []*suspect, fresh []*sample) {
	l.playing += r.took
	l.sum.Cases++
	result, why := l.enter(r.played)
	todo = l.suspicions(r.job.index, r.played)
	fresh = l.sampled(r.job.index, r.played, result, why)
	if t := r.played.Twin; t != nil {
		l.sum.Twins++
		twinResult, twinWhy := l.enter(t)
		todo = append(todo, l.suspicions(r.job.index, t)...)
		fresh = append(fresh, l.sampled(r.job.index, t, twinResult, twinWhy)...)
		if rank(twinResult) < rank(result) {
			result, why = twinResult, "its direct twin: "+twinWhy
		}
	}
	l.tell(&ScenarioEvent{
		Event: eventScenario, Stack: l.engine.stack, Version: l.engine.version,
		Seed: l.cfg.Seed, Index: r.job.index, Result: result, Detail: withWords(result, why, r.played.Log),
		Scenario: scenario.Format(*r.scenario),
	})
	return todo, fresh
}

// withWords adds to why a scenario was inconclusive what the programs said last:
// a call that failed is often explained there.
func withWords(result Result, why string, log []byte) string {
	if words := lastWords(log); result == ResultInconclusive && words != "" {
		return why + "; the program's last words: " + words
	}
	return why
}

func rank(r Result) int {
	return slices.Index([]Result{ResultBroken, ResultFinding, ResultInconclusive, ResultUnexplained, ResultLatent, ResultClean}, r)
}

// enter counts one play. Why says what made it broken or inconclusive.
func (l *ledger) enter(p *Played) (result Result, why string) {
	l.sum.Steps += max(p.Steps, len(p.Obs.After))
	l.sum.LookupDisagreements += p.disagreements()
	result, why = resultOf(p, l.cfg)
	switch result {
	case ResultBroken:
		l.sum.Broken++
	case ResultInconclusive:
		l.sum.Inconclusive++
	}
	if result == ResultBroken || result == ResultInconclusive {
		l.blame(why)
	}
	if result == ResultBroken {
		return result, why // nothing else in it may be relied on
	}
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		if k, ok := l.judged(p, v); ok {
			l.sum.Judged[k]++
		}
		if latent(p, v) && l.cfg.judges(v.Claim) {
			l.sum.Latent++
			l.latent[v.Signature(&p.Obs)]++
		}
		if v.Severity == model.Puzzle && l.cfg.judges(v.Claim) {
			l.sum.Unexplained++
		}
	}
	return result, why
}

// latent reports whether a verdict is latent and stays so: nobody in the whole
// scenario is hurt by that address.
func latent(p *Played, v *model.Verdict) bool {
	if v.Severity != model.Latent {
		return false
	}
	for i := range p.Verdicts {
		x := &p.Verdicts[i]
		if x.Severity == model.Finding && x.Advert == v.Advert && x.Claim == v.Claim {
			return false
		}
	}
	return true
}

// judged says what a verdict counts as in the summary. Addresses count only if
// the stack itself gave them: what is known of honest elements proves nothing
// about it.
func (l *ledger) judged(p *Played, v *model.Verdict) (k JudgedKey, ok bool) {
	if v.Class == model.Broken || v.Class == model.Inconclusive || v.Claim == "" || !l.cfg.judges(v.Claim) {
		return k, false
	}
	k.Claim = v.Claim
	if v.Advert < 0 || v.Claim == model.LookupAgrees.Name {
		return k, true
	}
	a := &p.Obs.Adverts[v.Advert]
	k.Transport, k.Role = a.Leg.Transport.String(), a.Role.String()
	e := p.Scenario.Element(a.Giver)
	return k, e != nil && l.engine.ours(e)
}

func (l *ledger) blame(why string) {
	l.bad++
	if l.reason == "" {
		l.reason = why
	}
	l.reasons[why]++
}

// resultOf tells what came of a play, as far as it was asked for.
func resultOf(p *Played, cfg *Config) (result Result, why string) {
	if p.Broken != "" {
		return ResultBroken, p.Broken
	}
	result = ResultClean
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		r, detail := ResultClean, ""
		switch {
		case v.Class == model.Broken:
			r, detail = ResultBroken, v.Claim+": "+v.Detail
		case v.Class == model.Inconclusive:
			r, detail = ResultInconclusive, cmp.Or(v.Claim, "a call did not go through")+": "+v.Detail
		case !cfg.judges(v.Claim):
		case v.Severity == model.Finding:
			r = ResultFinding
		case v.Severity == model.Puzzle:
			r, detail = ResultUnexplained, v.Detail
		case v.Severity == model.Latent:
			r = ResultLatent
		}
		if rank(r) < rank(result) {
			result, why = r, detail
		}
	}
	return result, why
}

// suspicions enters the signatures that a play shows, and returns those that
// are to be minimised from it.
func (l *ledger) suspicions(index int, p *Played) (todo []*suspect) {
	if r, _ := resultOf(p, l.cfg); r == ResultBroken {
		return nil
	}
	here := map[model.Signature]bool{}
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		sig := v.Signature(&p.Obs)
		if v.Severity != model.Finding && v.Severity != model.Puzzle || !l.cfg.judges(v.Claim) || here[sig] {
			continue
		}
		here[sig] = true
		if s := l.suspect(sig); s.see(sighting{index, &p.Scenario}) {
			todo = append(todo, s)
		}
	}
	return todo
}

func (l *ledger) suspect(sig model.Signature) *suspect {
	s := l.suspects[sig]
	if s == nil {
		s = &suspect{signature: sig, waiting: true}
		l.suspects[sig] = s
		l.order = append(l.order, s)
	}
	return s
}

// see notes one more sighting and reports whether it is to be minimised now.
func (s *suspect) see(at sighting) bool {
	s.times++
	if s.finding != nil || len(s.seen) == maxTries {
		return false
	}
	s.seen = append(s.seen, at)
	now := s.waiting
	s.waiting = false
	return now
}

// conclude ends one minimisation: with a finding, if it was confirmed, or else
// as one more inconclusive scenario. It reports whether the suspect is
// to be minimised again, from its next sighting.
func (l *ledger) conclude(r *outcome) (again bool) {
	l.minimizing += r.took
	s := r.job.suspect
	if m := r.minimal; m.Confirmed() {
		s.finding = newFinding(l.engine, s.signature, m.Scenario, m.Played)
		s.finding.confirmed(m)
		s.finding.Seed, s.finding.Index = l.cfg.Seed, s.index()
		l.keep(s.finding, m.Scenario)
		if !s.puzzle() {
			l.findings++
		}
		l.tell(s.finding)
		return false
	}
	s.tried++
	l.sum.Inconclusive++
	l.blame(unconfirmed(s.signature, r.minimal))
	l.sample(sampleUnconfirmed, s.signature, s.seen[s.tried-1].index, r.minimal.Played, unconfirmed(s.signature, r.minimal))
	s.waiting = s.tried == len(s.seen)
	return !s.waiting
}

// keep writes the finding's case. What cannot be written is told once, at the
// end: the finding is shown all the same.
func (l *ledger) keep(f *Finding, minimal *scenario.Scenario) {
	if l.cfg.Out == "" {
		return
	}
	dir := caseDir(l.cfg.Out, f.Stack)
	if f.Severity == model.Puzzle {
		dir = filepath.Join(dir, "unexplained")
	}
	seen, err := keptAs(f.Played, f.Stack, f.Version)
	l.outErr = cmp.Or(l.outErr, err)
	path, written, err := corpus.Write(dir, f.Case(minimal), corpus.Evidence{Packets: f.Packets, Log: f.Log, Observation: seen})
	if err != nil {
		l.outErr = cmp.Or(l.outErr, err)
		return
	}
	f.CaseFile, f.Kept = path, !written
}

func (l *ledger) tell(e Event) {
	if l.cfg.Event != nil {
		l.cfg.Event(e)
	}
}
