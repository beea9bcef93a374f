package model

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// ownPort is a port that an element opens because it sends over a transport on
// which it was not told to listen: what its Via says has to accept.
type ownPort struct {
	element   string
	transport sip.Transport
	start     int // the element's, when it opened it
}

// String names the socket of a port in the model of ports.
func (o ownPort) String() string {
	return fmt.Sprintf("%s-own-%s-%d", o.element, o.transport, o.start+1)
}

// port is where an element accepts a transport: the scenario's port or one of
// its own, opened when it is first needed. Every element implements every
// transport (RFC 3261 18), unless the scenario says otherwise; of one that
// Greka does not play nothing is asked but the transports that it listens on.
func (w *prediction) port(element string, t sip.Transport) (uint16, error) {
	e := w.s.Element(element)
	if p := e.Port(t); p != 0 {
		return p, nil
	}
	own := ownPort{element, t, w.starts[element]}
	if p := w.own[own]; p != 0 {
		return p, nil
	}
	if e.Lacks == t || e.SUT || e.Stack != "" {
		return 0, fmt.Errorf("%s has no %s", element, t)
	}
	addr, name := w.s.ElementAddr(element), own.String()
	w.owner[name] = element
	steps := []scenario.Step{scenario.OpenSocket{Name: name, Host: e.Host, Carrier: t.Carrier(), Family: scenario.FamilyOf(addr)}, scenario.BindSocket{Socket: name, At: scenario.Endpoint{Addr: addr}}}
	if t.Reliable() {
		steps = append(steps, scenario.ListenSocket{Socket: name, Backlog: backlog})
	}
	if err := w.do(steps...); err != nil {
		return 0, fmt.Errorf("%s cannot open a %s port of its own: %w", element, t, err)
	}
	x, _ := w.ports.Socket(name)
	set(&w.own, own, x.Local.Port())
	return x.Local.Port(), nil
}

// closeOwn closes what an element has opened itself.
func (w *prediction) closeOwn(element string) error {
	for _, t := range sip.Transports {
		own := ownPort{element, t, w.starts[element]}
		if w.own[own] == 0 {
			continue
		}
		delete(w.own, own)
		if err := w.do(scenario.CloseSocket{Socket: own.String()}); err != nil {
			return err
		}
	}
	return nil
}

// hasUDP reports whether an element has a UDP port now.
func (w *prediction) hasUDP(element string) bool {
	return w.s.Element(element).Port(sip.UDP) != 0 || w.own[ownPort{element, sip.UDP, w.starts[element]}] != 0
}

// picked reports whether the kernel chose an address's port.
func picked(s *scenario.Scenario, a netip.AddrPort) bool {
	return symbol(s, a) == a.Addr().Unmap().String()+" *"
}
