package props

import (
	"context"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
)

func TestHuntOfACleanStack(t *testing.T) { bubble(t, huntOfACleanStack) }

func huntOfACleanStack(t *testing.T) {
	var events []int
	s := run(context.Background(), (&fake{before: jitter}).engine(), Config{Seed: 7, Event: func(e Event) {
		events = append(events, e.(*ScenarioEvent).Index)
	}})
	if s.Cases != 200 || s.ExitStatus() != ExitClean || len(s.Findings) != 0 || s.Seed != 7 {
		t.Errorf("%+v", s)
	}
	if s.Steps != 200 || s.Judged[owedKey] != 200 {
		t.Errorf("%d steps, %d judged", s.Steps, s.Judged[owedKey])
	}
	for i, e := range events {
		if i != e {
			t.Fatalf("event %d is of scenario %d", i, e)
		}
	}
}

// summaryOf is what must not depend on the number of workers.
func summaryOf(s *Summary) string {
	var b strings.Builder
	fmt.Fprintln(&b, s.Cases, s.Twins, s.Steps, s.Broken, s.Inconclusive, s.Latent, s.Judged, s.EmptyRun, s.Latents, s.Unconfirmed)
	for _, f := range s.Findings {
		fmt.Fprintln(&b, f.Index, corpus.FormatSignature(f.Signature), f.Scenario)
	}
	return b.String()
}

func TestSameResultOnAnyNumberOfWorkers(t *testing.T) { bubble(t, sameResultOnAnyNumberOfWorkers) }

func sameResultOnAnyNumberOfWorkers(t *testing.T) {
	r := rand.New(rand.NewSource(3))
	classes := make([][]model.Verdict, 200)
	for i := range classes {
		switch r.Intn(6) {
		case 0:
			classes[i] = []model.Verdict{contact(model.ConnectionPort, model.Finding, r.Intn(2))}
		case 1:
			classes[i] = []model.Verdict{contact(model.Closed, model.Latent, 0), contact(model.Malformed, model.Finding, 1)}
		case 2:
			if r.Intn(4) == 0 {
				classes[i] = []model.Verdict{contact(model.Inconclusive, model.None, 0)}
			}
		}
	}
	var want string
	for _, workers := range []int{1, 2, 7, 7, 7} {
		f := &fake{before: jitter, faults: func(i int) []model.Verdict { return classes[i] },
			held: func(index, try int) int { return Confirmations - 1 + min(try, 1) }}
		got := summaryOf(run(context.Background(), f.engine(), Config{Workers: workers}))
		if want == "" {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers:\n%s", workers, d)
		}
	}
}

func TestHuntReportsEachSignatureOnce(t *testing.T) { bubble(t, huntReportsEachSignatureOnce) }

func huntReportsEachSignatureOnce(t *testing.T) {
	var told []*Finding
	f := &fake{before: jitter, faults: at(3,
		contact(model.ConnectionPort, model.Latent, 0), // on receipt; later on it hurts
		contact(model.ConnectionPort, model.Finding, 0),
		contact(model.ConnectionPort, model.Finding, 1),
		contact(model.ConnectionPort, model.Latent, 2))}
	s := run(context.Background(), f.engine(), Config{Checks: 50, Event: func(e Event) {
		if f, ok := e.(*Finding); ok {
			told = append(told, f)
		}
	}})
	if len(s.Findings) != 2 || len(told) != 2 || len(f.minimized) != 2 || s.ExitStatus() != ExitFindings {
		t.Fatalf("%d findings, %d told, %d minimised, exit %d", len(s.Findings), len(told), len(f.minimized), s.ExitStatus())
	}
	got := s.Findings[0]
	want := &Finding{
		Event: "finding", Stack: "fake", Version: "1.0",
		Signature: model.Signature{Claim: "ContactAccepts", Class: model.ConnectionPort, Severity: model.Finding,
			Header: "Contact", Message: "200 INVITE", Role: "callee", Transport: "tcp"},
		Title:       "ConnectionPort: the Contact of bob's 200 INVITE does not accept",
		Scenario:    "net  lan 4\nhost box lan\nua   bob box tcp:10003 sut\nua   ann box tcp:5081\n\ncall ann bob\n",
		Explanation: "because of ConnectionPort",
		Index:       3,
		Shown:       5,
		Plays:       5,
	}
	if got.Played == nil {
		t.Error("it does not know of which play it tells")
	}
	got.Played = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s.Latent != 47 || len(s.Latents) != 1 || s.Latents[0].Times != 47 || s.Latents[0].Signature.Message != "180 INVITE" {
		t.Errorf("%d latent, %v", s.Latent, s.Latents)
	}
}

// A finding is reported only after 5 of 5; less is inconclusive, and the next
// scenarios that show it are tried, up to maxTries.
func TestUnconfirmedIsInconclusive(t *testing.T) {
	for _, x := range []struct {
		name                          string
		held                          func(index, try int) int
		findings, tries, inconclusive int
	}{
		{"never", func(int, int) int { return Confirmations - 1 }, 0, maxTries, maxTries},
		{"at the second try", func(_, try int) int { return 4 + try }, 1, 2, 1},
		{"at once", func(int, int) int { return Confirmations }, 1, 1, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			f := &fake{before: jitter, held: x.held, faults: at(10, contact(model.Closed, model.Finding, 0))}
			var s *Summary
			bubble(t, func(*testing.T) { s = run(context.Background(), f.engine(), Config{Checks: 100}) })
			if len(s.Findings) != x.findings || len(f.minimized) != x.tries || s.Inconclusive != x.inconclusive {
				t.Errorf("%d findings, %d tries, %d inconclusive", len(s.Findings), len(f.minimized), s.Inconclusive)
			}
			for i, index := range f.minimized {
				if index != 10+i {
					t.Errorf("try %d was scenario %d", i, index)
				}
			}
			if unconfirmed := x.findings == 0; unconfirmed != (len(s.Unconfirmed) == 1) || unconfirmed != (s.EmptyRun != "") {
				t.Errorf("unconfirmed: %v, empty: %q", s.Unconfirmed, s.EmptyRun)
			}
		})
	}
}

func TestEmptyRuns(t *testing.T) {
	every := func(n int, v model.Verdict) func(int) []model.Verdict {
		return func(i int) []model.Verdict {
			if i%n == n-1 {
				return []model.Verdict{v}
			}
			return nil
		}
	}
	broken := model.Verdict{Class: model.Broken, Detail: "it never listened", Advert: -1}
	undecided := contact(model.Inconclusive, model.None, 0)
	undecided.Detail = "a race"
	for _, x := range []struct {
		name   string
		faults func(int) []model.Verdict
		owed   []JudgedKey
		want   string // in EmptyRun; "" is a run that proves something
	}{
		{"one in ten is not too much", every(10, broken), nil, ""},
		{"one in nine broken", every(9, broken), nil, "were broken or inconclusive, 21 of them so: it never listened"},
		{"one in nine undecided", every(9, undecided), nil, "ContactAccepts: a race"},
		{"a claim was never judged", nil, []JudgedKey{owedKey, {"ContactAccepts", "udp", "caller"}}, "never judged in 200 scenarios: ContactAccepts udp caller"},
	} {
		t.Run(x.name, func(t *testing.T) {
			eng := (&fake{faults: x.faults}).engine()
			if x.owed != nil {
				eng.owed = x.owed
			}
			s := run(context.Background(), eng, Config{})
			if (s.EmptyRun == "") != (x.want == "") || !strings.Contains(s.EmptyRun, x.want) {
				t.Errorf("empty run: %q, want %q", s.EmptyRun, x.want)
			}
			if want := map[bool]int{true: ExitClean, false: ExitNoWork}[x.want == ""]; s.ExitStatus() != want {
				t.Errorf("exit status %d, want %d", s.ExitStatus(), want)
			}
		})
	}
}

// A run that can only end as an empty one ends early, and so does one in which
// nothing works.
func TestHopelessRunsEndEarly(t *testing.T) { bubble(t, hopelessRunsEndEarly) }

func hopelessRunsEndEarly(t *testing.T) {
	broken := model.Verdict{Class: model.Broken, Detail: "no such file", Advert: -1}
	half := func(i int) []model.Verdict {
		if i%2 == 0 {
			return nil
		}
		return []model.Verdict{broken}
	}
	for _, x := range []struct {
		name   string
		cfg    Config
		faults func(int) []model.Verdict
		most   int
	}{
		{"nothing works, by checks", Config{Checks: 1000}, at(0, broken), 20},
		{"nothing works, by time", Config{Time: time.Hour}, at(0, broken), 20},
		{"every other works, by checks", Config{Checks: 1000}, half, 334},
		{"nothing works any more, by time", Config{Time: time.Hour}, at(100, broken), 202},
	} {
		s := run(context.Background(), (&fake{faults: x.faults}).engine(), x.cfg)
		if s.Cases > x.most || s.Broken == 0 || !strings.Contains(s.EmptyRun, "no such file") {
			t.Errorf("%s: %d cases, %d broken, %q", x.name, s.Cases, s.Broken, s.EmptyRun)
		}
	}
}

func TestBrokenScenariosGiveNoFindings(t *testing.T) {
	both := at(0, model.Verdict{Class: model.Broken, Detail: "x", Advert: -1}, contact(model.Closed, model.Finding, 0))
	s := run(context.Background(), (&fake{faults: both}).engine(), Config{Checks: 20})
	if len(s.Findings)+len(s.Unconfirmed) != 0 || s.Judged[owedKey] != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTwinsAreCountedApart(t *testing.T) {
	f := &fake{}
	f.twin = func(i int) *Played {
		p := f.played(scenarioOf(i))
		p.Verdicts = []model.Verdict{contact(model.Malformed, model.Finding, 1)}
		return p
	}
	s := run(context.Background(), f.engine(), Config{Checks: 95})
	if s.Cases != 95 || s.Twins != 14 || s.Steps != 109 {
		t.Errorf("%d cases, %d twins, %d steps", s.Cases, s.Twins, s.Steps)
	}
	if len(s.Findings) != 1 || s.Findings[0].Class != model.Malformed || s.Findings[0].Index != 0 {
		t.Errorf("what the twin showed is not found: %+v", s.Findings)
	}
}

// Interrupted while scenarios are being played: what ended by then counts,
// what did not does not, and nobody is left waiting. The first scenario, which
// leads to the finding, takes longest: the other workers are by then in
// scenarios that end only when the finding is confirmed.
func TestInterrupt(t *testing.T) {
	for _, x := range []struct {
		name   string
		faults func(int) []model.Verdict
		want   int
	}{
		{"without findings", nil, ExitInterrupted},
		{"with one", at(0, contact(model.Closed, model.Finding, 0)), ExitFindings},
	} {
		for workers := range 5 {
			t.Run(fmt.Sprintf("%s, %d workers", x.name, workers+1), func(t *testing.T) {
				bubble(t, func(t *testing.T) { interrupt(t, workers+1, x.faults, x.want) })
			})
		}
	}
}

func interrupt(t *testing.T, workers int, faults func(int) []model.Verdict, want int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	counted, confirmed := make(chan struct{}), make(chan struct{})
	f := &fake{faults: faults}
	f.before = func(ctx context.Context, i int) {
		jitter(ctx, i)
		if i == 0 {
			time.Sleep(10 * time.Minute)
		}
		if i < 30 {
			return
		}
		<-counted
		if faults != nil {
			<-confirmed
		}
		cancel()
		<-ctx.Done()
	}
	s := run(ctx, f.engine(), Config{Workers: workers, Event: func(e Event) {
		switch e := e.(type) {
		case *ScenarioEvent:
			if e.Index == 29 {
				close(counted)
			}
		case *Finding:
			close(confirmed)
		}
	}})
	if !s.Interrupted || s.Cases != 30 || s.EmptyRun != "" || s.ExitStatus() != want {
		t.Errorf("%d cases, exit status %d, %+v", s.Cases, s.ExitStatus(), s)
	}
}

// Interrupted while a finding is being minimised: it is named as unconfirmed.
func TestInterruptWhileMinimizing(t *testing.T) { bubble(t, interruptWhileMinimizing) }

func interruptWhileMinimizing(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	f := &fake{faults: at(5, contact(model.Closed, model.Finding, 0)), minimize: cancel}
	s := run(ctx, f.engine(), Config{Workers: 2})
	if len(s.Findings) != 0 || len(s.Unconfirmed) != 1 || s.ExitStatus() != ExitInterrupted {
		t.Errorf("%+v", s)
	}
}

// Two workers, a millisecond a scenario: those under way when the time is over
// count too.
func TestHuntByTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		f := &fake{before: func(context.Context, int) { time.Sleep(time.Millisecond) }}
		s := run(context.Background(), f.engine(), Config{Time: 50*time.Millisecond - time.Microsecond, Workers: 2})
		if s.Cases != 100 || s.EmptyRun != "" || s.Interrupted {
			t.Errorf("%+v", s)
		}
	})
}

func TestFindingsAreWrittenAsCases(t *testing.T) {
	out := t.TempDir()
	f := &fake{faults: at(4, contact(model.ConnectionPort, model.Finding, 0))}
	s := run(context.Background(), f.engine(), Config{Seed: 99, Out: out})
	path := filepath.Join(out, "fake", "contact-connection-port-200-invite-tcp.txtar")
	if len(s.Findings) != 1 || s.Findings[0].CaseFile != path {
		t.Fatalf("%+v", s.Findings)
	}
	c, err := corpus.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sig, ok := c.Expected("fake", "1.0"); !ok || sig != s.Findings[0].Signature {
		t.Errorf("it expects %v", sig)
	}
	if c.Found == nil || c.Found.Seed != 99 || c.Found.Index != 4 || c.Found.Kernel == "" {
		t.Errorf("found: %+v", c.Found)
	}
	if !strings.Contains(c.Explanation, "because of ConnectionPort") || !strings.Contains(c.Explanation, "does not accept") {
		t.Errorf("explanation: %s", c.Explanation)
	}
}

// What cannot be written does not hide the finding, and is told.
func TestCasesThatCannotBeWritten(t *testing.T) {
	out := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(out, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	f := &fake{faults: at(4, contact(model.ConnectionPort, model.Finding, 0))}
	s := run(context.Background(), f.engine(), Config{Out: out})
	if len(s.Findings) != 1 || s.Findings[0].CaseFile != "" || s.OutErr == nil || s.ExitStatus() != ExitFindings {
		t.Errorf("%+v, %v", s.Findings, s.OutErr)
	}
}

// What honest elements gave proves nothing about the stack, and what was not
// asked for is neither counted nor found.
func TestOnlyWhatWasAskedForCounts(t *testing.T) {
	byAnn := contact(model.Accepting, model.None, 3)
	sockets := model.Verdict{Claim: model.SocketsAgree.Name, Class: model.SocketsDiffer, Severity: model.Finding, Advert: -1, Use: -1}
	f := &fake{faults: at(0, byAnn, sockets)}
	eng := f.engine()
	s := run(context.Background(), eng, Config{Checks: 20, Only: []string{model.ContactAccepts.Name}})
	if d := cmp.Diff(map[JudgedKey]int{owedKey: 20}, s.Judged); d != "" || len(s.Findings)+len(s.Unconfirmed) != 0 || s.ExitStatus() != ExitClean {
		t.Errorf("%s%+v", d, s)
	}
	s = run(context.Background(), eng, Config{Checks: 20, Only: []string{model.SocketsAgree.Name}})
	if d := cmp.Diff(map[JudgedKey]int{{Claim: "SocketsAgree"}: 20}, s.Judged); d != "" || len(s.Findings) != 1 {
		t.Errorf("%s%+v", d, s)
	}
}

func TestProgress(t *testing.T) {
	var last Progress
	done := 0
	cfg := Config{Checks: 40, Progress: func(p Progress) {
		if p.Done < last.Done {
			t.Errorf("from %d to %d", last.Done, p.Done)
		}
		last, done = p, p.Done
	}}
	run(context.Background(), (&fake{faults: at(30, contact(model.Closed, model.Finding, 0))}).engine(), cfg)
	if done != 40 || last.Planned != 40 || last.Findings != 1 || last.Minimizing != 0 || last.Rate <= 0 {
		t.Errorf("%+v", last)
	}
}
