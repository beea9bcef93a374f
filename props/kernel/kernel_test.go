package kernel

import (
	"context"
	"flag"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

var (
	steps = flag.Int("kernel.steps", 30_000, "socket steps that TestKernel plays")
	seed  = flag.Uint64("kernel.seed", 1, "the seed from which TestKernel draws")
	seeds = flag.Int("kernel.seeds", 1, "how many seeds each wrong model is hunted with")

	update = flag.Bool("kernel.update", false, "keep the smallest counterexamples in corpus/kernel")
)

// TestKernel plays drawn scenarios in the model and on real sockets. It fails
// on every difference, and where the model is never asked: see TestReach.
func TestKernel(t *testing.T) {
	netns.Require(t)
	sum, err := Hunt(context.Background(), Config{Seed: *seed, Steps: *steps})
	if err != nil {
		t.Fatal(err)
	}
	report(t, &sum)
	for _, text := range sum.Reach.Missing() {
		if *steps >= 100_000 {
			t.Errorf("never reached: %s", text)
		}
	}
	if testing.Verbose() {
		t.Logf("\n%s", sum.Reach.String())
	}
}

func report(t *testing.T, s *Summary) {
	t.Helper()
	t.Logf("seed %d: %d scenarios, %d steps (%d of them probes) in %.1f s, %d undecided, %d differences",
		s.Seed, s.Scenarios, s.Steps, s.Probes, s.Seconds, s.Undecided, len(s.Findings))
	for i, f := range s.Findings {
		if i == 5 {
			break
		}
		text := "it did not come again; the scenario was\n" + model.Format(f.Scenario)
		if f.Confirmed() {
			text = "smallest\n" + model.Format(f.Minimal)
		}
		t.Errorf("scenario %d: %s\n%s", f.Index, f.Difference, text)
	}
}

// TestKernelRapid is the same through rapid, as FuzzKernel is: what the
// generator can draw, not what one seed draws.
func TestKernelRapid(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	rapid.Check(t, func(rt *rapid.T) { check(rt, rig) })
}

func check(t *rapid.T, rig *Rig) {
	s := Scenarios().Draw(t, "scenario")
	switch got := rig.Play(s, model.None0, nil); {
	case got.Broken != nil:
		t.Fatal(got.Broken)
	case got.Difference != "":
		t.Fatalf("%s\n%s", got.Difference, model.Format(confirm(rig, s, model.None0)))
	}
}

// FuzzKernel lets the fuzzer draw.
func FuzzKernel(f *testing.F) {
	netns.Require(f)
	for i := range uint64(8) {
		f.Add(longSeed(i))
	}
	rig := NewRig()
	f.Cleanup(func() { rig.Close() })
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { check(t, rig) }))
}

// longSeed is long enough for a whole scenario: every draw eats 8 bytes of it.
func longSeed(i uint64) (b []byte) {
	for k := range uint64(400) {
		z := mix(mix(i) + k)
		for s := range 8 {
			b = append(b, byte(z>>(8*s)))
		}
	}
	return b
}
