package props

import (
	"context"
	"fmt"
	"math/rand"
	"runtime/debug"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// fake is a stack whose faults are known: scenario i shows what faults[i]
// says. It is played without a lab.
type fake struct {
	faults   func(index int) []model.Verdict
	twin     func(index int) *Played
	held     func(index, try int) int // confirmations; nil: all
	minimize func()                   // called while minimising
	before   func(ctx context.Context, index int)

	mu        sync.Mutex
	minimized []int // index of each scenario that was minimised
}

// scenarioOf is a scenario that carries its index, in bob's port.
func scenarioOf(index int) *scenario.Scenario {
	s, err := scenario.Parse(fmt.Sprintf("net lan 4\nhost box lan\nua bob box tcp:%d sut\nua ann box tcp:5081\nua eve box tcp:5082\ncall ann bob\n", 10000+index))
	if err != nil {
		panic(err)
	}
	return &s
}

func indexOf(s *scenario.Scenario) int { return int(s.Element("bob").Listen[0].Port) - 10000 }

// contact is a verdict about bob's Contact in one of his messages.
func contact(class model.Class, severity model.Severity, advert int) model.Verdict {
	return model.Verdict{Claim: model.ContactAccepts.Name, Class: class, Severity: severity, Advert: advert, Use: -1}
}

var fakeAdverts = []model.Advert{
	{Header: "Contact", Message: "200 INVITE", Giver: "bob", Role: model.RoleCallee, Leg: model.Leg{Transport: sip.TCP}},
	{Header: "Contact", Message: "INVITE", Giver: "bob", Role: model.RoleCaller, Leg: model.Leg{Transport: sip.TCP}},
	{Header: "Contact", Message: "180 INVITE", Giver: "bob", Role: model.RoleCallee, Leg: model.Leg{Transport: sip.TCP}},
	{Header: "Contact", Message: "INVITE", Giver: "ann", Role: model.RoleCaller, Leg: model.Leg{Transport: sip.TCP}},
}

func (f *fake) played(s *scenario.Scenario) *Played {
	p := &Played{Scenario: *s}
	p.Obs.Adverts = fakeAdverts
	p.Obs.Snapshots, p.Obs.After = []linux.Snapshot{{Hosts: []linux.HostSockets{{Host: "box"}}}}, []int{0}
	if f.faults != nil {
		p.Verdicts = f.faults(indexOf(s))
	}
	p.Verdicts = append(p.Verdicts, contact(model.Accepting, model.None, 0))
	for _, v := range p.Verdicts {
		if v.Class == model.Broken {
			p.Broken = v.Detail
		}
	}
	return p
}

var owedKey = JudgedKey{"ContactAccepts", "tcp", "callee"}

func (f *fake) engine() engine {
	tries := map[model.Signature]int{}
	return engine{
		stack: "fake", version: "1.0",
		owed: []JudgedKey{owedKey},
		ours: func(e *scenario.Element) bool { return e.SUT },
		draw: scenarioOf,
		play: func(ctx context.Context, s *scenario.Scenario, twin bool) *Played {
			if f.before != nil {
				f.before(ctx, indexOf(s))
			}
			p := f.played(s)
			if twin && f.twin != nil {
				p.Twin = f.twin(indexOf(s))
			}
			return p
		},
		minimize: func(_ context.Context, s *scenario.Scenario, sig model.Signature, _ time.Time) *Minimal {
			if f.minimize != nil {
				f.minimize()
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.minimized = append(f.minimized, indexOf(s))
			held := Confirmations
			if f.held != nil {
				held = f.held(indexOf(s), tries[sig])
			}
			tries[sig]++
			small := *s
			small.Elements = small.Elements[:2]
			m := &Minimal{Scenario: &small, Played: f.played(s), Shown: held, Plays: Confirmations}
			if held < Confirmations {
				m.Unproved = "not often enough"
			}
			return m
		},
		explain: func(p *Played, v model.Verdict) string { return "because of " + string(v.Class) },
	}
}

// bubble runs a test of hunts by a clock of its own, which moves on when all of
// them wait: sleeping costs no time, and a hunt that would wait for ever panics
// at once, with what each of its goroutines waits for.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		late := time.AfterFunc(24*time.Hour, func() {
			debug.SetTraceback("all")
			panic("a hunt does not end")
		})
		defer late.Stop()
		test(t)
	})
}

// jitter makes scenarios end in another order than they began. It is for tests
// in a bubble.
func jitter(context.Context, int) { time.Sleep(time.Duration(rand.Intn(2000)) * time.Millisecond) }

func at(index int, vs ...model.Verdict) func(int) []model.Verdict {
	return func(i int) []model.Verdict {
		if i >= index {
			return vs
		}
		return nil
	}
}
