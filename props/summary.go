package props

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
)

// Summary is what a hunt saw. In JSON it is the last event.
type Summary struct {
	Event   string  `json:"event"` // "summary"
	Stack   string  `json:"stack"`
	Version string  `json:"version"`
	Seed    uint64  `json:"seed"`
	Cases   int     `json:"cases"` // scenarios of the list that were played
	Twins   int     `json:"twins"` // direct twins that were played beside them
	Steps   int     `json:"steps"` // of scenarios and twins
	Seconds float64 `json:"seconds"`
	// CasesPerSecond counts cases and twins, and leaves out the workers'
	// time that went into minimising.
	CasesPerSecond      float64           `json:"cases_per_second"`
	Broken              int               `json:"broken"`
	Inconclusive        int               `json:"inconclusive"`
	LookupDisagreements int               `json:"lookup_disagreements"`
	Latent              int               `json:"latent"`      // verdicts
	Unexplained         int               `json:"unexplained"` // verdicts
	Judged              map[JudgedKey]int `json:"judged"`      // verdicts
	Findings            []*Finding        `json:"findings"`
	// EmptyRun says why the hunt proves nothing, "" if it does.
	EmptyRun    string `json:"empty_run,omitempty"`
	Interrupted bool   `json:"interrupted,omitempty"`
	// NotGiven is what no scenario of the hunt had, and why.
	NotGiven []NotGiven `json:"not_given,omitempty"`

	// Latents are the latent signatures and how often each was seen, the
	// most frequent first.
	Latents []Count `json:"-"`
	// Puzzles are the differences that nothing explains, with the smallest
	// scenario that shows each. They are no findings.
	Puzzles []*Finding `json:"-"`
	// Unconfirmed are the signatures that were seen but are no findings:
	// not all confirmations held, or the hunt was interrupted before.
	Unconfirmed []model.Signature `json:"-"`
	// OutErr is the first error met in writing cases.
	OutErr error `json:"-"`
}

// Count is how often a signature was seen.
type Count struct {
	Signature model.Signature
	Times     int
}

// The exit statuses of a hunt.
const (
	ExitClean       = 0
	ExitFindings    = 1
	ExitNoWork      = 2
	ExitInterrupted = 130
)

// ExitStatus is what the command ends with: 1 with findings, whatever else went
// wrong; or else 2 for a run that proves nothing or could not write its cases,
// 130 if interrupted, 0.
func (s *Summary) ExitStatus() int {
	switch {
	case len(s.Findings) > 0:
		return ExitFindings
	case s.EmptyRun != "" || s.OutErr != nil:
		return ExitNoWork
	case s.Interrupted:
		return ExitInterrupted
	}
	return ExitClean
}

// Progress is how far a hunt is.
type Progress struct {
	Stack, Version string
	Seed           uint64
	Done, Planned  int // scenarios; Planned is 0 if time decides
	Seconds, Limit float64
	Rate           float64 // scenarios and twins a second
	Findings       int
	Minimizing     int // signatures
	Bad            int // broken or inconclusive
}

func (l *ledger) progress(seconds float64, waiting int) Progress {
	return Progress{
		Stack: l.engine.stack, Version: l.engine.version, Seed: l.cfg.Seed,
		Done: l.sum.Cases, Planned: l.cfg.checks(),
		Seconds: seconds, Limit: l.cfg.Time.Seconds(),
		Rate:       l.rate(seconds),
		Findings:   l.findings,
		Minimizing: l.unsettled(),
		Bad:        l.bad,
	}
}

// unsettled counts the suspects that are being minimised or wait for it.
func (l *ledger) unsettled() (n int) {
	for _, s := range l.order {
		if s.finding == nil && !s.waiting {
			n++
		}
	}
	return n
}

// rate is how many scenarios and twins were played in a second, minimising
// left out: by the share of the workers' time that went into it.
func (l *ledger) rate(seconds float64) float64 {
	if seconds <= 0 || l.playing <= 0 {
		return 0
	}
	share := float64(l.playing) / float64(l.playing+l.minimizing)
	return float64(l.sum.Cases+l.sum.Twins) / (seconds * share)
}

func (l *ledger) summary(took time.Duration, interrupted bool) *Summary {
	l.finishSamples()
	s := l.sum
	s.Seconds = took.Seconds()
	s.CasesPerSecond = l.rate(s.Seconds)
	s.Interrupted = interrupted
	s.OutErr = l.outErr
	for _, x := range l.order {
		switch {
		case x.finding != nil && x.puzzle():
			s.Puzzles = append(s.Puzzles, x.finding)
		case x.finding != nil:
			s.Findings = append(s.Findings, x.finding)
		default:
			s.Unconfirmed = append(s.Unconfirmed, x.signature)
		}
	}
	for sig, n := range l.latent {
		s.Latents = append(s.Latents, Count{sig, n})
	}
	slices.SortFunc(s.Latents, func(a, b Count) int {
		return cmp.Or(b.Times-a.Times, cmp.Compare(corpus.FormatSignature(a.Signature), corpus.FormatSignature(b.Signature)))
	})
	if !interrupted {
		s.EmptyRun = l.emptyRun()
	}
	return &s
}

// The share of bad scenarios above which a run is empty: one in badShare.
const badShare = 10

// emptyRun says why a run that ended by itself proves nothing, "" if it does.
func (l *ledger) emptyRun() string {
	played := l.sum.Cases + l.sum.Twins
	undecided, times := l.undecided()
	switch {
	case played == 0:
		return "no scenario was played"
	case l.bad*badShare > played:
		return fmt.Sprintf("%d of %d scenarios were broken or inconclusive, %s", l.bad, played, l.mostly())
	case times*badShare > played:
		return fmt.Sprintf("%d of %d scenarios showed what could not be confirmed: %s", times, played, corpus.FormatSignature(undecided))
	}
	var missing []string
	for _, k := range l.engine.owed {
		if l.sum.Judged[k] == 0 {
			missing = append(missing, k.String())
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("never judged in %d scenarios: %s (more --checks, or fewer restrictions)", played, strings.Join(missing, "; "))
	}
	return ""
}

// undecided returns the signature that was seen most often among those that
// could not be confirmed, and how often that was: each time is inconclusive.
func (l *ledger) undecided() (sig model.Signature, times int) {
	for _, s := range l.order {
		if s.finding == nil && s.times > times {
			sig, times = s.signature, s.times
		}
	}
	return sig, times
}

// mostly names the most frequent reason for bad scenarios.
func (l *ledger) mostly() string {
	top := l.reason
	for why, n := range l.reasons {
		if n > l.reasons[top] || n == l.reasons[top] && n > 1 && why < top {
			top = why
		}
	}
	if n := l.reasons[top]; n > 1 {
		return fmt.Sprintf("%d of them so: %s", n, top)
	}
	return "the first so: " + l.reason
}

// hopeless reports whether to end a run early: many scenarios were bad, and it is
// bound to be an empty one, even if each scenario to come had a twin and all went
// well, or nothing at all has worked so far. A run that has a suspect is not: a
// finding stands whatever else went wrong. Nor is one with few bad scenarios: what
// is wrong with a program that takes nobody's connection shows in some only.
func (l *ledger) hopeless() bool {
	const many = 20
	if len(l.order) > 0 || l.bad < many {
		return false
	}
	played := l.sum.Cases + l.sum.Twins
	if l.bad == played {
		return true
	}
	if n := l.cfg.checks(); n > 0 {
		return l.bad*badShare > played+2*(n-l.sum.Cases)
	}
	return 2*l.bad > played
}

func unconfirmed(sig model.Signature, m *Minimal) string {
	return corpus.FormatSignature(sig) + ": " + m.Unproved
}

// caseDir is where the cases of a stack go.
func caseDir(out, stack string) string {
	return filepath.Join(out, filepath.FromSlash(stack))
}
