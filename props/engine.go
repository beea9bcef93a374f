package props

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// Hunt plays scenarios with a stack as the element that is judged, minimises
// what it finds, and returns the summary. It ends when cfg says, or when ctx
// is done: then the summary is of what was played by then.
//
// The error is about what keeps a hunt from beginning: a stack that is not
// installed, a restriction that leaves nothing to play. What goes wrong later
// is in the summary.
func Hunt(ctx context.Context, stack *sut.Stack, cfg Config) (*Summary, error) {
	if err := cfg.Fits(stack); err != nil {
		return nil, err
	}
	version, err := stack.Installed(ctx)
	if err != nil {
		return nil, err
	}
	eng := newEngine(stack, version, &cfg)
	if eng.close != nil {
		defer eng.close()
	}
	return run(ctx, eng, cfg), nil
}

func newEngine(stack *sut.Stack, version string, cfg *Config) engine {
	if stack.Name == kernelName {
		return newKernelEngine(stack, cfg, linux.NoMistake)
	}
	space := SpaceOf(stack, cfg.Transport, cfg.Role)
	p := &player{stack: stack, pool: &netns.Pool{Fresh: cfg.Fresh || stack.Kind == sut.Real, Wary: true, Keep: keptLabs}}
	fill := canFill(cfg.workers())
	return engine{
		stack: stack.Name, file: stack.File, version: version,
		draw: func(index int) *scenario.Scenario {
			s := Draw(cfg.Seed, index, space)
			if !fill {
				withoutFill(&s)
			}
			return &s
		},
		play: p.play,
		minimize: func(ctx context.Context, s *scenario.Scenario, sig model.Signature, until time.Time) *Minimal {
			if !p.outlasts(ctx, s, sig) {
				return &Minimal{Scenario: s, Unproved: cmp.Or(outOfTime(ctx), "it was not there when more time was given")}
			}
			m := Minimize(ctx, s, sig, until, p.as)
			if m.Confirmed() {
				m.Played = p.recorded(ctx, m.Scenario, sig, m.Played)
			}
			return m
		},
		record:  p.capture,
		explain: func(p *Played, v model.Verdict) string { return Explain(p, v, stack.Name) },
		ours:    func(e *scenario.Element) bool { return e.SUT || e.Stack == "" && stack.Name == honest },
		owed:    owed(space, cfg.Only),
		absent:  notGiven(stack, cfg),
		// What a lab that could not be closed leaves behind ends with us.
		close: func() { _ = p.pool.Close() },
	}
}

// keptLabs is as many as the topologies that are drawn again and again, for a
// few workers.
const keptLabs = 128

// honest is the stack that every element is unless the scenario says otherwise.
const honest = "peer"

// Fits says why a hunt of a stack with this configuration could play nothing:
// an unknown claim, or a transport or role that the stack does not have.
func (c *Config) Fits(s *sut.Stack) error {
	for _, name := range c.Only {
		if !slices.ContainsFunc(model.Claims, func(c model.Claim) bool { return c.Name == name }) {
			return fmt.Errorf("props: unknown claim %q: know %s", name, claimList())
		}
	}
	if err := oneOf("transport", c.Transport, s.Transports, s.Name); err != nil {
		return err
	}
	return oneOf("role", c.Role, s.Roles, s.Name)
}

func claimList() string {
	var names []string
	for _, c := range model.Claims {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// oneOf refuses a restriction to what the stack does not have.
func oneOf[T fmt.Stringer](what, want string, has []T, stack string) error {
	var names []string
	for _, h := range has {
		if h.String() == want {
			return nil
		}
		names = append(names, h.String())
	}
	if want == "" {
		return nil
	}
	if len(names) == 0 {
		return fmt.Errorf("props: %s has no %s at all, and --%s makes no sense with it", stack, what, what)
	}
	return fmt.Errorf("props: %s has no %s %q: it has %s", stack, what, want, strings.Join(names, ", "))
}

// owed lists what a hunt in a space has to have judged, to be no empty one.
func owed(sp Space, only []string) []JudgedKey {
	var keys []JudgedKey
	add := func(c model.Claim, transport, role string) {
		if len(only) == 0 || slices.Contains(only, c.Name) {
			keys = append(keys, JudgedKey{c.Name, transport, role})
		}
	}
	agent := false
	for _, r := range sp.Roles {
		claim := model.ContactAccepts
		if r == model.RoleProxy {
			claim = model.RecordRouteAccepts
		} else {
			agent = true
		}
		for _, t := range sp.Transports {
			add(claim, t.String(), r.String())
		}
	}
	if agent { // a judged proxy has no direct twin
		add(model.ProxyTransparent, "", "")
	}
	add(model.SocketsAgree, "", "")
	return keys
}
