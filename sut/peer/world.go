package peer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// Hooks let the runner look at the world while it stands still. Each may be
// nil.
type Hooks struct {
	// Received: an element has received a message and has not acted on it.
	Received func(element string, leg model.Leg, m *sip.Message)
	// Using: an element is about to send a request where a URI leads.
	Using func(u Use)
	// Met: what became of the connect that a Use asked for; nil is success.
	Met func(use int, err error)
	// Hopeless: nobody takes what an element sends to a target, and waiting
	// will not change that.
	Hopeless func(element string, t sip.Target) bool
	// Sent: an element has sent a message.
	Sent func(m Sent)
	// Patience is how long a dial is waited for; 0 is RFC 3261 17.1's 64*T1
	// (timers B and F): by then the request that it is for has failed.
	Patience time.Duration
}

// Sent is a message that an element has sent.
type Sent struct {
	Element string
	Raw     []byte
	Leg     model.Leg // Local is the element's end
	// Pushed: a request that went down somebody's flow, whatever its URI says.
	Pushed bool
}

// Use is an address that an element is about to use.
type Use struct {
	ID      int // of this use
	Element string
	Request string // "INVITE", "ACK", "BYE"
	CallID  string
	URI     string // raw, as it was handed out
	Dial    bool   // no live connection carries it: it has to be dialled
}

// World is all peers of one scenario. It belongs to one goroutine.
type World struct {
	lab        *netns.Lab
	sc         *scenario.Scenario
	hooks      Hooks
	ep         int
	socks      map[int]*sock
	elements   map[string]*element
	stopped    map[string]*element // not playing at the moment
	timers     []timer
	call       *Call
	registered map[string]bool // users whose REGISTER was confirmed since Forget
	serial     int             // makes tags, branches and Call-IDs of this world unique
	turns      int             // events handled
	news       time.Time       // when something of the current call or registration came that had not come before
	scratch    []byte          // for one read at a time
}

// New makes the peers of a scenario and starts their listeners. Elements that
// are named in lies tell them; those in others are played by somebody else.
func New(lab *netns.Lab, sc *scenario.Scenario, others map[string]bool, lies map[string]Lie, hooks Hooks) (*World, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("peer: epoll: %w", netns.Scarce(err))
	}
	w := &World{lab: lab, sc: sc, hooks: hooks, ep: ep, socks: map[int]*sock{}, elements: map[string]*element{}, stopped: map[string]*element{},
		scratch: make([]byte, 65536), registered: map[string]bool{}}
	for i := range sc.Elements {
		el := &sc.Elements[i]
		if others[el.Name] {
			continue
		}
		if err := w.start(el, lies[el.Name]); err != nil {
			w.Close()
			return nil, err
		}
	}
	return w, nil
}

func (w *World) start(el *scenario.Element, lie Lie) error {
	e := newElement(w, el, lie)
	w.elements[el.Name] = e
	for _, l := range el.Listen {
		if err := e.listen(l); err != nil {
			return err
		}
	}
	return nil
}

// Restart ends an element and starts it anew: it knows nothing of what was.
// Its connections must have been ended before.
func (w *World) Restart(element string) error {
	old := w.stopped[element]
	if old == nil {
		old = w.elements[element]
		w.Stop(element)
	}
	delete(w.stopped, element)
	return w.start(old.el, old.lie)
}

// Stop ends an element: its sockets are closed, and nobody answers for it.
func (w *World) Stop(element string) {
	e := w.elements[element]
	if e == nil {
		return
	}
	for _, s := range w.socks {
		if s.owner == e {
			w.drop(s)
		}
	}
	delete(w.elements, element)
	w.stopped[element] = e
}

// Freeze makes the elements of a host stand still, as stopped processes do:
// what arrives for them waits, and their kernel goes on.
func (w *World) Freeze(host string) error {
	return w.onHost(host, func(s *sock) error { return unix.EpollCtl(w.ep, unix.EPOLL_CTL_DEL, s.fd, nil) })
}

// Thaw lets them go on.
func (w *World) Thaw(host string) error { return w.onHost(host, w.watch) }

func (w *World) onHost(host string, f func(*sock) error) error {
	for _, s := range w.socks {
		if s.owner.el.Host == host {
			if err := f(s); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EEXIST) {
				return fmt.Errorf("peer: watch a socket of %s: %w", s.owner.el.Name, err)
			}
		}
	}
	return nil
}

// Has reports whether the world plays an element.
func (w *World) Has(element string) bool { return w.elements[element] != nil }

// Close ends every socket. It leaves nothing behind, no TIME-WAIT either.
func (w *World) Close() {
	for _, s := range w.socks {
		s.abort()
	}
	w.socks = nil
	unix.Close(w.ep)
}

// Flows returns the live connections of an element, oldest first.
func (w *World) Flows(element string) []sip.Flow {
	e := w.elements[element]
	if e == nil {
		return nil
	}
	return flowsOf(e.live())
}

func flowsOf(conns []*sock) (out []sip.Flow) {
	for _, s := range conns {
		out = append(out, sip.Flow{Transport: s.transport, Local: s.local, Remote: s.remote})
	}
	return out
}

// live lists the connections that the far end has not ended.
func (e *element) live() (out []*sock) {
	for _, s := range e.conns {
		if !s.ended() {
			out = append(out, s)
		}
	}
	return out
}

// Run handles events until done says so. It returns false when ctx ended
// first.
func (w *World) Run(ctx context.Context, done func() bool) (bool, error) {
	for !done() {
		if ctx.Err() != nil {
			return false, nil
		}
		if err := w.turn(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Turns counts the events that were handled.
func (w *World) Turns() int { return w.turns }

// LastNews is when something of the current call, or of a registration, came
// that had not come before.
func (w *World) LastNews() time.Time { return w.news }

// noteNews notes a message that had not come before.
func (w *World) noteNews(m *sip.Message) {
	if _, method, _ := m.CSeq(); method == "REGISTER" || w.current(m) != nil {
		w.news = time.Now()
	}
}

// Drain handles what has already happened and waits for nothing. A world in
// which ever more happens is an error.
func (w *World) Drain() error {
	for start := w.turns; w.turns-start < maxDrain; {
		before := w.turns
		if err := w.poll(0); err != nil || w.turns == before {
			return err
		}
	}
	return fmt.Errorf("%w: %d events, and more to come (somebody floods them)", ErrRestless, maxDrain)
}

// ErrRestless is why a world could not be drained.
var ErrRestless = errors.New("peer: the elements do not come to rest")

// A stack that floods us must neither hold the world in one place nor keep it
// from ending: so many reads of one socket before others have their turn, and
// so many events before Drain gives up.
const (
	maxReads = 16
	maxDrain = 300
)

// longestTurn bounds one wait, so that a cancelled context is noticed.
const longestTurn = 50 * time.Millisecond

// turn waits for events once and handles them in the order of their
// descriptors, so that equal situations are handled equally.
func (w *World) turn(ctx context.Context) error {
	wait := longestTurn
	if dl, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(dl))
	}
	if len(w.timers) > 0 {
		wait = min(wait, time.Until(w.timers[0].at))
	}
	if err := w.poll(int((max(wait, 0) + time.Millisecond - 1) / time.Millisecond)); err != nil {
		return err
	}
	w.fire()
	return nil
}

// poll handles the events of one epoll_wait of at most ms milliseconds.
func (w *World) poll(ms int) error {
	var evs [16]unix.EpollEvent
	n, err := unix.EpollWait(w.ep, evs[:], ms)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("peer: epoll_wait: %w", err)
	}
	ready := evs[:max(n, 0)]
	sort.Slice(ready, func(i, j int) bool { return ready[i].Fd < ready[j].Fd })
	for _, ev := range ready {
		if s := w.socks[int(ev.Fd)]; s != nil {
			w.handle(s, ev.Events)
		}
		w.turns++
	}
	return nil
}

func (w *World) handle(s *sock, events uint32) {
	switch {
	case s.listening:
		w.accept(s)
	case !s.transport.Reliable():
		if events&unix.EPOLLERR != 0 {
			w.datagramErrors(s)
		}
		w.receive(s)
	case s.connected != nil:
		w.connected(s)
	default:
		if events&unix.EPOLLOUT != 0 {
			w.expect(s, unix.EPOLLIN)
			s.flush()
		}
		if w.socks[s.fd] == s {
			w.read(s)
		}
	}
}

func (w *World) watch(s *sock) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)}
	if s.connected != nil || len(s.outbox) > 0 {
		ev.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(w.ep, unix.EPOLL_CTL_ADD, s.fd, &ev)
}

// expect changes the events that a socket is watched for.
func (w *World) expect(s *sock, events uint32) {
	ev := unix.EpollEvent{Events: events, Fd: int32(s.fd)}
	_ = unix.EpollCtl(w.ep, unix.EPOLL_CTL_MOD, s.fd, &ev) // one that stands still is not watched
}

func (w *World) add(s *sock) error {
	if err := w.watch(s); err != nil {
		unix.Close(s.fd)
		return fmt.Errorf("peer: watch a socket of %s: %w", s.owner.el.Name, err)
	}
	w.socks[s.fd] = s
	if s.remote.IsValid() {
		s.owner.conns = append(s.owner.conns, s)
	}
	return nil
}

func (w *World) drop(s *sock) {
	if w.socks[s.fd] != s {
		return
	}
	delete(w.socks, s.fd)
	s.shut(w.ep)
	s.fd = -1 // a transaction may still hold it, and the number be another's
	for i, c := range s.owner.conns {
		if c == s {
			s.owner.conns = append(s.owner.conns[:i:i], s.owner.conns[i+1:]...)
			break
		}
	}
}

func (w *World) accept(l *sock) {
	for range maxReads {
		fd, sa, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err != nil {
			_ = netns.Scarce(err)
			return
		}
		if l.owner.claim(fd) != nil {
			unix.Close(fd)
			continue
		}
		tuneTCP(fd)
		s := &sock{fd: fd, owner: l.owner, transport: l.transport, v6: l.v6, local: l.local, remote: addrPort(sa)}
		if own, err := unix.Getsockname(fd); err == nil {
			s.local = addrPort(own)
		}
		if w.add(s) == nil {
			w.read(s) // a probe is gone again by now, a request may be there
		}
	}
}

// at reports whether a live socket of this world takes what is sent to an
// address.
func (w *World) at(t sip.Transport, a netip.AddrPort) bool {
	for _, s := range w.socks {
		if s.transport == t && (s.local == a || s.wildcard() && s.local.Port() == a.Port() && s.owner.addr == a.Addr()) {
			return true
		}
	}
	return false
}
