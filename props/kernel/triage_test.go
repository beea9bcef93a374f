package kernel

import (
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

func TestTriage(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	seen := map[string]int{}
	done := 0
	for i := 0; done < *steps; i++ {
		s := Draw(*seed, i)
		got := rig.Play(s, model.None0, nil)
		if got.Broken != nil {
			t.Fatal(got.Broken)
		}
		done += got.Steps
		if got.Difference == "" {
			continue
		}
		min := Minimize(s, func(c model.Scenario) bool { return rig.Play(c, model.None0, nil).Difference != "" })
		text := model.Format(min)
		_, sig, _ := strings.Cut(text, "\n\n")
		seen[sig]++
		if seen[sig] == 1 && len(seen) < 16 {
			again := rig.Play(min, model.None0, nil).Difference
			t.Logf("scenario %d:\n%s%s", i, sig, again)
			if again == "" {
				t.Logf("NOT AGAIN: %s\n%s", got.Difference, model.Format(s))
			}
		}
	}
	t.Logf("%d steps; %v", done, seen)
}
