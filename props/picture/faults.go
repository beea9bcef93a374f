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
// other steps.
func strikes(st scenario.Step) (host, element string) {
	switch st := st.(type) {
	case scenario.Disconnect:
		return "", st.Element
	case scenario.Silence:
		return "", st.Element
	case scenario.ResetFlow:
		return "", st.Element
	case scenario.FillBacklog:
		return "", st.Element
	case scenario.Restart:
		return "", st.Element
	}
	return struckHost(st), ""
}

func struckHost(st scenario.Step) string {
	switch st := st.(type) {
	case scenario.SetLink:
		return st.Host
	case scenario.Assign:
		return st.Host
	case scenario.Unassign:
		return st.Host
	case scenario.Renumber:
		return st.Host
	case scenario.Withdraw:
		return st.Host
	case scenario.SetForwarding:
		return st.Host
	case scenario.Freeze:
		return st.Host
	case scenario.Thaw:
		return st.Host
	case scenario.Kill:
		return st.Host
	case scenario.RemoveAddr:
		return st.Host
	case scenario.FilterPort:
		return st.Host
	}
	return ""
}
