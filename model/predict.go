package model

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Prediction is what must be there after each step if every element is right.
type Prediction struct {
	// Sockets is every socket of every host after each step, as the model of
	// ports (Ports) has them, with the elements as owners. Ports that the
	// kernel picks are made-up numbers.
	Sockets []linux.Snapshot
	// After lists the connections after each step, in the order in which they
	// were dialled.
	After [][]Connection
}

// Connection is one predicted connection between two elements. The port
// that it was dialled from is the kernel's choice: a symbol, not a number.
type Connection struct {
	Dialler, Acceptor string
	Transport         sip.Transport
	Source            netip.Addr     // the dialler's address
	Remote            netip.AddrPort // the acceptor's listener
}

// Predict plays a scenario in which everybody is honest, as the socket steps
// that its SIP steps come to, and returns what is there after each step. It
// fails if honest elements could not play it: somebody lacks a transport that
// he needs, a dial is refused, over=flow finds no connection. Such a scenario
// would find guilty who is not, and is never played.
func Predict(s *scenario.Scenario) (Prediction, error) { return predict(s, "") }

// PredictUnbound is Predict for the case that one element leaves to the kernel
// which address it sends from: what it dials, and its datagrams if its socket is
// on a wildcard. An honest element may do either.
func PredictUnbound(s *scenario.Scenario, element string) (Prediction, error) {
	return predict(s, element)
}

func predict(s *scenario.Scenario, unbound string) (Prediction, error) {
	if err := s.Validate(); err != nil {
		return Prediction{}, err
	}
	w := &prediction{s: s, unbound: unbound, ports: linux.NewPorts(s), owner: map[string]string{}, bindings: map[string]boundFlow{}}
	for i := range s.Elements {
		if err := w.listeners(&s.Elements[i]); err != nil {
			return Prediction{}, err
		}
	}
	var out Prediction
	for i, st := range s.Steps {
		if err := w.step(i, st); err != nil {
			return Prediction{}, fmt.Errorf("step %d: %w", i+1, err)
		}
		out.Sockets = append(out.Sockets, w.snapshot())
		out.After = append(out.After, w.standing())
	}
	return out, nil
}

// prediction is the state of a scenario that is being predicted.
type prediction struct {
	s        *scenario.Scenario
	unbound  string // the element that does not bind its source, "" is none
	ports    *linux.Ports
	owner    map[string]string // of a socket, by its name
	conns    []Connection
	own      map[ownPort]uint16   // ports that elements were not told to listen on
	ends     [][2]string          // the sockets' names of each, the dialler's first
	bindings map[string]boundFlow // by proxy and user
	troubles                      // what faults have left behind
}

// boundFlow is a registration: its transport and, over TCP, its connection.
type boundFlow struct {
	transport sip.Transport
	conn      int // index into conns, -1 over UDP
	start     int // the user agent's, when it registered
}

func (w *prediction) step(i int, st scenario.Step) error {
	switch st := st.(type) {
	case scenario.Register:
		return w.register(i, st)
	case scenario.Call:
		return w.call(i, st)
	}
	if known, err := w.fault(st); known {
		return err
	}
	return w.do(st)
}

// live reports whether a connection still stands.
func (w *prediction) live(i int) bool {
	x, ok := w.ports.Socket(w.ends[i][0])
	return ok && x.State == linux.StateEstablished
}

// do plays socket steps.
func (w *prediction) do(steps ...scenario.Step) error {
	for _, st := range steps {
		switch r := w.ports.Apply(st, 0); {
		case r.Undecided != "":
			return fmt.Errorf("%s: the model cannot play it: %s", scenario.Word(st), r.Undecided)
		case r.Errno != linux.OK:
			return fmt.Errorf("%s fails: %s", scenario.Word(st), r.Errno)
		}
	}
	return nil
}

// backlog is what an element asks for in listen(2).
const backlog = 64

// listeners opens the sockets with which an element begins.
func (w *prediction) listeners(e *scenario.Element) error {
	addr, v6only := w.s.BindAddr(e.Name)
	for _, l := range e.Listen {
		name := w.listenerName(e.Name, l.Transport)
		w.owner[name] = e.Name
		steps := []scenario.Step{scenario.OpenSocket{Name: name, Host: e.Host, Carrier: l.Transport.Carrier(), Family: scenario.FamilyOf(addr)},
			scenario.SetOption{Socket: name, Option: scenario.OptionReuseAddr}}
		if addr.Is6() {
			steps = append(steps, scenario.SetOption{Socket: name, Option: scenario.OptionV6Only, Off: !v6only})
		}
		steps = append(steps, scenario.BindSocket{Socket: name, At: scenario.Endpoint{Addr: addr, Port: l.Port}})
		if l.Transport.Reliable() {
			steps = append(steps, scenario.ListenSocket{Socket: name, Backlog: backlog})
		}
		if err := w.do(steps...); err != nil {
			return fmt.Errorf("%s cannot listen on %s: %w", e.Name, l, err)
		}
	}
	return nil
}

// listenerName names an element's listener. Names are used once: who starts
// again has other sockets.
func (w *prediction) listenerName(element string, t sip.Transport) string {
	if n := w.starts[element]; n > 0 {
		return fmt.Sprintf("%s-%s-%d", element, t, n+1)
	}
	return element + "-" + t.String()
}

// snapshot is the model's snapshot with elements as owners.
func (w *prediction) snapshot() linux.Snapshot {
	s := w.ports.Snapshot()
	for i := range s.Hosts {
		for j := range s.Hosts[i].Sockets {
			x := &s.Hosts[i].Sockets[j]
			x.Owner = w.owner[x.Owner]
		}
	}
	for i := range s.Hosts {
		sockets := s.Hosts[i].Sockets
		for j := range sockets { // what waits to be accepted is the listener's
			if x := &sockets[j]; x.Owner == "" && x.State == linux.StateEstablished {
				if l := linux.ListenerOf(sockets, x); l != nil {
					x.Owner = l.Owner
				}
			}
		}
	}
	return s
}

// standing lists the connections that are there now.
func (w *prediction) standing() (out []Connection) {
	for i, c := range w.conns {
		if w.live(i) {
			out = append(out, c)
		}
	}
	return out
}

// flows lists an element's live connections and their indexes.
func (w *prediction) flows(element string) (flows []sip.Flow, index []int) {
	for i, c := range w.conns {
		for end, who := range [2]string{c.Dialler, c.Acceptor} {
			if who != element {
				continue
			}
			if x, ok := w.ports.Socket(w.ends[i][end]); ok && x.State == linux.StateEstablished {
				flows, index = append(flows, sip.Flow{Transport: c.Transport, Local: x.Local, Remote: x.Remote}), append(index, i)
			}
		}
	}
	return flows, index
}

// request makes a request go from one element to another's listener: on a live
// connection that RFC 3261 18.1.1 matches, or a new one. It returns the
// connection's index, -1 over UDP.
func (w *prediction) request(from, to string, t sip.Transport) (int, error) {
	if err := w.acting(from, to); err != nil {
		return -1, err
	}
	b := w.s.Element(to)
	if b.Port(t) == 0 {
		return -1, fmt.Errorf("%s does not listen on %s", to, t)
	}
	if _, err := w.port(from, t); err != nil {
		return -1, err
	}
	target := sip.Target{Transport: t, Addr: netip.AddrPortFrom(w.s.ElementAddr(to), b.Port(t))}
	if !t.Reliable() {
		return -1, w.datagram(from, to, target)
	}
	flows, index := w.flows(from)
	if i := sip.PickFlow(flows, target); i >= 0 {
		return index[i], w.carries(index[i])
	}
	return w.dial(from, to, target)
}

// datagram sends one, and fails if nobody takes it.
func (w *prediction) datagram(from, to string, t sip.Target) error {
	if w.cutPorts[pairOf(from, to)] {
		return fmt.Errorf("no datagram of %s reaches %s: what goes between them is dropped", from, to)
	}
	snap := w.ports.Snapshot()
	port, err := w.port(from, t.Transport)
	if err != nil {
		return err
	}
	src := netip.AddrPortFrom(w.s.ElementAddr(from), port)
	if from == w.unbound && w.s.Element(from).Bind != scenario.BindAddr {
		src = netip.AddrPortFrom(netip.Addr{}, port)
	}
	here := w.s.Element(from).Host
	if r := linux.Lookup(&snap, here, t.Transport.Carrier(), src, t.Addr); !r.Takes() || w.owner[r.Socket.Owner] != to {
		return fmt.Errorf("no datagram of %s reaches %s: %s", from, to, r.Rule)
	}
	if snap.Topology == nil {
		return nil
	}
	if _, back := snap.Topology.Reach(here, src.Addr(), t.Addr.Addr()); back.End != linux.Delivered {
		return fmt.Errorf("no answer of %s reaches %s: %s", to, from, &back)
	}
	return nil
}

// dial opens a connection between two elements, from the dialler's own address
// unless it leaves that to the kernel.
func (w *prediction) dial(from, to string, t sip.Target) (int, error) {
	i := len(w.conns)
	here, there := fmt.Sprintf("dialled-%d", i), fmt.Sprintf("accepted-%d", i)
	w.owner[here], w.owner[there] = from, to
	steps := []scenario.Step{scenario.OpenSocket{Name: here, Host: w.s.Element(from).Host, Carrier: t.Transport.Carrier(), Family: scenario.FamilyOf(t.Addr.Addr())}}
	if from != w.unbound {
		steps = append(steps, scenario.BindSocket{Socket: here, At: scenario.Endpoint{Addr: w.s.ElementAddr(from)}})
	}
	steps = append(steps, scenario.DialSocket{Socket: here, To: scenario.Endpoint{Addr: t.Addr.Addr(), Port: t.Addr.Port()}},
		scenario.AcceptSocket{Listener: w.listenerName(to, t.Transport), Name: there})
	if err := w.do(steps...); err != nil {
		return -1, fmt.Errorf("%s cannot dial %s: %w", from, to, err)
	}
	x, _ := w.ports.Socket(here)
	w.conns = append(w.conns, Connection{Dialler: from, Acceptor: to, Transport: t.Transport, Source: x.Local.Addr(), Remote: t.Addr})
	w.ends = append(w.ends, [2]string{here, there})
	return i, nil
}

func (w *prediction) register(i int, r scenario.Register) error {
	plan, err := w.s.PlanRegister(i)
	if err != nil {
		return err
	}
	conn, err := w.request(r.UA, plan.Proxy, plan.Transport)
	w.bindings[plan.Proxy+" "+r.UA] = boundFlow{plan.Transport, conn, w.starts[r.UA]}
	return err
}

// call predicts INVITE and what follows. in and out are the transports of the
// caller's and of the callee's leg.
func (w *prediction) call(i int, c scenario.Call) error {
	plan, err := w.s.PlanCall(i)
	if err != nil {
		return err
	}
	in := plan.Transport
	if c.OverFlow {
		if err := w.overFlow(plan.NextHop, c.From, in); err != nil {
			return err
		}
	} else if _, err := w.request(c.From, plan.NextHop, in); err != nil {
		return err
	}
	out := in
	if plan.Proxy != "" {
		if out, err = w.deliver(plan, c); err != nil {
			return err
		}
	}
	return w.inDialog(plan, c, in, out)
}

// deliver predicts how the proxy passes an INVITE on.
func (w *prediction) deliver(plan scenario.Plan, c scenario.Call) (sip.Transport, error) {
	t, err := sip.TargetOf(plan.RequestURI)
	if err != nil {
		return 0, err
	}
	out := t.Transport
	if b, ok := w.bindings[plan.Proxy+" "+c.To]; ok {
		if b.start != w.starts[c.To] { // it may have another Contact now, and nothing obliges it to honour the old one
			return 0, fmt.Errorf("the registration of %s is from before it was started again", c.To)
		}
		out = b.transport
		if w.s.Element(plan.Proxy).Deliver == scenario.DeliverFlow && b.conn >= 0 && w.live(b.conn) {
			return out, errors.Join(w.acting(plan.Proxy, c.To), w.carries(b.conn))
		}
	}
	_, err = w.request(plan.Proxy, c.To, out)
	return out, err
}

// inDialog predicts ACK and BYE: to the Contact, through the proxy if that
// record-routes, with the transport of the leg that each Contact was sent on.
func (w *prediction) inDialog(plan scenario.Plan, c scenario.Call, in, out sip.Transport) error {
	if err := w.follow(plan, c.From, c.To, in, out); err != nil {
		return err
	}
	if c.Hangup == scenario.Callee {
		return w.follow(plan, c.To, c.From, out, in)
	}
	return nil
}

func (w *prediction) follow(plan scenario.Plan, from, to string, near, far sip.Transport) error {
	if plan.Proxy != "" && w.s.Element(plan.Proxy).RecordRoute {
		if _, err := w.request(from, plan.Proxy, near); err != nil {
			return err
		}
		from = plan.Proxy
	}
	_, err := w.request(from, to, far)
	return err
}

// overFlow fails unless a request can go down a connection that the next hop
// dialled. A program that cannot be told so may use any other connection that
// the two have, so all of them have to carry it.
func (w *prediction) overFlow(dialler, acceptor string, t sip.Transport) error {
	found := false
	for _, i := range w.between(dialler, acceptor) {
		if err := w.carries(i); err != nil {
			return err
		}
		found = found || w.conns[i].Dialler == dialler
	}
	if !found || !t.Reliable() {
		return fmt.Errorf("over=flow: %s has dialled no connection to %s", dialler, acceptor)
	}
	return w.acting(dialler, acceptor)
}
