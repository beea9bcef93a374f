package props

import (
	"context"
	"fmt"
	"time"

	"github.com/greka-sip/greka/model"
)

const (
	// noticeBound is how long a program may take to notice that its
	// connection is gone.
	noticeBound = 2 * time.Second
	// noticeEvery is how often we look whether it has.
	noticeEvery = time.Millisecond
)

// change plays what befalls addresses, links and routes.
func (s *session) change(st model.Step) error {
	if _, err := s.lab.Apply(s.sc, st); err != nil {
		return err
	}
	if s.topology == nil {
		s.topology = model.NewTopology(s.sc)
	}
	s.topology = s.topology.Clone() // snapshots keep the one that was
	s.topology.Apply(st)
	return nil
}

// disconnect destroys every connection between two elements, at the first
// one's end, and waits until neither program holds what is left of it.
func (s *session) disconnect(ctx context.Context, d model.Disconnect) error {
	snap, err := s.lab.Snapshot()
	if err != nil {
		return err
	}
	gone := map[uint64]bool{} // by cookie
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for j := range h.Sockets {
			x := &h.Sockets[j]
			end := snap.FarEnd(x)
			if x.Transport != model.TCP || x.Owner != d.Element || end == nil || end.Owner != d.Peer {
				continue
			}
			gone[x.Cookie], gone[end.Cookie] = true, true
			if err := s.lab.Host(h.Host).Destroy(*x); err != nil {
				return err
			}
		}
	}
	if len(gone) == 0 {
		return fmt.Errorf("%s and %s have no connection to destroy", d.Element, d.Peer)
	}
	return s.noticed(ctx, gone)
}

// noticed waits until none of some sockets is left.
func (s *session) noticed(ctx context.Context, gone map[uint64]bool) error {
	ctx, cancel := context.WithTimeout(ctx, noticeBound)
	defer cancel()
	for {
		if err := s.world.Drain(); err != nil {
			return err
		}
		snap, err := s.lab.Snapshot()
		if err != nil || !anyOf(&snap, gone) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a destroyed connection is still there after %v", noticeBound)
		case <-time.After(noticeEvery):
		}
	}
}

func anyOf(snap *model.Snapshot, cookies map[uint64]bool) bool {
	for _, h := range snap.Hosts {
		for _, x := range h.Sockets {
			if cookies[x.Cookie] {
				return true
			}
		}
	}
	return false
}
