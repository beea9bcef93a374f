package props

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// TestTopologyWeights: every value of every dimension of topologies is drawn,
// and none too often: the generator does not know what it is looking for.
func TestTopologyWeights(t *testing.T) {
	drawn := tally{}
	gen := rapid.Custom(func(t *rapid.T) scenario.Scenario {
		return drawWorld(t, func(d *dimension, v string) { drawn.add(d.name, v) })
	})
	for i := range 1500 {
		s := gen.Example(int(mix(1, uint64(i)) >> 1))
		if err := s.Validate(); err != nil {
			t.Fatalf("%v\n%s", err, scenario.Format(s))
		}
	}
	for _, d := range topologyDimensions {
		for _, v := range d.values {
			if p := 100 * float64(drawn[d.name][v]) / float64(drawn.total(d.name)); p < 5 || p > 65 {
				t.Errorf("%s: %s was drawn in %.1f %% of the choices", d.name, v, p)
			}
		}
	}
}

// TestTopologiesEndInEveryWay: the topologies that are drawn hold every reason
// why a packet should not arrive, and most arrive.
func TestTopologiesEndInEveryWay(t *testing.T) {
	ends, pairs := map[linux.Ending]int{}, 0
	for i := range 400 {
		s := DrawTopology(1, i)
		state := linux.NewTopology(&s)
		for step := -1; step < len(s.Steps); step++ {
			if step >= 0 {
				state.Apply(s.Steps[step])
			}
			for _, h := range s.Hosts {
				for _, dst := range destinations(&s, &h) {
					for _, src := range sources(&s, &h, dst) {
						p := state.Route(h.Name, src, dst)
						ends[p.End]++
						pairs++
					}
				}
			}
		}
	}
	for _, e := range []linux.Ending{linux.Delivered, linux.NoRoute, linux.Refused, linux.NotForwarding, linux.ReversePathed,
		linux.NobodyThere, linux.DeadAddress, linux.Looping, linux.NoSource, linux.SourceGone, linux.NeedsZone, linux.ScopeExceeded} {
		if ends[e] < 20 {
			t.Errorf("%d of %d packets end as: %s", ends[e], pairs, e)
		}
	}
	t.Log(ends, pairs)
}
