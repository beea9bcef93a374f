package props

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// installed returns the version of a stack. One that is not installed skips
// the test on a person's machine and fails it in CI.
func installed(t testing.TB, s *sut.Stack) string {
	t.Helper()
	version, err := s.Installed(context.Background())
	if errors.Is(err, sut.ErrNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// TestStacks hunts every real stack. What it finds has to be what the corpus
// holds against that stack and version: no more, and no less.
func TestStacks(t *testing.T) {
	t.Parallel()
	netns.Require(t)
	for _, s := range sut.All() {
		t.Run(s.Name, func(t *testing.T) {
			version := installed(t, s)
			sum, err := Hunt(context.Background(), s, Config{Seed: seed(), Checks: enough(200)})
			if err != nil {
				t.Fatal(err)
			}
			known := held(t, s.Name, version)
			for _, f := range sum.Findings {
				if !known[f.Signature] {
					t.Errorf("new: %s\n%s\n%s", corpus.FormatSignature(f.Signature), f.Explanation, f.Scenario)
				}
				delete(known, f.Signature)
			}
			for sig := range known {
				t.Errorf("not found: %s", corpus.FormatSignature(sig))
			}
			if sum.EmptyRun != "" {
				t.Error(sum.EmptyRun)
			}
		})
	}
}

// held returns the findings that the corpus holds against a stack.
func held(t testing.TB, stack, version string) map[model.Signature]bool {
	t.Helper()
	all, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	out := map[model.Signature]bool{}
	for _, c := range all {
		if sig, finding := c.Expected(stack, version); finding {
			out[sig] = true
		}
	}
	return out
}

// TestCorpus replays every case with every stack that it names.
func TestCorpus(t *testing.T) {
	t.Parallel()
	netns.Require(t)
	all, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the corpus is empty")
	}
	for _, c := range all {
		t.Run(c.Name, func(t *testing.T) {
			for _, e := range c.Expect {
				t.Run(e.Stack+"@"+e.Version, func(t *testing.T) { replays(t, c.Case, e) })
			}
		})
	}
}

func replays(t *testing.T, c *corpus.Case, e corpus.Expectation) {
	if e.Stack == kernelName {
		replaysSockets(t, c)
		return
	}
	s := find(t, e.Stack)
	if v := installed(t, s); v != e.Version && s.Kind == sut.Real {
		t.Skipf("the case speaks of %s %s, installed is %s", e.Stack, e.Version, v)
	}
	r, err := Replay(context.Background(), s, &c.Scenario, WantOf(c, e.Stack, e.Version))
	if err != nil {
		t.Fatal(err)
	}
	if !r.AsExpected {
		t.Errorf("want %s, got %s %s %v", WantOf(c, e.Stack, e.Version), r.Result, r.Detail, r.Shown)
	}
}

// replaysSockets plays a case of socket steps: the model and Linux agree.
func replaysSockets(t *testing.T, c *corpus.Case) {
	r := &rigs{}
	defer r.close()
	if p := r.play(&c.Scenario, true); p.Broken != "" || p.Verdicts[0].Class != model.Accepting {
		t.Errorf("%s %+v", p.Broken, p.Verdicts[0])
	}
}
