package kernel

import (
	"context"
	"flag"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// TestMain switches rapid's own shrinking off: Minimize does better, and what
// rapid keeps in files is no scenario.
func TestMain(m *testing.M) {
	flag.Set("rapid.shrinktime", "0s")
	flag.Set("rapid.nofailfile", "true")
	netns.Main(m)
}

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
	t.Logf("where the model allows several ways, the kernel went: %+v", sum.May)
	if m := sum.May; m.FinWait1 == 0 || m.FinWait2 == 0 || m.Group == 0 || m.GroupOther == 0 || m.Early == 0 {
		t.Errorf("the kernel went one way only, so the model should not allow two: %+v", m)
	}
	for _, text := range sum.Reach.Missing() {
		if *steps >= 300_000 && !strings.Contains(text, rarest) {
			t.Errorf("never reached: %s", text)
		}
	}
	if testing.Verbose() {
		t.Logf("\n%s", sum.Reach.String())
	}
}

// rarest is in the text of the rule that comes up once in about 30,000 dials
// to a closed port of one's own address. TestMetItself makes it come up.
const rarest = "connected to itself, since the kernel picked"

func report(t *testing.T, s *Summary) {
	t.Helper()
	t.Logf("seed %d: %d scenarios, %d steps (%d of them probes) in %.1f s, %d undecided, %d differences",
		s.Seed, s.Scenarios, s.Steps, s.Probes, s.Seconds, s.Undecided, len(s.Findings))
	for i, f := range s.Findings {
		if i == 5 {
			break
		}
		text := "it did not come again; the scenario was\n" + scenario.Format(f.Scenario)
		if f.Confirmed() {
			text = "smallest\n" + scenario.Format(f.Minimal)
		}
		t.Errorf("scenario %d differs %s\n%s", f.Index, f.Difference, text)
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
	switch got := rig.Play(s, linux.NoMistake, nil); {
	case got.Broken != nil:
		t.Fatal(got.Broken)
	case got.Difference != "":
		small, difference := confirm(rig, s, linux.NoMistake)
		t.Fatalf("%s\n%s\n%s", got.Difference, difference, scenario.Format(small))
	}
}

// TestMetItself leaves the kernel two ports to pick from: a dial to one of them
// is refused or meets itself, and the model allows both and no more.
func TestMetItself(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	s, err := scenario.Parse("net lan 4\nhost a lan\nsocket s1 a tcp 4\ndial s1 10.77.0.1:40000\n")
	if err != nil {
		t.Fatal(err)
	}
	lab, _, err := rig.lab(&s)
	if err != nil {
		t.Fatal(err)
	}
	err = lab.Host("a").Do(func() error {
		return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("40000 40003"), 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	var may May
	for i := 0; i < 1000 && (may.Refused == 0 || may.MetItself == 0); i++ {
		got := rig.Play(s, linux.NoMistake, nil)
		if !got.goOn() {
			t.Fatal(got.Difference, got.Undecided, got.Broken)
		}
		may.add(&got.May)
	}
	if may.Refused == 0 || may.MetItself == 0 {
		t.Errorf("the kernel went one way only: %+v", may)
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
