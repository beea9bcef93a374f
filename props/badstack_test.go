package props

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/greka-sip/greka/internal/program"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

const fakeUADescription = `A user agent of the tests.

-- stack --
name           fake
version        "PROGRAM" -version
version-match  ^fake (.*)
roles          caller callee
transports     udp tcp
families       4 6
listen         apart
bind           address 0.0.0.0 :: v6only
several        interfaces addresses families
accounts       many
env            GREKA_FAKE_UA=HOW
start          "PROGRAM" {{.Name}} {{.Host}} {{.UDP}} {{.TCP}} {{.BindHost}} {{.V6Only}}
ready          listeners
-- register --
register {{.Transport}} sip:{{.Via.Host}}:{{.Via.Port .Transport}};transport={{.Transport}}
-- call --
call {{.Transport}} {{.To}}{{with .Via}} sip:{{.Host}}:{{.Port $.Transport}};transport={{$.Transport}};lr{{end}}
-- hangup --
hangup
`

// fakeUAStack describes this test binary as a stack, in a stranger's file.
func fakeUAStack(t *testing.T, how string) *sut.Stack {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(t.TempDir(), "version")
	program.Write(t, version, "#!/bin/sh\necho fake 1\n")
	text := strings.NewReplacer(`"PROGRAM" -version`, `"`+version+`"`, "PROGRAM", self, "HOW", how).Replace(fakeUADescription)
	file := filepath.Join(t.TempDir(), "stack.txtar")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := sut.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s.Allow()
	return s
}

// huntFake hunts a fake and checks what holds of every hunt: a reason where
// nothing was proved, and nothing of what the stack said reaches a terminal.
func huntFake(t *testing.T, how string, cfg Config) *Summary {
	t.Helper()
	netns.Require(t)
	cfg.Seed, cfg.Out = seed(), t.TempDir()
	var said bytes.Buffer
	cfg.Event = func(e Event) {
		line, err := json.Marshal(e)
		if err != nil {
			t.Error(err)
		}
		said.Write(append(line, '\n'))
	}
	sum, err := Hunt(context.Background(), fakeUAStack(t, how), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := Printer{W: &said}
	for _, f := range sum.Findings {
		p.Finding(f)
		data, err := os.ReadFile(f.CaseFile)
		if err != nil {
			t.Error(err)
		}
		said.Write(data)
	}
	p.Summary(sum)
	for _, l := range strings.Split(said.String(), "\n") {
		if plain.Spelled(l) != l {
			t.Errorf("a line that a person reads: %q", l)
		}
		if len(l) > 8<<10 {
			t.Errorf("a line of %d bytes: %.200s…", len(l), l)
		}
	}
	if t.Failed() || testing.Verbose() {
		p.W = os.Stderr
		p.Summary(sum)
	}
	return sum
}

// TestHonestFakes: a user agent that was not written by the author of peer, and
// does what RFC 3261 allows and peer does not, is found guilty of nothing.
func TestHonestFakes(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"plain", "trusts-config", "sends-ten-times", "other-port", "dribbles", "dials-anew", "forks",
		"compact", "odd-spelling", "replaces-its-binding", "asks-for-its-bindings", "talks-meanwhile", "slow", "long-contact"} {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how, Config{Checks: checks(30)})
			if sum.ExitStatus() != ExitClean || sum.Broken+sum.Inconclusive+sum.Latent != 0 || len(sum.Unconfirmed) != 0 {
				t.Errorf("exit status %d, %d broken, %d inconclusive, %d latent, unconfirmed %v: %s",
					sum.ExitStatus(), sum.Broken, sum.Inconclusive, sum.Latent, sum.Unconfirmed, sum.EmptyRun)
			}
		})
	}
}

// TestBadStacks: whatever a stack does, a hunt of it ends with a reason, and
// finds nothing that is not there.
func TestBadStacks(t *testing.T) {
	t.Parallel()
	const waits = "nothing more happened within 2s"
	wait := waiters{t: t}
	defer wait.all.Wait()
	for _, x := range []struct {
		how  string
		want []model.Class // of the findings
		may  model.Class   // what else may be found, rightly
		says string        // in the reason why the run proves nothing; "": it proves something

		checks int // 0: 12
	}{
		{how: "deaf", want: []model.Class{model.NoAnswer}},
		{how: "garbage", want: []model.Class{model.NoAnswer}},
		{how: "truncates", says: waits},
		{how: "negative-length", says: waits},
		{how: "other-call-id", says: waits},
		{how: "slams", want: []model.Class{model.NoAnswer}}, // over UDP; a connection that it ends is an answer of sorts
		{how: "expires-at-once", says: "did not register within 5s", checks: 60},
		{how: "floods", want: []model.Class{model.Flooded}, may: model.NoAnswer}, // where it is slow at that
		{how: "dies", want: []model.Class{model.Crashed}},
		{how: "dies-in-the-call", want: []model.Class{model.Crashed}},
		{how: "busy", says: "final status 486"},
		{how: "forgets", says: "BYE answered with 481"},
		{how: "no-tag"}, // as RFC 2543 had it, and RFC 3261 12.1.2 puts up with
		{how: "no-contact", want: []model.Class{model.Malformed}},
		{how: "long-dead-contact", want: []model.Class{model.Closed}},
		{how: "control-characters", want: []model.Class{model.Malformed}},
	} {
		test := func(t *testing.T) {
			sum := huntFake(t, x.how, Config{Checks: cmp.Or(x.checks, 12), Workers: manyWaiting})
			found := map[model.Class]bool{}
			for _, f := range sum.Findings {
				found[f.Class] = true
			}
			for _, c := range x.want {
				if !found[c] {
					t.Errorf("not found: %s", c)
				}
				delete(found, c)
			}
			delete(found, x.may)
			if len(found) > 0 {
				t.Errorf("false findings: %v", found)
			}
			if (x.says != "") != (sum.ExitStatus() == ExitNoWork) || (len(x.want) > 0) != (sum.ExitStatus() == ExitFindings) || x.says != "" && !strings.Contains(sum.EmptyRun, x.says) {
				t.Errorf("exit status %d, %q", sum.ExitStatus(), sum.EmptyRun)
			}
		}
		if x.says == waits || slices.Contains(x.want, model.NoAnswer) || slices.Contains(x.want, model.Flooded) {
			wait.run(x.how, test)
		} else {
			t.Run(x.how, test)
		}
	}
}

// manyWaiting is how many labs of programs that do not answer are played at once.
const manyWaiting = 12

// waiters runs subtests that do nothing but wait, all of them at once: t.Parallel
// has as many as there are processors, and these need none.
type waiters struct {
	t   *testing.T
	all sync.WaitGroup
}

func (w *waiters) run(name string, f func(t *testing.T)) {
	w.all.Go(func() { w.t.Run(name, f) })
}

// In tests a request waits for its answer for less than the rules have it: what
// is tested does not become true later. And what waits in each play is not reduced
// to the end.
func init() { ruleTime, shrinkBound = 4*time.Second, 10*time.Second }

// TestSlowIsNoDifference: a stack that takes long only where there is a proxy,
// longer than a call is waited for, is not said to treat it otherwise; one that
// refuses is.
func TestSlowIsNoDifference(t *testing.T) {
	netns.Require(t)
	sc := foundingScenario(t)
	sig := model.Signature{Claim: model.ProxyTransparent.Name, Class: model.Unexplained, Severity: model.Puzzle, Message: "INVITE", Role: "callee"}
	slow := &player{stack: fakeUAStack(t, "slow-behind-proxy")}
	if p := slow.play(context.Background(), &sc, true); !shows(p, sig) {
		t.Errorf("at first sight it is a difference: %+v", p.Verdicts)
	}
	if slow.outlasts(context.Background(), &sc, sig) {
		t.Error("given more time there still is a difference")
	}
	refuses := &player{stack: find(t, "mutant/refuses-behind-proxy")}
	if !refuses.outlasts(context.Background(), &sc, sig) {
		t.Error("given more time, refusing is no difference any more")
	}
}
