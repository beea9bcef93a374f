package netns

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/greka-sip/greka/model/scenario"
)

// Lab is a scenario's topology, built: one network namespace per host, with
// the addresses that scenario.Scenario.Addr gives. Its methods may be called from
// any goroutine.
//
// Namespaces have no names and nothing of a lab is visible outside the
// process: labs with equal addresses live side by side, and the kernel takes
// everything back when the process dies, however it dies.
type Lab struct {
	plan   *plan
	hosts  []*Host
	owners owners
	// changed is set once the lab may not be what its plan says any more.
	changed atomic.Bool

	pool  *Pool // that it comes from, or nil
	dirty bool  // addresses and routes are not what the plan says

	mu       sync.Mutex
	closed   bool
	captures []*Capture
	fillers  []int // connections that fill backlogs
}

// New builds the topology of s in fresh namespaces. It reads the networks and
// hosts of s only, and does not keep s.
//
// When it returns, every host can reach every other one at once: no address
// is tentative, no link is still coming up, no neighbour has to be asked for.
func New(s *scenario.Scenario) (*Lab, error) {
	p, err := newPlan(s)
	if err != nil {
		return nil, fmt.Errorf("netns: %w", err)
	}
	return build(p, nil)
}

// build builds a lab of nothing, for a pool or for none.
func build(p *plan, pool *Pool) (*Lab, error) {
	l := &Lab{plan: p, pool: pool}
	err := l.build()
	if err == nil && pool != nil {
		err = l.ignoreNews()
	}
	if err != nil {
		_ = l.destroy()
		return nil, fmt.Errorf("netns: %w", err)
	}
	return l, nil
}

// Close kills the lab's processes and gives its namespaces back; the kernel
// takes them apart after that. A socket that somebody still holds keeps its
// namespace alive until it is closed. A lab of a pool is reset and kept there.
// Close may be called more than once.
func (l *Lab) Close() error {
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	if l.pool != nil {
		if kept, err := l.pool.give(l); kept {
			return err
		}
	}
	return l.destroy()
}

// destroy gives back all that the lab is made of.
func (l *Lab) destroy() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	failed := []error{l.dropFillers()}
	for _, h := range l.hosts {
		failed = append(failed, h.close())
	}
	return errors.Join(failed...)
}

// Host returns the host of that name, or nil.
func (l *Lab) Host(name string) *Host {
	for _, h := range l.hosts {
		if h.name == name {
			return h
		}
	}
	return nil
}

// Own tells the lab that the socket with this inode belongs to an element.
// It is for sockets of this process; those of spawned processes are found by
// themselves. The inode is what fstat(2) tells of the socket's descriptor.
func (l *Lab) Own(inode uint64, owner string) { l.owners.set(inode, owner) }

// lossy reports whether packets can get lost between the hosts without a word.
func (l *Lab) lossy() bool { return l.changed.Load() || l.plan.routed }
