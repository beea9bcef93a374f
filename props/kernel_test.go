package props

import (
	"context"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/netns"
)

// huntKernel hunts the kernel with a model that makes a mistake, or none.
func huntKernel(t *testing.T, wrong linux.Mistake) *Summary {
	t.Helper()
	netns.Require(t)
	cfg := Config{Seed: seed(), Checks: enough(100), Out: t.TempDir()}
	eng := newKernelEngine(Kernel(), &cfg, wrong)
	defer eng.close()
	return run(context.Background(), eng, cfg)
}

func TestHuntKernel(t *testing.T) {
	s := huntKernel(t, linux.NoMistake)
	for _, f := range s.Findings {
		t.Errorf("%s\n%s", f.Explanation, f.Scenario)
	}
	if s.EmptyRun != "" || s.Steps < s.Cases || s.Judged[JudgedKey{Claim: model.SocketsAgree.Name}] == 0 {
		t.Errorf("%+v", s)
	}
}

// The same hunt with a model that is wrong finds that, small and explained.
func TestHuntKernelFindsAWrongModel(t *testing.T) {
	s := huntKernel(t, linux.ChildHasOwnPort)
	if len(s.Findings) != 1 {
		t.Fatalf("%d findings, %+v", len(s.Findings), s)
	}
	f := s.Findings[0]
	if n := strings.Count(f.Scenario, "\n"); n > 12 || !strings.Contains(f.Explanation, "> ") || !strings.Contains(f.Explanation, "the model expects") || f.CaseFile == "" {
		t.Errorf("%d lines\n%s\n%s", n, f.Scenario, f.Explanation)
	}
}
