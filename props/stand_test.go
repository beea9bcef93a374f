package props

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
)

var puzzle = model.Verdict{Claim: model.ProxyTransparent.Name, Class: model.Unexplained, Severity: model.Puzzle,
	Advert: -1, Use: -1, About: model.About{Element: "bob", Message: "ACK", Role: model.RoleCallee}, Detail: "it differs"}

// A finding stands, and is exit status 1, whatever else went wrong; a hunt that
// has one to confirm does not end before it did.
func TestFindingsStand(t *testing.T) {
	undecided := contact(model.Inconclusive, model.None, 0)
	for _, x := range []struct {
		name   string
		faults func(int) []model.Verdict
		cases  int
		status int
	}{
		{"in every scenario, beside what is undecided", at(0, contact(model.Closed, model.Finding, 0), undecided), 100, ExitFindings},
		{"once, and all else is undecided", func(i int) []model.Verdict {
			if i == 0 {
				return []model.Verdict{contact(model.Closed, model.Finding, 0)}
			}
			return []model.Verdict{undecided}
		}, 100, ExitFindings},
		{"none, and all is undecided", at(0, undecided), 20, ExitNoWork},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := run(context.Background(), (&fake{faults: x.faults}).engine(), Config{Checks: 100, Workers: 1})
			if s.ExitStatus() != x.status || s.Cases != x.cases {
				t.Errorf("exit status %d after %d cases, %d findings, %q", s.ExitStatus(), s.Cases, len(s.Findings), s.EmptyRun)
			}
			var b bytes.Buffer
			(&Printer{W: &b}).Summary(s)
			if said := b.String(); strings.Contains(said, "proves nothing") != (x.status == ExitNoWork) {
				t.Error(said)
			}
		})
	}
}

// What nothing explains is kept for people, counted, and no finding.
func TestPuzzlesAccuseNobody(t *testing.T) {
	out := t.TempDir()
	var events []Event
	s := run(context.Background(), (&fake{faults: at(90, puzzle)}).engine(), Config{Checks: 100, Out: out,
		Event: func(e Event) { events = append(events, e) }})
	if s.ExitStatus() != ExitClean || len(s.Findings) != 0 || len(s.Puzzles) != 1 || s.Unexplained != 10 || len(s.Unconfirmed) != 0 {
		t.Fatalf("exit status %d, findings %v, puzzles %v, %d unexplained, %q, %v", s.ExitStatus(), s.Findings, s.Puzzles, s.Unexplained, s.EmptyRun, s.OutErr)
	}
	path := filepath.Join(out, "fake", "unexplained", "proxy-transparent-unexplained-ack-callee-unexplained.txtar")
	if s.Puzzles[0].CaseFile != path {
		t.Errorf("kept in %s", s.Puzzles[0].CaseFile)
	}
	if c, err := corpus.ReadFile(path); err != nil {
		t.Error(err)
	} else if sig, _ := c.Expected("fake", "1.0"); sig != s.Puzzles[0].Signature {
		t.Errorf("the case says %v", sig)
	}
	if found, _ := filepath.Glob(filepath.Join(out, "fake", "*.txtar")); len(found) != 0 {
		t.Errorf("among the findings: %v", found)
	}
	for _, e := range events {
		if f, ok := e.(*Finding); ok && f.Event != "unexplained" {
			t.Errorf("told as a %s", f.Event)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}
