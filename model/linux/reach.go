package linux

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// Reach counts which rules, look-ups and results a run of Ports has come to.
// The zero value is ready.
type Reach struct {
	rules   [rules]uint64
	lookups [len(lookupRules)]uint64
	results map[string]uint64 // "bind EADDRINUSE"
}

// lookupRules lists what a look-up of Ports can end by. RuleNobody is not among
// them: there, route has said before that there is no way. Nor is
// RuleTimeWaitOnly: what comes of it is undecided.
var lookupRules = [...]string{RuleExact, RuleTimeWait, RuleSpecific,
	RuleWildcard, RuleWildcardV6, RuleConnected, RuleEarly, RuleNone}

// PortRules lists every rule of the reference model.
func PortRules() []PortRule { return portRules[:] }

// CountIn makes the model count into a Reach that outlives it.
func (p *Ports) CountIn(r *Reach) { p.reached = r }

func (p *Ports) hit(r rule) { p.reached.rules[r]++ }

// met counts a rule in passing and is true.
func (p *Ports) met(r rule) bool {
	p.hit(r)
	return true
}

func (r *Reach) rule(name string) {
	for i := range lookupRules {
		if lookupRules[i] == name {
			r.lookups[i]++
		}
	}
}

// steps counts results by the step's type. A map would cost more than the
// step.
func (r *Reach) result(step scenario.Step, e Errno) {
	if e == OK {
		return
	}
	if r.results == nil {
		r.results = map[string]uint64{}
	}
	r.results[scenario.Word(step)+" "+string(e)]++
}

// Add adds the counts of another run.
func (r *Reach) Add(o *Reach) {
	for i := range r.rules {
		r.rules[i] += o.rules[i]
	}
	for i := range r.lookups {
		r.lookups[i] += o.lookups[i]
	}
	for k, n := range o.results {
		if r.results == nil {
			r.results = map[string]uint64{}
		}
		r.results[k] += n
	}
}

// Missing lists the rules and look-ups that were never reached.
func (r *Reach) Missing() (out []string) {
	for i, n := range r.rules {
		if n == 0 {
			out = append(out, portRules[i].Text)
		}
	}
	for i, n := range r.lookups {
		if n == 0 {
			out = append(out, "look-up: "+lookupRules[i])
		}
	}
	return out
}

// String is the report: how often each rule, look-up and error was reached.
func (r *Reach) String() string {
	var b strings.Builder
	for i, n := range r.rules {
		fmt.Fprintf(&b, "%9d  %s\n", n, portRules[i].Text)
	}
	for i, n := range r.lookups {
		fmt.Fprintf(&b, "%9d  look-up: %s\n", n, lookupRules[i])
	}
	keys := make([]string, 0, len(r.results))
	for k := range r.results {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "%9d  result: %s\n", r.results[k], k)
	}
	return b.String()
}
