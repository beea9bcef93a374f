package props

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

const (
	// noticeBound is how long a program may take to notice that its
	// connection is gone.
	noticeBound = 2 * time.Second
	// noticeEvery is how often we look whether it has.
	noticeEvery = time.Millisecond
)

// fault lets something befall the scenario that is being played. known is
// false for a step that is no fault.
func (s *session) fault(ctx context.Context, st scenario.Step) (known bool, err error) {
	switch st := st.(type) {
	case scenario.Disconnect:
		return true, s.disconnect(ctx, st)
	case scenario.Restart:
		return true, s.restart(ctx, st.Element)
	case scenario.Kill:
		return true, s.kill(ctx, st)
	case scenario.Freeze:
		s.still[st.Host] = true
		return true, s.standstill(st, st.Host, s.world.Freeze)
	case scenario.Thaw:
		delete(s.still, st.Host)
		if err := s.standstill(st, st.Host, s.world.Thaw); err != nil {
			return true, err
		}
		return true, s.caughtUp(ctx, st.Host)
	case scenario.FillBacklog:
		_, err := s.lab.Apply(s.sc, st)
		if errors.Is(err, netns.ErrNoListener) {
			err = nil // who is judged may not listen where it has to: that is for the claims
		}
		return true, err
	}
	switch st.Kind() {
	case scenario.NetworkFault:
		return true, s.change(st)
	case scenario.ProgramFault:
		return true, s.apply(st)
	}
	return false, nil
}

// apply lets the lab do it.
func (s *session) apply(st scenario.Step) error {
	known, err := s.lab.Apply(s.sc, st)
	if err == nil && !known {
		err = fmt.Errorf("props: the lab knows no %s", scenario.Word(st))
	}
	return err
}

// change plays what befalls addresses, links and routes.
func (s *session) change(st scenario.Step) error {
	if err := s.apply(st); err != nil {
		return err
	}
	if s.topology == nil {
		s.topology = linux.NewTopology(s.sc)
	}
	s.topology = s.topology.Clone() // snapshots keep the one that was
	s.topology.Apply(st)
	return nil
}

// standstill stops the programs of a host, or lets them go on: ours in the
// world, the others in the lab.
func (s *session) standstill(st scenario.Step, host string, ours func(host string) error) error {
	if _, err := s.lab.Apply(s.sc, st); err != nil {
		return err
	}
	return ours(host)
}

// restart ends an element, if it lives, and starts it.
func (s *session) restart(ctx context.Context, element string) error {
	if err := s.end(ctx, element); err != nil {
		return err
	}
	if s.stacks[element] != nil {
		return s.launch(ctx, element)
	}
	return s.world.Restart(element)
}

// kill ends every element of a host.
func (s *session) kill(ctx context.Context, st scenario.Kill) error {
	for _, e := range s.sc.Elements {
		if e.Host != st.Host {
			continue
		}
		if err := s.end(ctx, e.Name); err != nil {
			return err
		}
	}
	_, err := s.lab.Apply(s.sc, st)
	return err
}

// end ends an element. Its connections are destroyed first: with a mere end of
// the program it would depend on unread data whether the other side sees a FIN
// or a RST, and TIME-WAIT could keep the port from who is started next.
func (s *session) end(ctx context.Context, element string) error {
	if _, err := s.sever(ctx, element, func(*linux.Socket) bool { return true }); err != nil {
		return err
	}
	snap, err := s.lab.Snapshot()
	if err != nil {
		return err
	}
	if p := s.processes[element]; p != nil {
		err = s.quit(element, p)
	} else {
		s.world.Stop(element)
	}
	// A process that is being forked just now shares our descriptors until it
	// executes its program: a socket that was closed is there for that long.
	return errors.Join(err, s.noticed(ctx, cookies(&snap, element)))
}

// cookies are those of all of an element's sockets.
func cookies(snap *linux.Snapshot, element string) map[uint64]bool {
	all := map[uint64]bool{}
	for _, h := range snap.Hosts {
		for _, x := range h.Sockets {
			if x.Owner == element {
				all[x.Cookie] = true
			}
		}
	}
	return all
}

// disconnect destroys every connection between two elements. A program may have
// ended its own before.
func (s *session) disconnect(ctx context.Context, d scenario.Disconnect) error {
	n, err := s.sever(ctx, d.Element, func(end *linux.Socket) bool { return end != nil && end.Owner == d.Peer })
	if err == nil && n == 0 && s.processes[d.Element] == nil && s.processes[d.Peer] == nil {
		return fmt.Errorf("%s and %s have no connection to destroy", d.Element, d.Peer)
	}
	return err
}

// sever destroys those connections of an element whose far end (nil if it is
// gone) is wanted, at its own end, and waits until neither program holds what
// is left of them. It returns how many there were.
func (s *session) sever(ctx context.Context, element string, wanted func(far *linux.Socket) bool) (int, error) {
	snap, err := s.lab.Snapshot()
	if err != nil {
		return 0, err
	}
	n := 0
	gone := map[uint64]bool{} // by cookie
	inodes := map[string]map[uint64]bool{}
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for j := range h.Sockets {
			x := &h.Sockets[j]
			if x.Carrier != sip.CarrierTCP || x.Owner != element || !x.Remote.IsValid() {
				continue
			}
			far := snap.FarEnd(x)
			if !wanted(far) {
				continue
			}
			n++
			gone[x.Cookie] = true
			noteHolder(inodes, x)
			if far != nil {
				gone[far.Cookie] = true
				noteHolder(inodes, far)
			}
			// A program may have closed it just now.
			if err := s.lab.Host(h.Host).Destroy(*x); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return n, err
			}
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, errors.Join(s.noticed(ctx, gone), s.released(ctx, inodes))
}

// noticed waits until none of some sockets is left.
func (s *session) noticed(ctx context.Context, gone map[uint64]bool) error {
	return s.until(ctx, "a socket that was ended is still there", func(snap *linux.Snapshot) bool { return !anyOf(snap, gone) })
}

// caughtUp waits until nobody waits to be accepted on a host.
func (s *session) caughtUp(ctx context.Context, host string) error {
	return s.until(ctx, host+" goes on, and does not accept who waits", func(snap *linux.Snapshot) bool {
		for _, x := range snap.Host(host).Sockets {
			if x.State == linux.StateListen && x.Queue > 0 {
				return false
			}
		}
		return true
	})
}

// until waits until a snapshot is as it should be. The world goes on meanwhile.
func (s *session) until(ctx context.Context, otherwise string, as func(*linux.Snapshot) bool) error {
	ctx, cancel := context.WithTimeout(ctx, noticeBound)
	defer cancel()
	for {
		if err := s.world.Drain(); err != nil {
			return err
		}
		snap, err := s.lab.Snapshot()
		if err != nil || as(&snap) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s after %v", otherwise, noticeBound)
		case <-time.After(noticeEvery):
		}
	}
}

func anyOf(snap *linux.Snapshot, cookies map[uint64]bool) bool {
	for _, h := range snap.Hosts {
		for _, x := range h.Sockets {
			if cookies[x.Cookie] {
				return true
			}
		}
	}
	return false
}
