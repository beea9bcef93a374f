package props

import (
	"context"
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

func find(t testing.TB, name string) *sut.Stack {
	t.Helper()
	s, err := sut.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPeerIsHonest: the reference is never found guilty, of anything, and each
// claim was really judged.
func TestPeerIsHonest(t *testing.T) {
	t.Parallel()
	Config{Seed: seed(), Checks: nightly(1000)}.Check(t, "peer")
}

// TestSameSeedSameVerdicts: a hunt is a function of its seed.
func TestSameSeedSameVerdicts(t *testing.T) {
	netns.Require(t)
	for _, name := range []string{"peer", "mutant/contact-from-connection"} {
		var runs [2][]ScenarioEvent
		for i := range runs {
			cfg := Config{Seed: seed(), Checks: checks(60), Workers: 1 + i, Event: func(e Event) {
				if e, ok := e.(*ScenarioEvent); ok {
					runs[i] = append(runs[i], *e)
				}
			}}
			if _, err := Hunt(context.Background(), find(t, name), cfg); err != nil {
				t.Fatal(err)
			}
		}
		for i := range runs[0] {
			if a, b := runs[0][i], runs[1][i]; a != b {
				t.Fatalf("%s: scenario %d: %s %s, then %s %s\n%s%s", name, i, a.Result, a.Detail, b.Result, b.Detail, a.Scenario, b.Scenario)
			}
		}
	}
}

// TestNobodyIsAccusedOfTheLab: what speaks against an element that is not
// judged is our own trouble, not a finding.
func TestNobodyIsAccusedOfTheLab(t *testing.T) {
	sc := foundingScenario(t)
	o := model.Observation{Adverts: []model.Advert{{Giver: "ann"}, {Giver: "bob"}}}
	got := acquit(&sc, &o, []model.Verdict{
		{Class: model.Closed, Severity: model.Finding, Advert: 0},
		{Class: model.Closed, Severity: model.Finding, Advert: 1},
		{Class: model.SocketsDiffer, Severity: model.Finding, Advert: -1},
	})
	want := []model.Class{model.Broken, model.Closed, model.Broken}
	for i, v := range got {
		if v.Class != want[i] || (v.Class == model.Broken) != (v.Severity == model.None) {
			t.Errorf("verdict %d: %s %q, want %s", i, v.Class, v.Severity, want[i])
		}
	}
}

const founding = texts.Founding

func foundingScenario(t testing.TB) scenario.Scenario {
	t.Helper()
	sc, err := scenario.Parse(founding)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}
