package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// refuteWithin is how many steps it may take to refute a wrong model.
const refuteWithin = 2000

// TestMistakes is the negative twin of TestKernel: every wrong model has to be
// refuted within 2,000 steps.
func TestMistakes(t *testing.T) {
	netns.Require(t)
	for _, m := range linux.Mistakes() {
		t.Run(m.String(), func(t *testing.T) {
			refuted, total, most := 0, 0, 0
			var best *Finding
			for s := range uint64(*seeds) {
				sum, err := Hunt(context.Background(), Config{Seed: *seed + s, Steps: refuteWithin, Workers: 1, Wrong: m, First: true})
				if err != nil {
					t.Fatal(err)
				}
				if len(sum.Findings) == 0 {
					t.Logf("seed %d: not refuted in %d steps", *seed+s, sum.Steps)
					continue
				}
				refuted++
				total += sum.Steps
				most = max(most, sum.Steps)
				if f := &sum.Findings[0]; best == nil || smaller(f, best) {
					best = f
				}
			}
			// 19 of 20: what is left to chance is the draw.
			if 20*refuted < 19**seeds {
				t.Errorf("refuted with %d of %d seeds only", refuted, *seeds)
			}
			if refuted == 0 {
				return
			}
			t.Logf("refuted with %d of %d seeds, after %d steps in the mean and %d at most", refuted, *seeds, total/refuted, most)
			t.Logf("smallest:\n%s%s", scenario.Format(best.Minimal), best.Difference)
			if *update {
				keep(t, m, best)
			}
		})
	}
}

func smaller(a, b *Finding) bool {
	if !a.Confirmed() || !b.Confirmed() {
		return a.Confirmed()
	}
	x, y := a.Minimal, b.Minimal
	if len(x.Steps) != len(y.Steps) {
		return len(x.Steps) < len(y.Steps)
	}
	return len(scenario.Format(x)) < len(scenario.Format(y))
}

// refutation says what a case shows: where Linux does otherwise than the belief
// has it.
func refutation(m linux.Mistake, difference string) string {
	return fmt.Sprintf("If %q were true, Linux would do here\nwhat the model with this belief expects. It differs %s", m.Belief(), difference)
}

const caseDir = "../../corpus/kernel"

func keep(t *testing.T, m linux.Mistake, f *Finding) {
	t.Helper()
	c := &corpus.Case{
		Comment:     "Refutes the belief \"" + m.Belief() + "\" (" + m.String() + "): the model of ports with this mistake and the kernel disagree.",
		Scenario:    f.Minimal,
		Expect:      []corpus.Expectation{{Stack: "kernel", Version: "built-in"}},
		Explanation: refutation(m, f.Difference),
	}
	if err := os.MkdirAll(caseDir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(caseDir, m.String()+".txtar"), corpus.Format(c), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestCases plays the smallest counterexample of every mistake: it refutes the
// mistake, and not the reference model.
func TestCases(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	for _, m := range linux.Mistakes() {
		t.Run(m.String(), func(t *testing.T) {
			c, err := corpus.ReadFile(filepath.Join(caseDir, m.String()+".txtar"))
			if err != nil {
				t.Fatalf("every mistake has its case (go test -run TestMistakes -kernel.update makes it): %v", err)
			}
			if got := rig.Play(c.Scenario, linux.NoMistake, nil); got.Difference != "" || !got.goOn() {
				t.Errorf("the reference model: %s%s %v", got.Difference, got.Undecided, got.Broken)
			}
			got := rig.Play(c.Scenario, m, nil)
			switch text := refutation(m, got.Difference); {
			case got.Difference == "":
				t.Errorf("the mistake is not refuted")
			case *update:
				c.Explanation = text
				if err := corpus.WriteFile(filepath.Join(caseDir, m.String()+".txtar"), corpus.Format(c)); err != nil {
					t.Error(err)
				}
			case withoutPorts(text) != withoutPorts(c.Explanation):
				t.Errorf("explained otherwise today (go test ./props/kernel -run TestCases -kernel.update):\n%s\nwas:\n%s", text, c.Explanation)
			}
		})
	}
}

// pickedPort is a number that is another one in each play.
var pickedPort = regexp.MustCompile(`\b[3-6][0-9]{4}\b`)

// withoutPorts is an explanation as it is in every play: sockets are listed by
// their ports.
func withoutPorts(text string) string {
	lines := strings.Split(strings.TrimSpace(pickedPort.ReplaceAllString(text, "PORT")), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestTable plays the table of the model's own test on real sockets.
func TestTable(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	table, err := txtar.ParseFile("../../model/linux/testdata/ports.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range table.Files {
		t.Run(f.Name, func(t *testing.T) {
			s, err := scenario.Parse(string(f.Data))
			if err != nil {
				t.Fatal(err)
			}
			if got := rig.Play(s, linux.NoMistake, nil); !got.goOn() {
				t.Error(got.Difference, got.Undecided, got.Broken)
			}
		})
	}
}
