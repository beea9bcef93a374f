package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// Observed is a play as it was seen and how it was judged: with it a verdict can
// be looked at again on any machine, and a judge that has changed can be asked
// about what is long over.
type Observed struct {
	Stack, Version string // what played the judged element
	Seen
	Direct   *Seen    // of its direct twin, nil if that was not played
	Verdicts []string // each on one line, without what is only worded for people
}

// Seen is a scenario and what was observed when it was played.
type Seen struct {
	Scenario    scenario.Scenario
	Observation *model.Observation
}

// The sections of an observation's file, in their order.
const (
	secStack          = "stack"
	secVerdicts       = "verdicts"
	secObservation    = "observation"
	secDirect         = "direct scenario"
	secDirectObserved = "direct observation"
)

var observedSections = []string{secStack, secScenario, secVerdicts, secObservation, secDirect, secDirectObserved}

// neededObserved is how many of those are there in any case.
const neededObserved = 4

// maxObserved is the most bytes that an observation's file may have.
const maxObserved = 2*model.MaxObservation + 2*MaxSize

// FormatObserved writes an observation's file, which ParseObserved reads: a txtar
// file like a case, in which the observations are JSON (model.FormatObservation).
// It is an error if there is more of it than can be read again.
func FormatObserved(o *Observed) ([]byte, error) {
	verdicts := ""
	for _, v := range o.Verdicts {
		verdicts += v + "\n"
	}
	seen, err := o.sections(secScenario, secObservation)
	if err != nil {
		return nil, err
	}
	files := []txtar.File{{Name: secStack, Data: []byte(o.Stack + "@" + oneWord(o.Version) + "\n")},
		seen[0], {Name: secVerdicts, Data: []byte(verdicts)}, seen[1]}
	if o.Direct != nil {
		direct, err := o.Direct.sections(secDirect, secDirectObserved)
		if err != nil {
			return nil, err
		}
		files = append(files, direct...)
	}
	text := txtar.Format(&txtar.Archive{Files: files})
	if _, err := ParseObserved("observation", text); err != nil {
		return nil, fmt.Errorf("corpus: format observation: it could not be read again: %w", err)
	}
	return text, nil
}

func (s *Seen) sections(played, seen string) ([]txtar.File, error) {
	var b bytes.Buffer
	if err := model.FormatObservation(&b, &s.Scenario, s.Observation); err != nil {
		return nil, err
	}
	return []txtar.File{{Name: played, Data: []byte(scenario.Format(s.Scenario))}, {Name: seen, Data: b.Bytes()}}, nil
}

// ParseObserved reads an observation's file strictly. The name stands in errors,
// which are of type *SyntaxError.
func ParseObserved(name string, data []byte) (*Observed, error) {
	p := &parser{file: name, what: "an observation", most: maxObserved}
	o := p.observed(unixLines(data, maxObserved))
	if p.err != nil {
		return nil, p.err
	}
	return o, nil
}

func (p *parser) observed(data []byte) *Observed {
	if !p.checkText(data) {
		return nil
	}
	_, secs := split(data)
	if !p.checkOrder(secs, observedSections, neededObserved) {
		return nil
	}
	o := &Observed{}
	for _, s := range secs {
		switch s.name {
		case secStack:
			p.stack(o, s)
		case secScenario:
			o.Scenario = p.readScenario(s)
		case secVerdicts:
			s.eachLine(func(_ int, ws []word) { o.Verdicts = append(o.Verdicts, joinWords(ws).text) })
		case secObservation:
			o.Observation = p.observation(&o.Scenario, s)
		case secDirect:
			o.Direct = &Seen{Scenario: p.readScenario(s)}
		case secDirectObserved:
			o.Direct.Observation = p.observation(&o.Direct.Scenario, s)
		}
		if p.err != nil {
			return nil
		}
	}
	if last := secs[len(secs)-1]; last.name == secDirect {
		p.fail(last.line, 1, "the end", "the section -- "+secDirectObserved+" --")
	}
	return o
}

func (p *parser) stack(o *Observed, s section) {
	s.eachLine(func(line int, ws []word) {
		stack, version, _ := strings.Cut(ws[0].text, "@")
		if len(ws) > 1 || o.Stack != "" || !isStack(stack) || version == "" {
			p.fail(line, ws[0].col, quote(ws[0].text), "one stack and its version, such as baresip@1.0.0")
		}
		o.Stack, o.Version = stack, version
	})
	if o.Stack == "" {
		p.fail(s.line, 1, "none", "a stack and its version, such as baresip@1.0.0")
	}
}

// observation shifts the model's error to the file's lines.
func (p *parser) observation(sc *scenario.Scenario, s section) *model.Observation {
	o, err := model.ParseObservation(sc, []byte(s.text))
	var bad *model.ObservationError
	if errors.As(err, &bad) {
		p.fail(s.line-1+bad.Line, bad.Column, bad.Said(), "an observation of the scenario above")
	}
	return o
}

// ReadObserved reads what was observed: from an observation's file, or from the
// one beside a case. That has to be of the same scenario.
func ReadObserved(path string) (*Observed, error) {
	data, err := readBounded(path, maxObserved)
	if err != nil {
		return nil, err
	}
	if IsObserved(data) {
		return ParseObserved(path, data)
	}
	c, err := ReadScenario(path)
	if err != nil {
		return nil, err
	}
	file := c.ObservationFile(path)
	if file == "" {
		return nil, fmt.Errorf("corpus: %s: no observation is kept beside it (greka replay --observation FILE makes one)", path)
	}
	if data, err = readBounded(file, maxObserved); err != nil {
		return nil, err
	}
	o, err := ParseObserved(file, data)
	if err == nil && scenario.Format(o.Scenario) != scenario.Format(c.Scenario) {
		err = fmt.Errorf("corpus: %s: the observation is not of this case's scenario: the case was changed, or the file is another one's", file)
	}
	return o, err
}

// IsObserved reports whether a text is an observation's file, and no case.
func IsObserved(data []byte) bool {
	return slices.ContainsFunc(txtar.Parse(data).Files, func(f txtar.File) bool { return f.Name == secObservation })
}

// ObservationFile names the file beside the case at path in which its
// observation is: under the mark of its evidence, or, of a case that is kept
// without, under its own name. "" if there is none.
func (c *Case) ObservationFile(path string) string {
	if file := c.evidenceAt(path, observationKind); file != "" {
		return file
	}
	file := strings.TrimSuffix(path, extension) + observationKind
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}
