package props

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
	"github.com/greka-sip/greka/sut/peer"
)

const (
	// callQuiet ends a call in which nothing more happens for so long, and
	// nothing is on its way: an outcome is decided by events, and this is for
	// those that never come.
	callQuiet = 2 * time.Second
	// registerQuiet is the same for a registration.
	registerQuiet = 5 * time.Second
	// patience is how long a call is given before it is said that
	// silence makes the difference between it and its direct twin: a stack
	// may only be slow where there is a proxy, as one that asks for names is.
	patience = 5 * callQuiet
)

// ruleTime is how long a request waits for its answer by the rules, before it
// is said that it gets none; a variable for tests only.
var ruleTime = model.RuleTime * time.Millisecond

// player plays scenarios with one stack as the element that is judged. It may
// be used by several goroutines.
type player struct {
	stack *sut.Stack
	// pool is where labs come from; nil: each is a fresh one. Labs in which
	// programs ran are never used again.
	pool *netns.Pool
	// record takes a capture of every lab. It is for the confirmation of a
	// finding: closing a capture costs 3 to 20 ms a host.
	record bool
	// within is for how long nothing may happen in a call; 0 is callQuiet.
	within time.Duration
	// unprobed plays without probes: what is seen then, no connection of ours
	// has made. Look-up decides, and what the users' own connects met.
	unprobed bool
}

// spared is why nothing is probed in such a play.
const spared = "a play without probes"

// play plays a scenario in a fresh lab. With twin, or if a call failed and no
// address explains why, it plays the direct twin in another one.
func (p *player) play(ctx context.Context, sc *scenario.Scenario, twin bool) *Played {
	out := p.look(ctx, sc)
	if out.Broken != "" || !twin && !puzzling(out) {
		return out
	}
	direct, ok := model.Direct(sc)
	if !ok {
		return out
	}
	out.Twin = p.look(ctx, &direct)
	out.compare(sc)
	return out
}

// once plays a scenario in a fresh lab and judges it.
func (p *player) once(ctx context.Context, sc *scenario.Scenario) *Played {
	out := &Played{Scenario: *sc}
	s := &session{sc: sc, stack: p.stack, quiet: callQuiet, unprobed: p.unprobed, dialling: map[int]int{},
		processes: map[string]*sut.Process{}, stacks: map[string]*sut.Stack{}, seen: map[useKey]bool{},
		still: map[string]bool{}, temper: map[string]int{}}
	s.obs.Own = map[string]bool{}
	var packets bytes.Buffer
	if p.within > 0 {
		s.quiet = p.within
	}
	if p.record {
		s.packets = &packets
	}
	scarcity := newScarcity()
	err := s.run(ctx, p.pool)
	if lack := scarcity.since(); lack != nil {
		err = lack // whatever else there is may come of it
	}
	if err != nil {
		s.obs.Broken = err.Error()
	}
	out.Packets, out.Log = packets.Bytes(), s.log.bytes()
	if s.obs.Broken == "" {
		s.astray(out.Packets)
	}
	out.Obs = s.obs
	out.judge()
	return out
}

// session is one scenario being played.
type session struct {
	sc        *scenario.Scenario
	stack     *sut.Stack
	lab       *netns.Lab
	world     *peer.World
	processes map[string]*sut.Process
	stacks    map[string]*sut.Stack // who plays an element that is not peer's
	obs       model.Observation
	seen      map[useKey]bool
	quiet     time.Duration // after which a call in which nothing happens has ended
	step      int
	still     map[string]bool          // hosts whose programs stand still
	temper    map[string]int           // of programs: whether they come to rest
	topology  *linux.Topology          // who reaches whom; nil on one network
	uses      int                      // in this step
	proved    map[probeKey]model.Probe // in this step
	fresh     int                      // index of the first use since the last message came in
	unprobed  bool                     // nothing is probed
	dialling  map[int]int              // by the world's number of a use: its index in the observation
	packets   io.Writer                // where a capture goes, nil for none
	log       programLog
	trouble   error // the first failure inside a hook
	traffic   traffic
}

// run plays all steps, or up to the first one that fails.
func (s *session) run(ctx context.Context, pool *netns.Pool) (err error) {
	if pool == nil {
		pool = &netns.Pool{Fresh: true}
	}
	if s.lab, err = pool.New(s.sc); err != nil {
		return err
	}
	defer s.lab.Close()
	if s.sc.Routed() {
		s.topology = linux.NewTopology(s.sc)
	}
	if s.packets != nil {
		c, err := s.lab.Capture(s.packets)
		if err != nil {
			return err
		}
		defer func() {
			c.Describe(legendOf(s.sc, &s.obs))
			err = errors.Join(err, c.Close())
		}()
	}
	if err := s.start(ctx); err != nil {
		return err
	}
	defer s.stop()
	for i, st := range s.sc.Steps {
		s.step, s.uses, s.traffic.messages, s.proved = i, 0, 0, map[probeKey]model.Probe{}
		ok, err := s.play(ctx, st)
		if err == nil {
			err = s.trouble
		}
		if err == nil && ok {
			err = s.settle(ctx)
		}
		if err = s.brokeDown(err); err != nil || !ok || len(s.obs.Breakdowns) > 0 {
			return err
		}
	}
	return nil
}

// start brings up every element: our own first, then the stacks.
func (s *session) start(ctx context.Context) (err error) {
	lies, others := map[string]peer.Lie{}, map[string]bool{}
	for _, e := range s.sc.Elements {
		st := s.stack
		if !e.SUT {
			if e.Stack == "" {
				s.obs.Own[e.Name] = true
				continue
			}
			if st, err = sut.Find(e.Stack); err != nil {
				return err
			}
			if st.Kind == sut.Real {
				st.Insecure = s.stack.Insecure
			}
		}
		lies[e.Name] = st.Lie
		if st.Kind == sut.Real {
			s.stacks[e.Name], others[e.Name] = st, true
		}
		s.obs.Own[e.Name] = st.Kind != sut.Real && !st.Lie.Addresses()
	}
	s.world, err = peer.New(s.lab, s.sc, others, lies, peer.Hooks{Received: s.received, Using: s.using, Met: s.met, Sent: s.sent, Hopeless: s.hopeless, Patience: ruleTime})
	if err != nil {
		return err
	}
	for _, e := range s.sc.Elements {
		if !others[e.Name] {
			continue
		}
		if err := s.launch(ctx, e.Name); err != nil {
			s.stop()
			return err
		}
	}
	return nil
}

// launch starts the stack that plays an element.
func (s *session) launch(ctx context.Context, element string) error {
	p, err := s.stacks[element].Start(ctx, s.lab, s.sc, element)
	if err == nil {
		s.processes[element] = p
	} else if command, said := sut.TranscriptOf(err); command != "" {
		s.log.add(element, s.stacks[element].Name, command, said)
	}
	return err
}

// quit ends a program and keeps what passed between us and it.
func (s *session) quit(element string, p *sut.Process) error {
	delete(s.processes, element)
	err := p.Close()
	s.log.add(element, s.stacks[element].Name, p.Command(), p.Transcript())
	return err
}

func (s *session) stop() {
	for _, e := range s.sc.Elements {
		if p := s.processes[e.Name]; p != nil {
			_ = s.quit(e.Name, p) // a program that does not die has been told of by its lab
		}
	}
	s.world.Close()
}

// play plays one step. It returns false if the step failed: what would follow
// is not worth playing.
func (s *session) play(ctx context.Context, st scenario.Step) (bool, error) {
	switch st := st.(type) {
	case scenario.Register:
		return s.register(ctx, st)
	case scenario.Call:
		return s.call(ctx, st)
	}
	known, err := s.fault(ctx, st)
	if !known {
		return false, fmt.Errorf("props: step %d is not one that is played beside calls", s.step+1)
	}
	return true, err
}

func (s *session) register(ctx context.Context, r scenario.Register) (bool, error) {
	status := 0
	done := func() bool { return status != 0 || s.trouble != nil }
	if p := s.processes[r.UA]; p != nil {
		plan, err := s.sc.PlanRegister(s.step)
		if err != nil {
			return false, err
		}
		s.world.Forget(r.UA)
		if err := s.tell(ctx, registerQuiet, func(ctx context.Context) error { return p.Register(ctx, plan.Proxy, plan.Transport) }); err != nil {
			return false, err
		}
		done = func() bool { return s.world.Registered(r.UA) || s.trouble != nil || exited(p) }
	} else if err := s.world.Register(s.step, func(code int) { status = code }); err != nil {
		return false, err
	}
	ok, err := s.wait(ctx, registerQuiet, done)
	if err == nil && (!ok || status >= 300) {
		err = fmt.Errorf("%s did not register within %v%s", r.UA, registerQuiet, s.tail(r.UA))
	}
	if err == nil {
		err = s.died()
	}
	return ok, err
}

// call plays one call from INVITE to BYE and notes its outcome.
func (s *session) call(ctx context.Context, c scenario.Call) (bool, error) {
	call := s.world.Begin(s.step, c)
	defer s.world.End()
	if err := s.place(ctx, c, call); err != nil {
		return false, err
	}
	hanger := s.processes[c.From]
	if c.Hangup == scenario.Callee {
		hanger = s.processes[c.To]
	}
	var hangup error
	ok, err := s.wait(ctx, s.quiet, func() bool {
		if hanger != nil && call.Outcome.Acked {
			hangup = s.tell(ctx, s.quiet, hanger.Hangup)
			hanger = nil
		}
		return call.Over() || s.trouble != nil || hangup != nil || s.anyExited()
	})
	if err == nil {
		err = hangup
	}
	if err == nil {
		err = s.died()
	}
	if !ok && call.Outcome.Failure == "" {
		call.Outcome.Failure = fmt.Sprintf("nothing more happened within %v", s.quiet)
	}
	if err == nil {
		err = s.account(call.Outcome.Completed())
	}
	if ctx.Err() == nil {
		s.obs.Outcomes = append(s.obs.Outcomes, call.Outcome)
	}
	return call.Outcome.Completed(), err
}

// place makes the caller send its INVITE.
func (s *session) place(ctx context.Context, c scenario.Call, call *peer.Call) error {
	p := s.processes[c.From]
	if p == nil {
		if err := s.world.Invite(s.step); err != nil {
			call.Outcome.Failure = err.Error()
		}
		return nil
	}
	plan, err := s.sc.PlanCall(s.step)
	if err != nil {
		return err
	}
	return s.tell(ctx, s.quiet, func(ctx context.Context) error { return p.Call(ctx, plan.RequestURI, plan.Transport) })
}

// tell bounds how long a program may take to hear what it is told.
func (s *session) tell(ctx context.Context, bound time.Duration, say func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return say(ctx)
}

// settle lets the world and the programs finish what they were doing and notes
// the sockets.
func (s *session) settle(ctx context.Context) error {
	if err := errors.Join(s.rest(ctx), s.world.Drain()); err != nil {
		return err
	}
	i, err := s.snapshot()
	if err != nil {
		return err
	}
	s.obs.After = append(s.obs.After, i)
	return nil
}

func (s *session) snapshot() (int, error) {
	snap, err := s.lab.Snapshot()
	if err != nil {
		return 0, err
	}
	snap.Topology = s.topology
	s.obs.Snapshots = append(s.obs.Snapshots, snap)
	return len(s.obs.Snapshots) - 1, nil
}

func (s *session) anyExited() bool {
	for _, p := range s.processes {
		if exited(p) {
			return true
		}
	}
	return false
}

func exited(p *sut.Process) bool {
	gone, _ := p.Exited()
	return gone
}

// died returns an error if a stack has ended: all that follows is its end's
// consequence and says nothing about addresses.
func (s *session) died() error {
	for name, p := range s.processes {
		if gone, err := p.Exited(); gone {
			return fmt.Errorf("the stack that plays %s ended during step %d: %v%s", name, s.step+1, err, s.tail(name))
		}
	}
	return nil
}

// tail returns the end of a stack's output, to be appended to an error.
func (s *session) tail(element string) string {
	p := s.processes[element]
	if p == nil || p.Tail() == "" {
		return ""
	}
	return "; its last words: " + p.Tail()
}
