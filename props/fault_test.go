package props

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// bob is judged and on a host of his own.
const faultWorld = `
net   lan 4
host  box lan
host  hut lan
route hut default prohibit
proxy p   box tcp:5060 udp:5060 deliver=%s
ua    bob hut tcp:5072 udp:5072 via=p sut
ua    ann box tcp:5081 udp:5081 via=p

%s
`

// faulty plays a scenario with a stack as bob.
func faulty(t *testing.T, stack, deliver, steps string) *Played {
	t.Helper()
	t.Parallel()
	netns.Require(t)
	s := find(t, stack)
	installed(t, s)
	sc, err := scenario.Parse(fmt.Sprintf(faultWorld, deliver, steps))
	if err != nil {
		t.Fatal(err)
	}
	p := &player{stack: s}
	return p.once(context.Background(), &sc)
}

// bobs lists the cookies of bob's sockets after a step.
func bobs(p *Played, step int) map[uint64]bool {
	return cookies(&p.Obs.Snapshots[p.Obs.After[step]], "bob")
}

// faultPlays are scenarios in which honest elements go on after a fault, and
// what is seen of it in bob's sockets.
var faultPlays = []struct {
	name, deliver, steps string
	seen                 func(before, after map[uint64]bool) bool // of the second step
}{
	{"restart", "contact", "call ann bob tcp\nrestart bob\nregister bob tcp\ncall ann bob tcp\ncall bob ann udp",
		func(before, after map[uint64]bool) bool {
			for c := range before {
				if after[c] {
					return false
				}
			}
			return len(after) > 1
		}},
	{"a proxy restarts", "contact", "register bob tcp\nrestart p\ncall ann bob tcp\nregister bob tcp\ncall ann bob udp",
		func(before, after map[uint64]bool) bool { return len(after) == len(before)-1 }},
	{"kill", "contact", "call ann bob udp\nkill hut\nrestart bob\ncall ann bob udp",
		func(_, after map[uint64]bool) bool { return len(after) == 0 }},
	{"freeze", "contact", "call ann bob tcp\nfreeze hut\nthaw hut\ncall ann bob tcp\ncall ann bob udp", stay},
	{"fill", "contact", "freeze hut\nfill bob\nthaw hut\ncall ann bob tcp\nrestart bob\ncall ann bob tcp",
		func(before, after map[uint64]bool) bool { return len(after) > len(before)+3 }},
	{"silence", "contact", "register bob tcp\nsilence bob p\ncall ann bob tcp", stay},
	{"reset", "contact", "register bob tcp\nreset bob p\ncall ann bob tcp", stay},
	{"disconnect", "flow", "register bob tcp\ndisconnect p bob\ncall ann bob tcp",
		func(before, after map[uint64]bool) bool { return len(after) == len(before)-1 }},
	{"another address", "contact", "call ann bob tcp\nassign hut lan.2\ncall ann bob tcp", stay},
	{"a link that flaps", "contact", "call ann bob tcp\nlink hut lan down\nlink hut lan up\ncall ann bob tcp", stay},
	{"addresses come and go", "contact", "call ann bob tcp\nassign hut lan.2\nrenumber hut lan.2 lan.3\nunassign hut lan.3\ncall ann bob tcp", stay},
	{"a route is withdrawn", "contact", "call ann bob tcp\nwithdraw hut default\ncall ann bob tcp", stay},
	{"who forwards nothing forwards", "contact", "call ann bob tcp\nforwarding hut on\ncall ann bob tcp", stay},
}

// stay: what was there is there, but for the media of a call that is over.
func stay(before, after map[uint64]bool) bool {
	for c := range after {
		if !before[c] {
			return false
		}
	}
	return len(after) > 1
}

// TestFaultsArePlayed: after each fault honest elements go on as predicted,
// whoever plays bob, and what befell him can be seen in his sockets.
func TestFaultsArePlayed(t *testing.T) {
	for _, c := range faultPlays {
		for _, stack := range []string{honest, "baresip"} {
			t.Run(c.name+"/"+stack, func(t *testing.T) {
				p := faulty(t, stack, c.deliver, c.steps)
				if p.Broken != "" {
					t.Fatal(p.Broken)
				}
				for _, v := range p.Verdicts {
					if v.Severity == model.Finding || v.Class == model.Inconclusive || v.Class == model.Broken {
						t.Errorf("%s: %s %s", v.Claim, v.Class, v.Detail)
					}
				}
				if len(p.Obs.After) != len(p.Scenario.Steps) {
					t.Fatalf("%d of %d steps were played: %v", len(p.Obs.After), len(p.Scenario.Steps), p.Obs.Outcomes)
				}
				if before, after := bobs(p, 0), bobs(p, 1); !c.seen(before, after) {
					t.Errorf("bob had the sockets %v, and has %v", before, after)
				}
			})
		}
	}
}

// TestFaultsHurt is the negative twin: where the model says that honest
// elements cannot play on, they cannot.
func TestFaultsHurt(t *testing.T) {
	for _, c := range []struct{ name, deliver, steps string }{
		{"who was killed answers nobody", "contact", "kill hut\ncall ann bob udp"},
		{"who stands still answers nobody", "contact", "freeze hut\ncall ann bob tcp"},
		{"nor over UDP", "contact", "freeze hut\ncall ann bob udp"},
		{"a silenced flow carries nothing", "flow", "register bob tcp\nsilence bob p\ncall ann bob tcp"},
		{"nor do silenced ports", "contact", "silence bob p\ncall ann bob udp"},
		{"a proxy that starts again knows nobody", "flow", "register bob tcp\nkill box\nrestart p\ncall bob ann tcp"},
		{"nobody is there while the link is down", "contact", "link hut lan down\ncall ann bob tcp"},
	} {
		for _, stack := range []string{honest, "baresip"} {
			t.Run(c.name+"/"+stack, func(t *testing.T) {
				p := faulty(t, stack, c.deliver, c.steps)
				if _, err := model.Predict(&p.Scenario); err == nil {
					t.Error("the model says that it can be played")
				}
				if n := len(p.Obs.Outcomes); n > 0 && p.Obs.Outcomes[n-1].Completed() {
					t.Errorf("the call went through: %v", p.Obs.Outcomes)
				}
			})
		}
	}
}

// TestEveryFaultIsPlayed: a fault that no scenario of TestFaultsArePlayed has is
// one of which nobody knows whether it can be played.
func TestEveryFaultIsPlayed(t *testing.T) {
	var steps strings.Builder
	for _, c := range faultPlays {
		fmt.Fprintf(&steps, "%s\n", c.steps)
	}
	for word, kind := range kindsOfStep(t) {
		if kind != scenario.SocketStep && !strings.Contains("\n"+steps.String(), "\n"+word+" ") {
			t.Errorf("no scenario has %s", word)
		}
	}
}

// kindsOfStep lists every word that a step begins with, and its kind.
func kindsOfStep(t *testing.T) map[string]scenario.StepKind {
	kinds := map[string]scenario.StepKind{}
	drawn, at := drawnSteps(t)
	for _, w := range scenario.Words() {
		if drawn[w].Hosts == nil {
			t.Fatalf("%s is never drawn", w)
		}
		kinds[w] = drawn[w].Steps[at[w]].Kind()
	}
	return kinds
}
