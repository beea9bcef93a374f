package model

import (
	"fmt"

	"github.com/greka-sip/greka/model/scenario"
)

// Breakdown is what became of a program that did not go on as it should. What a
// fault of the scenario did to it is none.
type Breakdown struct {
	Element string `json:"element,omitzero"`
	Class   Class  `json:"class,omitzero"`   // Crashed, Hung or Flooded
	How     string `json:"how,omitzero"`     // "killed by signal 11 (segmentation fault)"
	Words   string `json:"words,omitzero"`   // the last that it wrote
	Message string `json:"message,omitzero"` // what had come to it last: "INVITE", "ACK", "" if nothing had
	Step    int    `json:"step"`
}

func init() { judgedBy(KeepsRunning, judgeBreakdowns) }

// judgeBreakdowns judges KeepsRunning.
func judgeBreakdowns(s *scenario.Scenario, o *Observation) []Verdict {
	var out []Verdict
	for _, e := range o.Breakdowns {
		v := Verdict{Claim: KeepsRunning.Name, Class: e.Class, Severity: Finding, Advert: -1, Use: -1, Step: e.Step,
			About: About{Element: e.Element, Message: e.Message, Role: roleAt(s, e.Step, e.Element)}, Detail: e.String()}
		out = append(out, v)
	}
	return out
}

// crashed reports whether what a verdict found wrong is only that its program
// has ended: none of its sockets was there any more.
func (o *Observation) crashed(v *Verdict) bool {
	giver := o.Adverts[v.Advert].Giver
	for _, b := range o.Breakdowns {
		if b.Class == Crashed && b.Element == giver && b.Step <= v.Step && giverHost(&o.Snapshots[o.Uses[v.Use].Snapshot], giver) == "" {
			return true
		}
	}
	return false
}

// String tells of it in a line.
func (e Breakdown) String() string {
	text := fmt.Sprintf("the program that plays %s %s", e.Element, e.How)
	if e.Message != "" {
		text += " after the " + e.Message + " had come to it"
	}
	if e.Words != "" {
		text += "; its last words: " + e.Words
	}
	return text
}
