package props

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
)

var update = flag.Bool("update", false, "rewrite what is kept of the corpus's observations: the verdicts, and how its cases explain them")

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
		t.Fatalf("%v\nA play of it is kept by: greka replay --observation %s %s", err, strings.TrimSuffix(path, ".txtar")+".observation", path)
	}
	return o
}

// keptTexts are the observations' files of the corpus.
func keptTexts(t testing.TB) (texts []string) {
	t.Helper()
	paths, _ := keptCases(t)
	for _, path := range paths {
		text, err := corpus.FormatObserved(keptOf(t, path))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
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

// explainedToday is how a case explains what is kept of it, by today's words. What
// was added when it was confirmed stays: that is no matter of the observation.
func explainedToday(c *corpus.Case, o *corpus.Observed) string {
	sig, _ := c.Expected(o.Stack, o.Version)
	for _, f := range Judge(o).Findings() {
		if f.Signature == sig {
			return strings.TrimRight(f.Case(&o.Scenario).Explanation, "\n") + "\n" + confirmation.FindString(c.Explanation)
		}
	}
	return ""
}

// confirmation is what Finding.confirmed adds.
var confirmation = regexp.MustCompile(`(?ms)^  (seen|waited|not fully minimised): .*`)

// TestCasesAreExplainedAsToday: each case of the corpus explains the play that is
// kept beside it in the words of today. -update rewrites them, for people to read.
func TestCasesAreExplainedAsToday(t *testing.T) {
	paths, cases := keptCases(t)
	for i, path := range paths {
		want := explainedToday(cases[i], keptOf(t, path))
		now := *cases[i]
		now.Explanation = want
		switch {
		case want == "":
			t.Errorf("%s: what is kept does not show what is expected", path)
		case now.Normal().Explanation == cases[i].Normal().Explanation:
		case *update:
			if err := corpus.WriteFile(path, corpus.Format(&now)); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s: explained otherwise today (go test ./props -run TestCasesAreExplainedAsToday -update):\n%s", path, want)
		}
	}
}

// The negative twin: a case that tells of another port is told apart, and what
// was added to it stays.
func TestExplainedTodayIsOfThePlay(t *testing.T) {
	paths, cases := keptCases(t)
	c, o := *cases[0], keptOf(t, paths[0])
	const added = "  waited:                  long\n                           and longer\n"
	today := explainedToday(&c, o)
	c.Explanation = "Closed: something else\n" + added
	if got := explainedToday(&c, o); today == "" || got != today+added {
		t.Errorf("%q, want %q and %q", got, today, added)
	}
	for k := range o.Observation.Uses {
		o.Observation.Uses[k].Request = ""
	}
	if got := explainedToday(&c, o); got != "" {
		t.Errorf("it is not shown any more, and told: %s", got)
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

// member is one member of a JSON object, with the comma before it.
var member = regexp.MustCompile(`,?"[a-z_]+":("[^"]*"|[0-9]+|true)`)

// TestJudgeWhateverIsMissing: an observation of which parts are gone, or say
// something else, is refused or judged, and told of.
func TestJudgeWhateverIsMissing(t *testing.T) {
	texts, judged := keptTexts(t), 0
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(texts)-1).Draw(t, "case")
		text := texts[i]
		for range rapid.IntRange(1, 6).Draw(t, "changes") {
			all := member.FindAllStringSubmatchIndex(text, -1)
			at := all[rapid.IntRange(0, len(all)-1).Draw(t, "member")]
			value := rapid.SampledFrom([]string{"", `"ghost"`, `"10.77.0.99"`, `"udp"`, `"proxy"`, "0", "1", "gone"}).Draw(t, "value")
			if value == "gone" && text[at[0]] == ',' {
				text = text[:at[0]] + text[at[1]:]
			} else if value != "gone" {
				text = text[:at[2]] + value + text[at[3]:]
			}
		}
		if o, err := corpus.ParseObserved("x", []byte(text)); err == nil {
			judged++
			explainAll(o)
		}
	})
	if judged == 0 {
		t.Error("none could be read")
	}
}

// explainAll judges an observation and tells of what it shows.
func explainAll(o *corpus.Observed) {
	p := &Printer{W: io.Discard}
	for _, finding := range Judge(o).Findings() {
		p.Finding(finding)
	}
}

// FuzzJudge: whatever an observation's file says, it is judged and told of: it may
// be a stranger's.
func FuzzJudge(f *testing.F) {
	for i, text := range keptTexts(f) {
		if i%8 == 0 {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := corpus.ParseObserved("x", []byte(text))
		if err != nil {
			return
		}
		explainAll(o)
	})
}
