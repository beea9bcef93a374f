package model

import (
	"fmt"
	"net/netip"
)

// Prediction is what must be there after each step if every element is right.
type Prediction struct {
	// After lists, for each step, the connections that exist when it has
	// ended, in the order in which they were dialled.
	After [][]Connection
}

// Connection is one predicted TCP connection between two elements. The port
// that it was dialled from is the kernel's choice: a symbol, not a number.
type Connection struct {
	Dialler, Acceptor string
	Source            netip.Addr     // the dialler's address
	Remote            netip.AddrPort // the acceptor's listener
}

// Predict plays a scenario in which everybody is honest and returns the
// connections after each step. It fails if honest elements could not play it:
// somebody lacks a transport that he needs, or over=flow finds no connection.
// Such a scenario would find guilty who is not, and is never played.
func Predict(s *Scenario) (Prediction, error) {
	if err := s.Validate(); err != nil {
		return Prediction{}, err
	}
	w := &prediction{s: s, bindings: map[string]boundFlow{}}
	var out Prediction
	for i, st := range s.Steps {
		var err error
		switch st := st.(type) {
		case Register:
			err = w.register(i, st)
		case Call:
			err = w.call(i, st)
		}
		if err != nil {
			return Prediction{}, fmt.Errorf("step %d: %w", i+1, err)
		}
		out.After = append(out.After, append([]Connection(nil), w.conns...))
	}
	return out, nil
}

// prediction is the state of a scenario that is being predicted.
type prediction struct {
	s        *Scenario
	conns    []Connection
	bindings map[string]boundFlow // by proxy and user
}

// boundFlow is a registration: its transport and, over TCP, its connection.
type boundFlow struct {
	transport Transport
	conn      int // index into conns, -1 over UDP
}

// request makes a request go from one element to another's listener: on a live
// connection that RFC 3261 18.1.1 matches, or a new one. It returns the
// connection's index, -1 over UDP.
func (w *prediction) request(from, to string, t Transport) (int, error) {
	a, b := w.s.Element(from), w.s.Element(to)
	if a.Port(t) == 0 || b.Port(t) == 0 {
		return -1, fmt.Errorf("%s cannot reach %s over %s", from, to, t)
	}
	if !t.Reliable() {
		return -1, nil
	}
	target := Target{Transport: t, Addr: netip.AddrPortFrom(w.s.ElementAddr(to), b.Port(t))}
	var flows []Flow
	var index []int
	for i, c := range w.conns {
		switch from {
		case c.Dialler:
			flows, index = append(flows, Flow{Transport: TCP, Remote: c.Remote}), append(index, i)
		case c.Acceptor: // its far end is an ephemeral port, which no listener's URI names
			flows, index = append(flows, Flow{Transport: TCP, Remote: netip.AddrPortFrom(c.Source, 0)}), append(index, i)
		}
	}
	if i := PickFlow(flows, target); i >= 0 {
		return index[i], nil
	}
	w.conns = append(w.conns, Connection{Dialler: from, Acceptor: to, Source: w.s.ElementAddr(from), Remote: target.Addr})
	return len(w.conns) - 1, nil
}

func (w *prediction) register(i int, r Register) error {
	plan, err := w.s.PlanRegister(i)
	if err != nil {
		return err
	}
	conn, err := w.request(r.UA, plan.Proxy, plan.Transport)
	w.bindings[plan.Proxy+" "+r.UA] = boundFlow{plan.Transport, conn}
	return err
}

// call predicts INVITE and what follows. in and out are the transports of the
// caller's and of the callee's leg.
func (w *prediction) call(i int, c Call) error {
	plan, err := w.s.PlanCall(i)
	if err != nil {
		return err
	}
	in := plan.Transport
	if c.OverFlow {
		if !w.hasFlow(plan.NextHop, c.From) || !in.Reliable() {
			return fmt.Errorf("over=flow: %s has dialled no connection to %s", plan.NextHop, c.From)
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
func (w *prediction) deliver(plan Plan, c Call) (Transport, error) {
	u, err := ParseURI(plan.RequestURI)
	if err != nil {
		return 0, err
	}
	list, err := Resolve(u)
	if err != nil {
		return 0, err
	}
	out := list[0].Transport
	if b, ok := w.bindings[plan.Proxy+" "+c.To]; ok {
		out = b.transport
		if w.s.Element(plan.Proxy).Deliver == DeliverFlow {
			return out, nil
		}
	}
	_, err = w.request(plan.Proxy, c.To, out)
	return out, err
}

// inDialog predicts ACK and BYE: to the Contact, through the proxy if that
// record-routes, with the transport of the leg that each Contact was sent on.
func (w *prediction) inDialog(plan Plan, c Call, in, out Transport) error {
	if err := w.follow(plan, c.From, c.To, in, out); err != nil {
		return err
	}
	if c.Hangup == Callee {
		return w.follow(plan, c.To, c.From, out, in)
	}
	return nil
}

func (w *prediction) follow(plan Plan, from, to string, near, far Transport) error {
	if plan.Proxy != "" && w.s.Element(plan.Proxy).RecordRoute {
		if _, err := w.request(from, plan.Proxy, near); err != nil {
			return err
		}
		from = plan.Proxy
	}
	_, err := w.request(from, to, far)
	return err
}

func (w *prediction) hasFlow(dialler, acceptor string) bool {
	for _, c := range w.conns {
		if c.Dialler == dialler && c.Acceptor == acceptor {
			return true
		}
	}
	return false
}
