package props

import (
	"context"
	"time"

	"github.com/greka-sip/greka/model/linux"
)

const (
	// restBound is how long a program may take to read what was sent to it and
	// to come to rest. One that never does (it polls, it draws a clock) is
	// waited for that long once.
	restBound = 500 * time.Millisecond
	// releaseBound is how long a program may keep a connection that was
	// destroyed. One that keeps it longer has been told all the same, or asks
	// only when it wants to use it.
	releaseBound = 250 * time.Millisecond
	// lookEvery is how often we look whether it has.
	lookEvery = 200 * time.Microsecond
	// starved is how much later than asked for we wake up where there is no
	// processor for us: then there is none for the program either, and the bound
	// is moved by as much, to starvedMost bounds at the most.
	starved     = time.Millisecond
	starvedMost = 10
)

// Who does not come to rest is not waited for again and again.
const (
	calm     = iota // has always come to rest so far
	restless        // its threads never sleep: what it has to read is waited for
	heedless        // it leaves unread what it was sent, too
)

// rest waits until every program has read what was sent to it and sleeps. What
// befalls a program in the middle of its work, or what it is told then, would
// be judged by who was quicker.
func (s *session) rest(ctx context.Context) error {
	for _, e := range s.sc.Elements {
		if p := s.processes[e.Name]; p == nil || s.still[e.Host] || s.temper[e.Name] == heedless || exited(p) {
			continue
		}
		settled := s.lab.Host(e.Host).Settled
		if s.temper[e.Name] == restless {
			settled = func(owner string) (bool, error) {
				unread, err := s.lab.Host(e.Host).Unread(owner)
				return !unread, err
			}
		}
		ok, err := s.await(ctx, restBound, func() (bool, error) { return settled(e.Name) })
		if err != nil {
			return err
		}
		if !ok {
			s.temper[e.Name]++
		}
	}
	return nil
}

// released waits until no program holds sockets that were destroyed any more.
func (s *session) released(ctx context.Context, inodes map[string]map[uint64]bool) error {
	for element, gone := range inodes {
		host := s.sc.Element(element).Host
		if p := s.processes[element]; p == nil || s.still[host] || exited(p) {
			continue
		}
		_, err := s.await(ctx, releaseBound, func() (bool, error) { return !s.lab.Host(host).Holds(element, gone), nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// await waits until something is so, within a bound. The world goes on
// meanwhile, and what it did may have changed that: a program at rest had sent
// something, and is woken by the answer.
func (s *session) await(ctx context.Context, bound time.Duration, so func() (bool, error)) (bool, error) {
	last := time.Now().Add(starvedMost * bound)
	for end := time.Now().Add(bound); ; {
		if err := s.world.Drain(); err != nil {
			return false, err
		}
		ok, err := so()
		if err != nil {
			return false, err
		}
		if ok {
			before := s.world.Turns()
			if err := s.world.Drain(); err != nil {
				return false, err
			}
			if s.world.Turns() == before {
				return true, nil
			}
		}
		asleep := time.Now()
		if !asleep.Before(end) || !asleep.Before(last) || ctx.Err() != nil {
			return false, nil
		}
		time.Sleep(lookEvery)
		if late := time.Since(asleep) - lookEvery; late > starved {
			end = end.Add(late)
		}
	}
}

// noteHolder adds a socket to those that its element's processes may hold.
func noteHolder(inodes map[string]map[uint64]bool, x *linux.Socket) {
	if x.Inode == 0 || x.Owner == "" {
		return
	}
	if inodes[x.Owner] == nil {
		inodes[x.Owner] = map[uint64]bool{}
	}
	inodes[x.Owner][x.Inode] = true
}
