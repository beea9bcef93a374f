package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// Played is what came of playing a scenario once.
type Played struct {
	Scenario scenario.Scenario
	Obs      model.Observation
	Steps    int // that were played
	Verdicts []model.Verdict
	Broken   string  // the harness's own trouble, "" if none
	Twin     *Played // the direct twin, if it was played
	Packets  []byte  // a capture of all hosts (pcapng), if one was taken
	Log      []byte  // what the programs were told and what they wrote, nil if there are none
}

// disagreements counts the look-ups that a probe contradicted.
func (p *Played) disagreements() (n int) {
	for i := range p.Verdicts {
		if v := &p.Verdicts[i]; v.Claim == model.LookupAgrees.Name && v.Class == model.Inconclusive {
			n++
		}
	}
	return n
}

// JudgedKey is what was judged: a claim, over a transport, of a giver in a role.
type JudgedKey struct {
	Claim     string
	Transport string
	Role      string
}

// String is how a key stands in a summary: "ContactAccepts tcp callee". Parts
// that a claim does not have stay out.
func (k JudgedKey) String() string {
	return strings.Join(strings.Fields(fmt.Sprint(k.Claim, " ", k.Transport, " ", k.Role)), " ")
}

// MarshalText makes a key the name of a JSON member.
func (k JudgedKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
