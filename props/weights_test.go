package props

import (
	"fmt"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/sut"
)

// draws is enough for a frequency to be known to half a percent.
const draws = 10000

// TestWeights counts what is really drawn. No choice may be so rare that it is
// never met, nor so frequent that the generator knows what it looks for.
func TestWeights(t *testing.T) {
	t.Parallel()
	for _, w := range Weights(SpaceOf(find(t, "peer"), "", ""), seed(), draws) {
		t.Log(w)
		most := 60.0
		if w.Dimension == "scenarios with" { // features go together, they do not exclude each other
			most = 90
		}
		least := 5.0
		if w.Value == FoundingShape || strings.HasSuffix(w.Value, " only") {
			least = 1
		}
		if w.Percent < least || w.Percent > most {
			t.Errorf("%v: want %v to %v", w, least, most)
		}
	}
}

// TestDrawnIsPlayable: what is drawn, honest elements can play.
func TestDrawnIsPlayable(t *testing.T) {
	t.Parallel()
	drawn := map[string]bool{} // most self-tests are given the same scenarios
	for _, s := range append(sut.SelfTests(), sut.All()...) {
		sp := SpaceOf(s, "", "")
		fresh := !drawn[fmt.Sprintf("%+v", sp)]
		drawn[fmt.Sprintf("%+v", sp)] = true
		for i := range 300 {
			if !fresh && i == 10 {
				break
			}
			sc := Draw(seed(), i, sp)
			if _, err := model.Predict(&sc); err != nil {
				t.Fatalf("%s: draw %d: %v\n%s", s.Name, i, err, scenario.Format(sc))
			}
			if err := s.Fits(&sc, sc.SUT().Name); err != nil {
				t.Fatalf("%s: draw %d: %v\n%s", s.Name, i, err, scenario.Format(sc))
			}
		}
	}
	if len(drawn) < 2 || len(drawn) > 10 {
		t.Errorf("%d spaces", len(drawn))
	}
}

// TestDrawIsReproducible: the same on every machine, whatever was drawn
// before. The text is that of the day when the generator was last changed.
func TestDrawIsReproducible(t *testing.T) {
	sp := SpaceOf(find(t, "peer"), "", "")
	for i := range 50 {
		a := Draw(7, i, sp)
		Draw(8, 49-i, sp)
		if b := Draw(7, i, sp); scenario.Format(a) != scenario.Format(b) {
			t.Fatalf("draw %d differs:\n%s\n%s", i, scenario.Format(a), scenario.Format(b))
		}
	}
}

// TestDrawnScenariosReadBack: what is drawn is what its text says.
func TestDrawnScenariosReadBack(t *testing.T) {
	sp := SpaceOf(find(t, "peer"), "", "")
	for i := range 500 {
		text := scenario.Format(Draw(seed(), i, sp))
		sc, err := scenario.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if got := scenario.Format(sc); got != text {
			t.Fatalf("draws\n%s\nreads back as\n%s", text, got)
		}
	}
}
