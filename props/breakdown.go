package props

import (
	"errors"
	"syscall"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut/peer"
)

const (
	// maxMessages is how many messages of the judged element one step may
	// have. A call has about ten, and fewer than a hundred when each is sent
	// again until its sender gives up.
	maxMessages = 500
	// endBound is how long the end of a program may take after its sockets
	// are gone, or after it has stopped to read what it is told.
	endBound = time.Second
)

// errFlood ends a step in which the judged element sends without end.
var errFlood = errors.New("it sends without end")

// brokeDown says whether an error, nil for none, comes from the judged
// program's not going on, and notes that: then what ended the play is what was
// to be found. It returns the error otherwise.
func (s *session) brokeDown(err error) error {
	judged := s.sc.SUT()
	if judged == nil || s.stacks[judged.Name] == nil {
		return err
	}
	b := model.Breakdown{Element: judged.Name, Message: s.traffic.last, Step: s.step}
	if errors.Is(err, errFlood) || errors.Is(err, peer.ErrRestless) && s.traffic.messages > maxMessages/10 {
		b.Class, b.How = model.Flooded, "sends without end"
		s.obs.Breakdowns = append(s.obs.Breakdowns, b)
		return nil
	}
	how := s.ended(judged.Name, err != nil)
	var exit *netns.Exit
	if how == nil || errors.As(how, &exit) && exit.Signal == syscall.SIGKILL {
		return err // alive, or killed: no program does that to itself
	}
	b.Class, b.How, b.Words = model.Crashed, how.Error(), s.processes[judged.Name].Tail()
	s.obs.Breakdowns = append(s.obs.Breakdowns, b)
	return nil
}

// ended tells how a program has ended, nil if it runs. Where there is reason to
// ask it is waited for: its sockets go first, and the news of its end comes
// last.
func (s *session) ended(element string, reason bool) error {
	p := s.processes[element]
	if p == nil {
		return nil // a fault of the scenario has ended it
	}
	if reason || s.socketless(element) {
		select {
		case <-p.Done():
		case <-time.After(endBound):
		}
	}
	if gone, how := p.Exited(); gone {
		return how
	}
	return nil
}

// socketless reports whether an element has no socket in the last snapshot.
func (s *session) socketless(element string) bool {
	if len(s.obs.Snapshots) == 0 {
		return false
	}
	last := &s.obs.Snapshots[len(s.obs.Snapshots)-1]
	for _, h := range last.Hosts {
		for i := range h.Sockets {
			if h.Sockets[i].Owner == element {
				return false
			}
		}
	}
	return true
}
