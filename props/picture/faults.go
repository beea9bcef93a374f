package picture

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// mostFaults is how many faults of one host or element are shown.
const mostFaults = 5

// faults are what befalls one host or element while the scenario is played.
type faults struct {
	first []string
	more  int
}

func (f *faults) add(text string) {
	if len(f.first) == mostFaults {
		f.more++
		return
	}
	f.first = append(f.first, text)
}

func (f *faults) list() []string {
	if f.more == 0 {
		return f.first
	}
	return append(f.first[:len(f.first):len(f.first)], fmt.Sprintf("! and %d more", f.more))
}

// befalls notes each fault where it strikes first.
func (c *cast) befalls() {
	for i, st := range c.s.Steps {
		host, element := strikes(st)
		text := fmt.Sprintf("! step %d: %s", i+1, stepText(st))
		switch {
		case element != "":
			c.byName[element].faults.add(text)
		case host != "":
			if c.faults[host] == nil {
				c.faults[host] = &faults{}
			}
			c.faults[host].add(text)
		}
	}
}

// firstFault is the index of the first fault among the steps, -1 if there is
// none.
func (c *cast) firstFault() int {
	return slices.IndexFunc(c.s.Steps, func(st scenario.Step) bool {
		host, element := strikes(st)
		return host != "" || element != ""
	})
}

// strikes returns the host or the element that a fault befalls, "" twice for
// other steps. Of two elements it is the first one that loses a connection.
func strikes(st scenario.Step) (host, element string) {
	hosts, elements := scenario.Names(st, scenario.HostName), scenario.Names(st, scenario.ElementName)
	switch {
	case st.Kind() == scenario.SIPStep || len(scenario.Names(st, scenario.NewSocketName)) > 0:
		return "", ""
	case len(elements) > 0:
		return "", elements[0]
	case len(hosts) > 0:
		return hosts[0], ""
	}
	return "", ""
}
