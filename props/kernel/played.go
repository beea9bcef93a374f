package kernel

import (
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// Played is what came of playing a scenario.
type Played struct {
	Steps  int // steps played and compared, probes too
	Probes int // of these, probes after the last step
	// Probed are the probes, as steps. With them behind its own, the scenario
	// shows by itself what it showed when it was probed.
	Probed []scenario.Step
	May    May
	played []scenario.Step // so far, probes too
	late   bool            // it differs, and a timer has fired in its lab
	// Difference tells where the model and the kernel disagree, "" if nowhere.
	Difference string
	At         int // index of the step with the difference
	// Undecided is why the scenario was not played to its end, "" if it was.
	Undecided string
	// Broken is trouble of the harness; nothing else is meant then.
	Broken error
}

// May counts which way the kernel went where the model allows several.
type May struct {
	FinWait1, FinWait2 int // a FIN not acknowledged yet, and acknowledged, in all snapshots
	Group, GroupOther  int // a SO_REUSEPORT group's packet: the first candidate, another one
	Refused, MetItself int // a dial to a closed port of its own address that could meet itself
	Early, NotEarly    int // what comes from outside goes to the head of the chain, or not
	OneLab             int // a difference in one lab, and in no other: its hash tables
}

func (m *May) add(o *May) {
	m.FinWait1 += o.FinWait1
	m.FinWait2 += o.FinWait2
	m.Group += o.Group
	m.GroupOther += o.GroupOther
	m.Refused += o.Refused
	m.MetItself += o.MetItself
	m.Early += o.Early
	m.NotEarly += o.NotEarly
	m.OneLab += o.OneLab
}

// count counts how many FINs are acknowledged in a snapshot, and how many are
// not yet.
func (m *May) count(s *linux.Snapshot) {
	for i := range s.Hosts {
		for _, o := range s.Hosts[i].Sockets {
			switch o.State {
			case linux.StateFinWait1:
				m.FinWait1++
			case linux.StateFinWait2:
				m.FinWait2++
			}
		}
	}
}

// way counts that the kernel went one of several ways. refused says that the
// first of them is a refusal, so the other one is to meet itself; early, that the
// first is RuleEarly.
func (m *May) way(choice int, refused, early bool) {
	switch {
	case early && choice == 0:
		m.Early++
	case early:
		m.NotEarly++
	case refused && choice == 0:
		m.Refused++
	case refused:
		m.MetItself++
	case choice == 0:
		m.Group++
	default:
		m.GroupOther++
	}
}

func (d *Played) goOn() bool { return d.Difference == "" && d.Undecided == "" && d.Broken == nil }
