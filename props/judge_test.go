package props

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
)

var update = flag.Bool("update", false, "rewrite the verdicts that are kept of the corpus's observations")

const corpusDir = "../corpus"

// keptCases lists the corpus's cases of which observations are kept: all but those
// of the kernel, which have none.
func keptCases(t testing.TB) (paths []string, cases []*corpus.Case) {
	t.Helper()
	all, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, own := range all {
		if len(own.Scenario.Elements) > 0 {
			paths, cases = append(paths, filepath.Join(corpusDir, own.Name)), append(cases, own.Case)
		}
	}
	return paths, cases
}

func keptOf(t testing.TB, path string) *corpus.Observed {
	t.Helper()
	o, err := corpus.ReadObserved(path)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestJudgeKeptObservations: what was seen in each case of the corpus is judged
// as it was, and shows what the case expects. Where a change of the judge is
// meant, -update keeps its verdicts, and the difference is for people to read.
func TestJudgeKeptObservations(t *testing.T) {
	paths, cases := keptCases(t)
	for i, path := range paths {
		o := keptOf(t, path)
		j := Judge(o)
		if sig, found := cases[i].Expected(o.Stack, o.Version); !found || !slices.Contains(shownBy(j.Played), sig) {
			t.Errorf("%s: does not show what is expected of %s@%s: %s", path, o.Stack, o.Version, corpus.FormatSignature(sig))
		}
		switch {
		case j.Difference == "":
		case *update:
			o.Verdicts = j.Lines
			text, err := corpus.FormatObserved(o)
			if err == nil {
				err = corpus.WriteFile(cases[i].ObservationFile(path), text)
			}
			if err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s: not judged as it was (-kept +now):\n%s", path, j.Difference)
		}
	}
}

// The negative twin: where something else was seen, the verdicts differ, and the
// difference says how, in whole lines.
func TestJudgeTellsOfADifference(t *testing.T) {
	paths, cases := keptCases(t)
	told := 0
	for i, path := range paths {
		o := keptOf(t, path)
		if sig, _ := cases[i].Expected(o.Stack, o.Version); sig.Header != "Contact" || sig.Class == model.Malformed {
			continue
		}
		for k := range o.Observation.Uses {
			o.Observation.Uses[k].Request = "" // nobody is hurt
		}
		j := Judge(o)
		if !strings.HasPrefix(j.Difference, "- step") || !strings.Contains(j.Difference, "\n+ step") || strings.Contains(j.Difference, "...") {
			t.Errorf("%s: %q", path, j.Difference)
		}
		told++
	}
	if told == 0 {
		t.Error("no case is about a Contact")
	}
}

// What is kept of the corpus stays small beside it.
func TestKeptObservationsAreSmall(t *testing.T) {
	const most = 1_500_000
	size := int64(0)
	err := filepath.WalkDir(corpusDir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".observation" {
			var st fs.FileInfo
			if st, err = d.Info(); err == nil {
				size += st.Size()
			}
			if _, missing := os.Stat(strings.TrimSuffix(path, ".observation") + ".txtar"); missing != nil {
				t.Errorf("%s: its case is gone", path)
			}
		}
		return err
	})
	if err != nil || size == 0 || size > most {
		t.Errorf("%d bytes, want at most %d: %v", size, most, err)
	}
}

// BenchmarkJudge judges what is kept of the corpus: a thousand observations a
// second are wanted, so that a change of the judge can be asked about a
// campaign.
func BenchmarkJudge(b *testing.B) {
	paths, _ := keptCases(b)
	b.Run("judge", func(b *testing.B) {
		var all []*corpus.Observed
		for _, path := range paths {
			all = append(all, keptOf(b, path))
		}
		for i := 0; b.Loop(); i++ {
			Judge(all[i%len(all)])
		}
		perSecond(b)
	})
	b.Run("read and judge", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			Judge(keptOf(b, paths[i%len(paths)]))
		}
		perSecond(b)
	})
}

func perSecond(b *testing.B) {
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "observations/s")
}
