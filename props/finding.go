package props

import (
	"strings"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// Event is something that a hunt tells of while it runs: a *ScenarioEvent, a
// *Finding or a *Summary. As JSON each is one object with its name in "event".
type Event interface{ isEvent() }

func (*ScenarioEvent) isEvent() {}
func (*Finding) isEvent()       {}
func (*Summary) isEvent()       {}

// The names of the events in JSON.
const (
	eventScenario = "scenario"
	eventFinding  = "finding"
	// eventUnexplained is a difference that is kept for people: what it tells
	// of has the form of a finding, and accuses nobody.
	eventUnexplained = "unexplained"
	eventSummary     = "summary"
)

// ScenarioEvent tells what came of one scenario of the hunt's list.
type ScenarioEvent struct {
	Event    string `json:"event"` // "scenario"
	Stack    string `json:"stack"`
	Version  string `json:"version"`
	Seed     uint64 `json:"seed"`
	Index    int    `json:"index"`
	Result   Result `json:"result"`
	Detail   string `json:"detail,omitempty"` // of a broken or inconclusive one: why
	Scenario string `json:"scenario"`
}

// Result is what came of one scenario: the first that applies of broken,
// finding, inconclusive, unexplained, latent, clean.
type Result string

// The results.
const (
	ResultBroken       Result = "broken"
	ResultInconclusive Result = "inconclusive"
	ResultFinding      Result = "finding"
	ResultUnexplained  Result = "unexplained"
	ResultLatent       Result = "latent"
	ResultClean        Result = "clean"
)

// Finding is one thing that a stack does wrong, with the smallest scenario
// that shows it.
type Finding struct {
	Event   string `json:"event"` // "finding"
	Stack   string `json:"stack"`
	Version string `json:"version"`
	model.Signature
	Title       string `json:"title"`       // one line
	Scenario    string `json:"scenario"`    // minimal, in its text form
	Explanation string `json:"explanation"` // what an engineer would write of it
	CaseFile    string `json:"case_file"`   // "" if none was written
	// ReplayStack is what greka replay has to be told with --stack: a
	// description file, which no case can name. "" if the case names its stack.
	ReplayStack string  `json:"replay_stack,omitempty"`
	Seed        uint64  `json:"seed"`  // of the hunt
	Index       int     `json:"index"` // of the scenario in the hunt, before it was minimised
	Packets     []byte  `json:"-"`     // of the play that is explained (pcapng), nil if there are none
	Log         []byte  `json:"-"`     // what the programs were told and wrote in that play
	Played      *Played `json:"-"`     // that play
	// Kept says that CaseFile is an earlier hunt's, smaller or the same: what
	// it explains was seen then, and its ports are others.
	Kept bool `json:"kept,omitempty"`
	// Shown of Plays confirmations showed it: all, or Plays is up to 20.
	Shown int `json:"shown,omitempty"`
	Plays int `json:"plays,omitempty"`
	// Cut is why the scenario may be smaller still, "" if it is minimal.
	Cut string `json:"cut,omitempty"`
}

// confirmed adds how it was confirmed, where that is not as usual.
func (f *Finding) confirmed(m *Minimal) {
	f.Shown, f.Plays, f.Cut = m.Shown, m.Plays, m.Cut
	e := explanation{}
	if rate := m.rate(); rate != "" {
		e.row("seen", "%s", rate)
	}
	if f.Class == model.NoAnswer || f.Class == model.Hung {
		timer := "Timer F, RFC 3261 17.1.2.2"
		if f.Message == "INVITE" {
			timer = "Timer B, RFC 3261 17.1.1.2"
		}
		e.row("waited", "in another play it was given %v (64*T1, %s), and no answer came", ruleTime, timer)
	}
	if m.Cut != "" {
		e.row("not fully minimised", "%s", m.Cut)
	}
	if text := e.b.String(); text != "" {
		f.Explanation = strings.TrimRight(f.Explanation, "\n") + "\n" + strings.TrimRight(text, "\n")
	}
}

// newFinding tells of a signature that a play of a scenario shows.
func newFinding(eng *engine, sig model.Signature, sc *scenario.Scenario, p *Played) *Finding {
	v := verdictOf(p, sig)
	event := eventFinding
	if sig.Severity == model.Puzzle {
		event = eventUnexplained
	}
	return &Finding{
		Event: event, Stack: eng.stack, Version: eng.version, ReplayStack: eng.file,
		Signature:   sig,
		Title:       title(p, v),
		Scenario:    scenario.Format(*sc),
		Explanation: eng.explain(p, v),
		Packets:     p.Packets,
		Log:         p.Log,
		Played:      p,
	}
}

// Case is the finding as a case of the stack that shows it.
func (f *Finding) Case(minimal *scenario.Scenario) *corpus.Case {
	return &corpus.Case{
		Comment:     "Found and minimised by greka hunt in " + f.Stack + " " + f.Version + ".",
		Scenario:    *minimal,
		Expect:      []corpus.Expectation{{Stack: f.Stack, Version: f.Version, Signature: f.Signature}},
		Found:       &corpus.Found{Seed: f.Seed, Index: f.Index, Kernel: kernelRelease(), Greka: Version()},
		Explanation: f.Title + "\n\n" + wrapText(strings.Trim(f.Explanation, "\n"), textWidth),
	}
}

// verdictOf is the first verdict of a signature in a play that shows it.
func verdictOf(p *Played, sig model.Signature) model.Verdict {
	for i := range p.Verdicts {
		if p.Verdicts[i].Signature(&p.Obs) == sig {
			return p.Verdicts[i]
		}
	}
	return model.Verdict{Claim: sig.Claim, Class: sig.Class, Severity: sig.Severity, Advert: -1, Use: -1}
}
