package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
)

// Played is what came of playing a scenario once.
type Played struct {
	Scenario      model.Scenario
	Obs           model.Observation
	Steps         int // that were played
	Verdicts      []model.Verdict
	Judged        map[JudgedKey]int // verdicts of every element, whatever their class, less Broken and Inconclusive
	Lookups       int               // look-ups compared with probes
	Disagreements int               // of those
	Broken        string            // the harness's own trouble, "" if none
	Twin          *Played           // the direct twin, if it was played
	Packets       []byte            // a capture of all hosts (pcapng), if one was taken
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
