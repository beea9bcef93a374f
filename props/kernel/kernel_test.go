package kernel

import (
	"flag"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

var steps = flag.Int("kernel.steps", 5000, "socket steps that TestKernel plays")
var seed = flag.Uint64("kernel.seed", 1, "seed")

func TestKernel(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	var reach model.Reach
	bad, done, undecided := 0, 0, 0
	for i := 0; done < *steps; i++ {
		s := Draw(1, i)
		got := rig.Play(s, model.None0, &reach)
		if got.Broken != nil {
			t.Fatalf("scenario %d: %v\n%s", i, got.Broken, model.Format(s))
		}
		if got.Undecided != "" {
			undecided++
		}
		done += got.Steps
		if got.Difference != "" {
			bad++
			if bad <= 3 {
				t.Errorf("scenario %d: %s\n%s", i, got.Difference, model.Format(s))
			}
		}
	}
	t.Logf("%d steps, %d differences, %d undecided", done, bad, undecided)
}
