package props

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// readSamples reads what a hunt kept in its directory beside findings.
func readSamples(t *testing.T, out string) map[string]*corpus.Case {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "fake", "samples", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*corpus.Case{}
	for _, file := range files {
		c, err := corpus.ReadScenario(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := corpus.ReadEvidence(file); err != nil {
			t.Error(err)
		}
		all[filepath.Base(file)] = c
	}
	return all
}

// TestSamplesAreKept: of each kind of trouble the first scenario, with its log
// and its rate, and of what is clean or found none.
func TestSamplesAreKept(t *testing.T) {
	f := &fake{faults: func(i int) []model.Verdict {
		undecided := contact(model.Inconclusive, model.None, 0)
		undecided.Detail = "a race on port " + strings.Repeat("1", 1+i%3)
		switch {
		case i == 3, i == 7, i == 12, i == 19:
			return []model.Verdict{contact(model.Closed, model.Latent, 0)}
		case i == 5, i == 6:
			return []model.Verdict{undecided}
		}
		return nil
	}}
	eng := f.engine()
	plain := eng.play
	eng.play = func(ctx context.Context, s *scenario.Scenario, twin bool) *Played {
		p := plain(ctx, s, twin)
		p.Log = []byte("the log of " + scenario.Format(*s))
		return p
	}
	eng.record = func(ctx context.Context, s *scenario.Scenario) *Played {
		p := eng.play(ctx, s, false)
		p.Packets = []byte("packets")
		return p
	}
	eng.explain = func(*Played, model.Verdict) string { return "why" }
	out := t.TempDir()
	run(context.Background(), eng, Config{Checks: 20, Out: out})
	samples := readSamples(t, out)
	if len(samples) != 2 {
		t.Fatalf("%d samples: %v", len(samples), samples)
	}
	for name, c := range samples {
		kind, want := sampleInconclusive, "Seen in 2 of 20"
		if len(c.Expect) > 0 {
			kind, want = sampleLatent, "Seen in 4 of 20"
		}
		if !strings.HasPrefix(name, kind) || !strings.Contains(c.Comment, want) {
			t.Errorf("%s: %s", name, c.Comment)
		}
		path := filepath.Join(out, "fake", "samples", name)
		if has := c.PacketsFile(path) != ""; c.LogFile(path) == "" || has != (kind == sampleLatent) {
			t.Errorf("%s: log %q, packets %v", name, c.LogFile(path), has)
		}
		if first := indexOf(&c.Scenario); first != c.Found.Index || first != map[string]int{sampleLatent: 3, sampleInconclusive: 5}[kind] {
			t.Errorf("%s: scenario %d, index %d", name, first, c.Found.Index)
		}
	}
}

// TestSampleThatDoesNotShowAgain: it is said, and the scenario is kept anyhow.
func TestSampleThatDoesNotShowAgain(t *testing.T) {
	f := &fake{faults: func(i int) []model.Verdict {
		if i == 3 {
			return []model.Verdict{contact(model.Closed, model.Latent, 0)}
		}
		return nil
	}}
	eng := f.engine()
	eng.record = func(_ context.Context, s *scenario.Scenario) *Played { return (&fake{}).played(s) }
	out := t.TempDir()
	run(context.Background(), eng, Config{Checks: 20, Out: out})
	for _, c := range readSamples(t, out) {
		if !strings.Contains(c.Comment, "it did not show") || indexOf(&c.Scenario) != 3 {
			t.Errorf("%s", c.Comment)
		}
		return
	}
	t.Error("it was not kept")
}

func TestSampleNamesLeaveNumbersOut(t *testing.T) {
	none := model.Signature{}
	if a, b := sampleName("broken", none, "no answer from 10.77.0.1:5060 in 2s"), sampleName("broken", none, "no answer from 10.77.0.12:4 in 5s\nand more"); a != b {
		t.Errorf("%s and %s", a, b)
	}
	if a, b := sampleName("broken", none, "no answer"), sampleName("broken", none, "no listener"); a == b {
		t.Errorf("both are %s", a)
	}
}
