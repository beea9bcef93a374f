package kernel

import (
	"flag"
	"testing"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

var corner = flag.Bool("kernel.corner", false, "enumerate the whole exhaustive corner, not its smaller core")

// TestCorners plays every scenario of the exhaustive corner.
func TestCorners(t *testing.T) {
	netns.Require(t)
	steps, sockets := 3, 2
	if *corner {
		steps, sockets = 4, 3
	}
	for _, c := range []struct {
		name   string
		each   func(func(scenario.Scenario) bool)
		probes bool
	}{
		{"conversations", func(f func(scenario.Scenario) bool) { Conversations(steps, f) }, false},
		{"contentions-tcp", func(f func(scenario.Scenario) bool) { Contentions(sip.CarrierTCP, sockets, f) }, true},
		{"contentions-udp", func(f func(scenario.Scenario) bool) { Contentions(sip.CarrierUDP, sockets, f) }, true},
	} {
		t.Run(c.name, func(t *testing.T) { enumerate(t, c.each, c.probes) })
	}
}

func enumerate(t *testing.T, each func(func(scenario.Scenario) bool), probes bool) {
	rig := NewRig()
	defer rig.Close()
	rig.NoProbes = !probes
	start := time.Now()
	scenarios, steps, undecided, bad := 0, 0, map[string]int{}, 0
	seen := map[string]bool{}
	each(func(s scenario.Scenario) bool {
		text := scenario.Format(s)
		if seen[text] {
			t.Errorf("enumerated twice:\n%s", text)
			return false
		}
		seen[text] = true
		got := rig.Play(s, linux.NoMistake, nil)
		scenarios++
		steps += got.Steps
		if got.Undecided != "" {
			undecided[got.Undecided]++
		}
		if got.Broken != nil {
			t.Fatal(got.Broken)
		}
		if got.Difference != "" {
			t.Errorf("%s\n%s", got.Difference, text)
			bad++
		}
		return bad < 3
	})
	t.Logf("%d scenarios, %d steps in %.1f s, undecided %v", scenarios, steps, time.Since(start).Seconds(), undecided)
	if scenarios < 100 {
		t.Errorf("only %d scenarios", scenarios)
	}
}

// TestCornersMiss is the negative twin of TestCorners: what the corner is for
// does refute.
func TestCornersMiss(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	for m, each := range map[linux.Mistake]func(func(scenario.Scenario) bool){
		linux.ChildHasOwnPort:         func(f func(scenario.Scenario) bool) { Conversations(3, f) },
		linux.ReuseAddrSharesListener: func(f func(scenario.Scenario) bool) { Contentions(sip.CarrierTCP, 2, f) },
		linux.OldestUDPWins:           func(f func(scenario.Scenario) bool) { Contentions(sip.CarrierUDP, 2, f) },
	} {
		refuted := false
		each(func(s scenario.Scenario) bool {
			refuted = rig.Play(s, m, nil).Difference != ""
			return !refuted
		})
		if !refuted {
			t.Errorf("%s is not refuted by its corner", m)
		}
	}
}
