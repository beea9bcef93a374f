package props

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
)

// judge judges what was seen in a play.
func (p *Played) judge() {
	p.Verdicts = nil
	if p.Broken = p.Obs.Broken; p.Broken == "" {
		p.Verdicts = acquit(&p.Scenario, &p.Obs, model.Judge(&p.Scenario, &p.Obs))
	}
}

// Judged is what came of judging a kept play again.
type Judged struct {
	Played *Played
	// Lines are the verdicts as they are kept.
	Lines []string
	// Difference shows what was kept (-) and is judged otherwise now (+), "" if
	// nothing is.
	Difference string
	engine     engine
}

// Judge judges what was observed again, as it was when it was played: no lab is
// needed, nor the stack.
func Judge(o *corpus.Observed) *Judged {
	p := seenAgain(&o.Seen)
	if p.Broken == "" && o.Direct != nil {
		p.Twin = seenAgain(o.Direct)
		p.compare(&p.Scenario)
	}
	j := &Judged{Played: p, Lines: verdictLines(p), engine: engine{stack: o.Stack, version: o.Version}}
	j.engine.explain = func(p *Played, v model.Verdict) string { return Explain(p, v, o.Stack) }
	j.Difference = difference(o.Verdicts, j.Lines)
	return j
}

// difference lists the lines that are gone (-) and new (+), in their order.
func difference(kept, now []string) string {
	var d lineDiff
	cmp.Equal(kept, now, cmp.Reporter(&d))
	return d.text.String()
}

// lineDiff is told of differences by go-cmp, whose own report is another one in
// each build and cuts long lines short.
type lineDiff struct {
	path cmp.Path
	text strings.Builder
}

// PushStep is cmp.Reporter's.
func (d *lineDiff) PushStep(s cmp.PathStep) { d.path = append(d.path, s) }

// PopStep is cmp.Reporter's.
func (d *lineDiff) PopStep() { d.path = d.path[:len(d.path)-1] }

// Report is cmp.Reporter's.
func (d *lineDiff) Report(r cmp.Result) {
	if r.Equal() {
		return
	}
	kept, now := d.path.Last().Values()
	if kept.IsValid() {
		fmt.Fprintf(&d.text, "- %s\n", kept)
	}
	if now.IsValid() {
		fmt.Fprintf(&d.text, "+ %s\n", now)
	}
}

func seenAgain(s *corpus.Seen) *Played {
	p := &Played{Scenario: s.Scenario, Obs: *s.Observation}
	p.judge()
	return p
}

// Findings tells of each signature that the play shows.
func (j *Judged) Findings() []*Finding {
	var all []*Finding
	for _, sig := range shownBy(j.Played) {
		all = append(all, newFinding(&j.engine, sig, &j.Played.Scenario, j.Played))
	}
	return all
}

// observed is a play as it is kept. It is nil where there is nothing that could
// be judged again: of socket steps the kernel rig judges each at once.
func observed(p *Played, stack, version string) *corpus.Observed {
	if len(p.Scenario.Elements) == 0 {
		return nil
	}
	o := &corpus.Observed{Stack: stack, Version: version, Verdicts: verdictLines(p),
		Seen: corpus.Seen{Scenario: p.Scenario, Observation: &p.Obs}}
	if p.Twin != nil {
		o.Direct = &corpus.Seen{Scenario: p.Twin.Scenario, Observation: &p.Twin.Obs}
	}
	return o
}

// keptAs is a play as the evidence of a case: nil if it is none. What could not
// be read again is not kept, and the error says why.
func keptAs(p *Played, stack, version string) ([]byte, error) {
	o := observed(p, stack, version)
	if o == nil {
		return nil, nil
	}
	return corpus.FormatObserved(o)
}

// verdictLines writes each verdict on a line: what it is about and what it says,
// and not how it is worded for people, nor by which socket it was decided.
func verdictLines(p *Played) (lines []string) {
	for i := range p.Verdicts {
		lines = append(lines, p.verdictLine(&p.Verdicts[i]))
	}
	if p.Twin != nil {
		for _, l := range verdictLines(p.Twin) {
			lines = append(lines, "direct "+l)
		}
	}
	return lines
}

func (p *Played) verdictLine(v *model.Verdict) string {
	line := fmt.Sprintf("step %d: %s", v.Step+1, corpus.FormatSignature(v.Signature(&p.Obs)))
	switch {
	case v.Use >= 0:
		u := &p.Obs.Uses[v.Use]
		line += fmt.Sprintf(", %s to %s", u.View.Element, p.Obs.Adverts[v.Advert].Giver)
		if u.Request != "" {
			line += " with " + u.Request
		}
		if v.Target.Addr.IsValid() {
			line += fmt.Sprintf(" at %s %s", v.Target.Transport, v.Target.Addr)
		}
	case v.About.Element != "":
		line += ", " + v.About.Element
	}
	return plain.Line(line)
}
