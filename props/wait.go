package props

import (
	"context"
	"slices"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

const (
	// busyPeriods is for how many quiet periods a program may work without a
	// word: on a machine with other things to do it may wait for a processor.
	busyPeriods = 4
	// transactions is how many a call has, one after the other: its INVITE, the
	// 2xx until its ACK comes, its BYE; and one that a proxy adds.
	transactions = 4
	// afterRule is what is waited beyond a rule's time, so that what it ends is
	// seen: an element gives up, and answers who waits for it.
	afterRule = 500 * time.Millisecond
)

// wait runs the world until done, or until nothing new has come for a quiet
// time and nothing is on its way: what is still to come then is decided by no
// event that we could wait for. What came again is not new. While the kernel
// sends a SYN again that somebody may take, or a program works, more is to
// come; that ends when the transaction does (64*T1, RFC 3261 17.1).
func (s *session) wait(ctx context.Context, quiet time.Duration, done func() bool) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, transactions*max(quiet, ruleTime))
	defer cancel()
	last := time.Now()
	for periods := 1; ; periods++ {
		if at := s.world.LastNews(); at.After(last) {
			last, periods = at, 1
		}
		turn, end := context.WithDeadline(ctx, last.Add(time.Duration(periods)*quiet))
		ok, err := s.world.Run(turn, done)
		end()
		if ok || err != nil || ctx.Err() != nil {
			return ok, err
		}
		if s.world.LastNews().After(last) {
			continue
		}
		more, err := s.underWay(periods)
		if err != nil || !more || time.Since(last) >= max(quiet, ruleTime+afterRule) {
			return false, err
		}
	}
}

// underWay reports whether something is still on its way after so many quiet
// periods.
func (s *session) underWay(periods int) (bool, error) {
	if periods < busyPeriods && slices.ContainsFunc(s.sc.Elements, s.works) {
		return true, nil
	}
	snap, err := s.lab.Snapshot()
	if err != nil {
		return false, err
	}
	snap.Topology = s.topology
	return dialling(&snap), nil
}

// works reports whether an element's program is at work: one that never comes
// to rest does not count.
func (s *session) works(e scenario.Element) bool {
	p := s.processes[e.Name]
	return p != nil && !s.still[e.Host] && s.temper[e.Name] == calm && !exited(p) && !s.lab.Host(e.Host).Resting(e.Name)
}

// dialling reports whether the kernel is still sending SYNs that somebody may
// take.
func dialling(snap *linux.Snapshot) bool {
	for i := range snap.Hosts {
		for _, x := range snap.Hosts[i].Sockets {
			if x.State != linux.StateSynSent {
				continue
			}
			from := linux.UnmapPort(x.Local)
			if linux.Lookup(snap, snap.Hosts[i].Host, sip.CarrierTCP, from, x.Remote).Takes() {
				return true
			}
		}
	}
	return false
}
