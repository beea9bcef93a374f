package netns

import (
	"errors"
	"fmt"
	"sync"

	"github.com/greka-sip/greka/model"
)

// Pool keeps labs that were closed and makes new ones of them. The zero value
// works. Its methods may be called from any goroutine.
//
// A lab that comes back is reset: nothing of what was done in it reaches its
// next user. Where that cannot be told (Host.Do ran something in it, somebody
// still holds a socket of it, a device was added) it is thrown away.
type Pool struct {
	// Fresh makes every lab a fresh one: for comparison, and for those who do
	// not trust a reset.
	Fresh bool
	// Keep is how many labs are kept at the most, 0 means 64. A kept lab
	// takes about 0.2 MB of the kernel's memory for each host.
	Keep int
	// Wary keeps a lab only if one of its shape was asked for before: for
	// those who draw topologies, many of which never come again. What a kept
	// lab needs beside others makes it a fifth dearer.
	Wary bool

	mu     sync.Mutex
	free   []*Lab          // the one that came back last is last
	seen   map[string]bool // shapes that were asked for, if Wary
	closed bool
	count  PoolCount
	forget string // what a reset leaves out, for tests of the tests
}

// PoolCount tells what became of a pool's labs.
type PoolCount struct {
	Fresh     int // made of nothing
	Reused    int // as they were, reset
	Rebuilt   int // reset, and given other addresses and routes
	Discarded int // could not be reset
	Why       error
}

// Count returns the numbers so far. Why is the reason of the last discard.
func (p *Pool) Count() PoolCount {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// New is netns.New with labs that are used again. A lab of the same shape (as
// many hosts, on the same networks, with the same routers) is made into what
// the scenario says; only if there is none a fresh one is built. Its Close
// gives it back.
func (p *Pool) New(s *model.Scenario) (*Lab, error) {
	if p.Fresh {
		return New(s)
	}
	plan, err := newPlan(s)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	plan.sign()
	for l := p.take(plan); l != nil; l = p.take(plan) {
		rebuilt, err := l.become(plan)
		if err == nil {
			p.noted(func(c *PoolCount) { c.Reused, c.Rebuilt = c.Reused+1-rebuilt, c.Rebuilt+rebuilt })
			return l, nil
		}
		p.discard(l, err)
	}
	p.noted(func(c *PoolCount) { c.Fresh++ })
	if p.Wary && p.first(plan.shape) {
		return build(plan, nil)
	}
	return build(plan, p)
}

// first reports whether a shape is asked for for the first time.
func (p *Pool) first(shape string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	first := !p.seen[shape]
	p.seen[shape] = true
	return first
}

func (p *Pool) noted(f func(*PoolCount)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.count)
}

// take returns a kept lab that can become what a plan says: one that is it
// already, or else one of its shape, or nil.
func (p *Pool) take(want *plan) *Lab {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, l := range p.free {
		if l.plan.shape != want.shape {
			continue
		}
		best = i
		if l.plan.key == want.key && !l.dirty {
			break
		}
	}
	if best < 0 {
		return nil
	}
	l := p.free[best]
	p.free = append(p.free[:best], p.free[best+1:]...)
	return l
}

// give takes a lab back, if it can be reset, and reports whether it did.
func (p *Pool) give(l *Lab) (bool, error) {
	next, err := l.reset(p.forget)
	if err != nil {
		p.noted(func(c *PoolCount) { c.Discarded, c.Why = c.Discarded+1, err })
		return false, nil
	}
	p.mu.Lock()
	p.free = append(p.free, next)
	keep := p.Keep
	if keep <= 0 {
		keep = 64
	}
	var over []*Lab
	if p.closed {
		keep = 0
	}
	if n := len(p.free) - keep; n > 0 {
		over = append(over, p.free[:n]...)
		p.free = append([]*Lab(nil), p.free[n:]...)
	}
	p.mu.Unlock()
	var failed []error
	for _, l := range over {
		failed = append(failed, l.destroy())
	}
	return true, errors.Join(failed...)
}

func (p *Pool) discard(l *Lab, why error) {
	p.noted(func(c *PoolCount) { c.Discarded, c.Why = c.Discarded+1, why })
	_ = l.destroy()
}

// Close gives back the labs that the pool keeps. Those that are in use are
// given back when they are closed.
func (p *Pool) Close() error {
	p.mu.Lock()
	free := p.free
	p.free, p.closed = nil, true
	p.mu.Unlock()
	var failed []error
	for _, l := range free {
		failed = append(failed, l.destroy())
	}
	return errors.Join(failed...)
}
