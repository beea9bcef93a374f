package netns

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/greka-sip/greka/model/scenario"
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
	// takes about 0.2 MB of the kernel's memory for each host. Of the file
	// descriptors that this process may have they take a half at the most.
	Keep int
	// Wary keeps a lab only if one of its shape was asked for before: for
	// those who draw topologies, many of which never come again. What a kept
	// lab needs beside others makes it a fifth dearer.
	Wary bool

	mu     sync.Mutex
	free   []*Lab          // the one that came back last is last
	seen   map[uint64]bool // hashes of keys and shapes that were asked for
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

// New is netns.New with labs that are used again. If there is none that is what
// the scenario says, one of the same shape (as many hosts, on the same networks,
// with the same routers) is made into it, or a fresh one is built. Its Close
// gives it back.
func (p *Pool) New(s *scenario.Scenario) (*Lab, error) {
	if p.Fresh {
		return New(s)
	}
	plan, err := newPlan(s)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	plan.sign()
	again := p.met(plan.key)
	for l := p.take(plan, again); l != nil; l = p.take(plan, again) {
		rebuilt, err := l.become(plan)
		if err == nil {
			p.noted(func(c *PoolCount) { c.Reused, c.Rebuilt = c.Reused+1-rebuilt, c.Rebuilt+rebuilt })
			return l, nil
		}
		p.discard(l, err)
	}
	p.noted(func(c *PoolCount) { c.Fresh++ })
	if p.Wary && !again && !p.met(plan.shape) {
		return build(plan, nil)
	}
	return build(plan, p)
}

// met reports whether a key or shape was asked for before, and notes it. Two
// with the same hash cost a lab that is not needed, or one that would be.
func (p *Pool) met(what string) bool {
	hash := maphash.String(poolSeed, what)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[uint64]bool{}
	}
	seen := p.seen[hash]
	p.seen[hash] = true
	return seen
}

var poolSeed = maphash.MakeSeed()

func (p *Pool) noted(f func(*PoolCount)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.count)
}

// take returns a kept lab that can become what a plan says, or nil: one that is
// it already, or else one of its shape, the one that has lain longest. While
// there is room, what was asked for before has a lab built of its own instead,
// and soon all that is asked for often is there.
func (p *Pool) take(want *plan, again bool) *Lab {
	p.mu.Lock()
	defer p.mu.Unlock()
	best := -1
	for i, l := range p.free {
		switch {
		case l.plan.shape != want.shape:
		case l.plan.key == want.key && !l.dirty:
			return p.pull(i)
		case best < 0 || l.dirty && !p.free[best].dirty:
			best = i
		}
	}
	if best < 0 || again && !p.free[best].dirty && len(p.free) < p.keep() {
		return nil
	}
	return p.pull(best)
}

// pull takes out the lab at an index.
func (p *Pool) pull(i int) *Lab {
	l := p.free[i]
	p.free = append(p.free[:i], p.free[i+1:]...)
	return l
}

// keep is how many labs are kept.
func (p *Pool) keep() int {
	if p.Keep > 0 {
		return p.Keep
	}
	return 64
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
	keep := p.keep()
	var over []*Lab
	if p.closed {
		keep = 0
	}
	n := max(len(p.free)-keep, 0)
	for hosts := hostsOf(p.free[n:]); hosts*hostDescriptors > Descriptors()/2; n++ {
		hosts -= len(p.free[n].hosts)
	}
	if n > 0 {
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

func hostsOf(labs []*Lab) (n int) {
	for _, l := range labs {
		n += len(l.hosts)
	}
	return n
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
