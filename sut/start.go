package sut

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// readyBound is how long a stack may take until its sockets are there.
const readyBound = 10 * time.Second

// Start plays an element of a scenario with the stack. It returns when the
// sockets that its description calls "ready" exist and belong to it, as a
// snapshot tells. If that is not so within 10 s, or the program ends before,
// nothing of it is left and the error says what was waited for and what it
// said last.
func (s *Stack) Start(ctx context.Context, lab *netns.Lab, sc *scenario.Scenario, element string) (*Process, error) {
	p, err := s.start(ctx, lab, sc, element, readyBound)
	if err != nil {
		return nil, fmt.Errorf("sut: start %s as %s: %w", s.Name, element, err)
	}
	return p, nil
}

func (s *Stack) start(ctx context.Context, lab *netns.Lab, sc *scenario.Scenario, element string, bound time.Duration) (*Process, error) {
	if err := s.allowed(); err != nil {
		return nil, err
	}
	p, err := s.launch(lab, sc, element)
	if err != nil {
		return nil, err
	}
	if err := p.await(ctx, bound); err != nil {
		_ = p.Close() // why it is not ready is the better news
		return nil, &startError{err, p.Command(), p.Transcript()}
	}
	return p, nil
}

// launch starts the stack's command.
func (s *Stack) launch(lab *netns.Lab, sc *scenario.Scenario, element string) (*Process, error) {
	d := s.Description
	if d == nil {
		return nil, fmt.Errorf("it is no program: Greka plays it itself")
	}
	if err := s.Fits(sc, element); err != nil {
		return nil, err
	}
	e := sc.Element(element)
	data, err := newData(d, sc, e)
	if err != nil {
		return nil, err
	}
	if data.Ports, err = d.allocate(sc, e); err != nil {
		return nil, err
	}
	spec, err := d.spec(data)
	if err != nil {
		return nil, err
	}
	spec.Insecure = s.Insecure
	host := lab.Host(e.Host)
	if host == nil {
		return nil, fmt.Errorf("the lab has no host %q", e.Host)
	}
	spawned, err := host.Spawn(spec)
	if err != nil {
		return nil, err
	}
	return &Process{process: spawned, stack: d, lab: lab, host: e.Host, element: element, data: data,
		registrars: registrars(sc, e)}, nil
}

// spec fills the templates of what a process needs to start.
func (d *Description) spec(of *Data) (spec netns.Spec, err error) {
	once := *of
	once.budget = newBudget()
	data := &once
	spec = netns.Spec{Owner: data.Name, Dir: d.dir, Reads: d.Reads, Settings: d.settings(dpkgInfo), Files: make(map[string][]byte, len(d.home))}
	if spec.Argv, err = d.start.argv(data); err != nil {
		return spec, err
	}
	for _, t := range d.env {
		value, err := t.expand(data)
		if err != nil {
			return spec, err
		}
		spec.Env = append(spec.Env, value)
	}
	for name, t := range d.home {
		content, err := t.expand(data)
		if err != nil {
			return spec, err
		}
		spec.Files[name] = []byte(content)
	}
	return spec, nil
}

// endpoint is a socket that has to be there.
type endpoint struct {
	transport sip.Transport
	port      uint16
}

// String names it in errors.
func (p endpoint) String() string { return fmt.Sprintf("%s port %d", p.transport, p.port) }

// endpoints lists the sockets that the description calls ready.
func (d *Description) endpoints(data *Data) []endpoint {
	own := map[sip.Transport]uint16{sip.UDP: data.UDP, sip.TCP: data.TCP}
	var list []endpoint
	for _, r := range d.Ready {
		switch {
		case r.Listeners:
			for _, name := range data.Transports {
				t, _ := sip.ParseTransport(name)
				list = append(list, endpoint{t, own[t]})
			}
		case r.Port == "sip" && own[r.Transport] != 0:
			list = append(list, endpoint{r.Transport, own[r.Transport]})
		case r.Port != "sip":
			list = append(list, endpoint{r.Transport, data.Ports[r.Port].First})
		}
	}
	return list
}

// Snapshots are the only way to see that somebody listens: sock_diag's
// multicast groups tell of ends only. One costs about 0.1 ms.
const (
	firstPause = time.Millisecond
	longPause  = 20 * time.Millisecond
)

// await looks at snapshots until the process is ready.
func (p *Process) await(ctx context.Context, bound time.Duration) error {
	limit := time.NewTimer(bound)
	defer limit.Stop()
	for pause := firstPause; ; pause = min(pause*5/4, longPause) {
		missing, err := p.missing()
		if err != nil {
			return err
		}
		if ended, how := p.Exited(); ended {
			return fmt.Errorf("%s ended (%w), but it has to stay, in the foreground%s", p.command(), how, p.said())
		}
		if missing == nil {
			return nil
		}
		next := time.NewTimer(pause)
		select {
		case <-next.C:
			continue
		case <-p.process.Done():
		case <-ctx.Done():
			err = ctx.Err()
		case <-limit.C:
			err = fmt.Errorf("%s is not ready after %v: nothing of it listens on %s%s",
				p.command(), bound, missing, p.said())
		}
		next.Stop()
		if err != nil {
			return err
		}
	}
}

// missing returns the first socket that is not there yet, nil if all are.
func (p *Process) missing() (*endpoint, error) {
	snap, err := p.lab.Snapshot()
	if err != nil {
		return nil, err
	}
	h := snap.Host(p.host)
	if h == nil {
		return nil, fmt.Errorf("the snapshot lacks host %s", p.host)
	}
	addr, err := netip.ParseAddr(p.data.Addr)
	if err != nil {
		return nil, err
	}
	for _, want := range p.stack.endpoints(p.data) {
		if !accepts(h, want, addr, p.element) {
			return &want, nil
		}
	}
	return nil, nil
}

// accepts reports whether the element has a socket that takes new peers there.
func accepts(h *linux.HostSockets, want endpoint, addr netip.Addr, element string) bool {
	state := linux.StateListen
	if want.transport == sip.UDP {
		state = linux.StateClose
	}
	for i := range h.Sockets {
		s := &h.Sockets[i]
		if s.Carrier != want.transport.Carrier() || s.State != state || s.Owner != element || s.Local.Port() != want.port {
			continue
		}
		if at := s.Local.Addr().Unmap(); at == addr || at.IsUnspecified() {
			return true
		}
	}
	return false
}
