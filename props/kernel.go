package props

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/props/kernel"
	"github.com/greka-sip/greka/sut"
)

// kernelName is the stack that is Linux itself: socket steps only.
const kernelName = "kernel"

// Kernel returns the self-test that hunts Linux: scenarios of socket steps, in
// which the model of ports and the kernel have to agree after each one. What
// it finds is a mistake in the model.
func Kernel() *sut.Stack {
	return &sut.Stack{Name: kernelName, Version: kernelRelease(), Kind: sut.SelfTest}
}

// rigs are the labs in which socket steps are played, one for each worker.
type rigs struct {
	wrong linux.Mistake // what the model gets wrong; for tests
	mu    sync.Mutex
	free  []*kernel.Rig
}

func (r *rigs) get() *kernel.Rig {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.free); n > 0 {
		rig := r.free[n-1]
		r.free = r.free[:n-1]
		return rig
	}
	return kernel.NewRig()
}

func (r *rigs) put(rig *kernel.Rig) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, rig)
}

// close gives the labs back. That it may fail changes no verdict, and the
// labs end with the process.
func (r *rigs) close() {
	for _, rig := range r.free {
		_ = rig.Close()
	}
}

// play plays a scenario of socket steps, and judges SocketsAgree. Probes ask,
// after its last step, who takes a packet.
func (r *rigs) play(s *scenario.Scenario, probes bool) *Played {
	rig := r.get()
	defer r.put(rig)
	rig.NoProbes = !probes
	got := rig.Play(*s, r.wrong, nil)
	v := model.Verdict{Claim: model.SocketsAgree.Name, Class: model.Accepting, Advert: -1, Use: -1, Step: got.At}
	switch {
	case got.Difference != "":
		v.Class, v.Severity, v.Detail = model.SocketsDiffer, model.Finding, got.Difference
	case got.Undecided != "":
		v.Class, v.Detail = model.Inconclusive, got.Undecided
	}
	p := &Played{Scenario: *s, Steps: got.Steps, Verdicts: []model.Verdict{v}}
	if got.Broken != nil {
		p.Broken = got.Broken.Error()
	}
	return p
}

// newKernelEngine hunts the kernel with the same loop as everybody else.
func newKernelEngine(stack *sut.Stack, cfg *Config, wrong linux.Mistake) engine {
	labs := &rigs{wrong: wrong}
	return engine{
		stack: stack.Name, version: stack.Version,
		draw: func(index int) *scenario.Scenario {
			s := kernel.Draw(cfg.Seed, index)
			return &s
		},
		play:     func(_ context.Context, s *scenario.Scenario, _ bool) *Played { return labs.play(s, true) },
		minimize: labs.minimize,
		explain:  explainSockets,
		ours:     func(*scenario.Element) bool { return false },
		owed:     []JudgedKey{{Claim: model.SocketsAgree.Name}},
		close:    labs.close,
	}
}

func (r *rigs) minimize(ctx context.Context, s *scenario.Scenario, sig model.Signature, _ time.Time) *Minimal {
	small := kernel.Minimize(r.probed(*s), func(c scenario.Scenario) bool {
		return ctx.Err() == nil && shows(r.play(&c, false), sig)
	})
	return confirm(ctx, small, sig, func(_ context.Context, c *scenario.Scenario, _ manner) *Played { return r.play(c, false) }, new(pace))
}

// probed makes steps of a scenario's probes: where only a probe showed the
// difference, the smallest scenario has to show it by itself.
func (r *rigs) probed(s scenario.Scenario) scenario.Scenario {
	rig := r.get()
	defer r.put(rig)
	rig.NoProbes = false
	s.Steps = slices.Concat(s.Steps, rig.Play(s, r.wrong, nil).Probed)
	return s
}

// explainSockets says where the two differ.
func explainSockets(_ *Played, v model.Verdict) string {
	return "  the model and Linux differ " + strings.ReplaceAll(strings.Trim(v.Detail, "\n"), "\n", "\n  ")
}
