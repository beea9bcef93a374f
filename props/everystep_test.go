package props

import (
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/props/kernel"
	"github.com/greka-sip/greka/props/picture"
)

// drawnSteps is, for each word that a step can begin with, the first scenario
// drawn that has such a step, and where it is in there.
func drawnSteps(t *testing.T) (drawn map[string]scenario.Scenario, at map[string]int) {
	drawn, at = map[string]scenario.Scenario{}, map[string]int{}
	sp := SpaceOf(find(t, honest), "", "")
	for i := 0; i < 3000 && len(drawn) < len(scenario.Words()); i++ {
		for _, sc := range []scenario.Scenario{Draw(1, i, sp), kernel.Draw(1, i)} {
			for k, st := range sc.Steps {
				if w := scenario.Word(st); drawn[w].Hosts == nil {
					drawn[w], at[w] = sc, k
				}
			}
		}
	}
	return drawn, at
}

// TestEveryStepPassesEveryStage: a kind of step that a stage does not know is
// not left out in silence. It is drawn, printed and read, named and renamed,
// predicted, reduced and shown; that it is played is TestEveryFaultIsPlayed's
// and package kernel's to say.
func TestEveryStepPassesEveryStage(t *testing.T) {
	drawn, at := drawnSteps(t)
	for _, word := range scenario.Words() {
		t.Run(word, func(t *testing.T) {
			sc, ok := drawn[word]
			if !ok {
				t.Fatal("it is never drawn")
			}
			st := sc.Steps[at[word]]
			again, err := scenario.Parse(scenario.Format(sc))
			if err != nil || again.Steps[at[word]] != st {
				t.Errorf("%v reads back as %v, %v", st, again.Steps[at[word]], err)
			}
			isRenamed(t, st)
			isPredicted(t, sc, st)
			isReduced(t, sc, st)
			isShown(t, sc, st)
		})
	}
}

// isRenamed: every name in a step can be told and changed.
func isRenamed(t *testing.T, st scenario.Step) {
	var old []string
	other := scenario.Renamed(st, func(_ scenario.Noun, name string) string {
		old = append(old, name)
		return "x" + name
	})
	for noun := scenario.ElementName; noun <= scenario.NewSocketName; noun++ {
		for _, n := range scenario.Names(other, noun) {
			if !strings.HasPrefix(n, "x") || !slices.Contains(old, n[1:]) {
				t.Errorf("%v, renamed, is %v", st, other)
			}
		}
	}
	if len(old) == 0 || st == other {
		t.Errorf("%v names nobody", st)
	}
}

// isPredicted: the model knows what comes of it.
func isPredicted(t *testing.T, sc scenario.Scenario, st scenario.Step) {
	if st.Kind() != scenario.SocketStep {
		if _, err := model.Predict(&sc); err != nil {
			t.Errorf("%v\n%s", err, scenario.Format(sc))
		}
		return
	}
	p := linux.NewPorts(&sc)
	for _, st := range sc.Steps {
		if r := p.Apply(st, 0); r.Undecided != "" {
			t.Errorf("%v: %s", st, r.Undecided)
		}
	}
}

// isReduced: with an element go the steps that name it.
func isReduced(t *testing.T, sc scenario.Scenario, st scenario.Step) {
	for _, name := range scenario.Names(st, scenario.ElementName) {
		if e := sc.Element(name); e.SUT || e.Kind != scenario.UserAgent {
			continue
		}
		for _, c := range without(&sc) {
			if c.Element(name) == nil && slices.ContainsFunc(c.Steps, func(x scenario.Step) bool {
				return slices.Contains(scenario.Names(x, scenario.ElementName), name)
			}) {
				t.Errorf("%s is gone, and a step still names it:\n%s", name, scenario.Format(c))
			}
		}
	}
}

// isShown: the picture of a scenario with the step alone is another one than
// that without it, but for calls and registrations, which it does not draw
// one by one.
func isShown(t *testing.T, sc scenario.Scenario, st scenario.Step) {
	if st.Kind() == scenario.SIPStep {
		return
	}
	if !strings.Contains(picture.Of(&sc).Text(), scenario.Word(st)) && st.Kind() != scenario.SocketStep {
		t.Errorf("the picture does not show %s:\n%s", scenario.Word(st), picture.Of(&sc).Text())
	}
}
