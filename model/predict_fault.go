package model

import (
	"fmt"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// troubles is what faults have left behind. Elements that suffer from one are
// not played: a call that they could not answer says nothing about addresses.
type troubles struct {
	starts   map[string]int      // how often an element was started again
	gone     map[string]bool     // elements that were killed
	frozen   map[string]bool     // hosts whose programs stand still
	cut      map[int]bool        // connections through which nothing gets, by index into conns
	cutPorts map[[2]string]bool  // elements between whose UDP ports nothing gets
	fillers  int                 // connections that have filled queues
	taken    map[string][]string // of those, the sockets of an element that has accepted some
}

// fault predicts what befalls elements and their connections. known is false
// for any other step.
func (w *prediction) fault(st scenario.Step) (known bool, err error) {
	switch st := st.(type) {
	case scenario.Disconnect:
		return true, w.disconnect(st)
	case scenario.Silence:
		return true, w.cutOff(st.Element, st.Peer)
	case scenario.ResetFlow:
		return true, w.cutOff(st.Element, st.Peer)
	case scenario.Freeze:
		set(&w.frozen, st.Host, true)
		return true, nil
	case scenario.Thaw:
		set(&w.frozen, st.Host, false)
		return true, w.catchUp(st.Host)
	case scenario.Kill:
		return true, w.kill(st.Host)
	case scenario.Restart:
		return true, w.restart(w.s.Element(st.Element))
	case scenario.FillBacklog:
		return true, w.fill(w.s.Element(st.Element))
	}
	return false, nil
}

func set[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// acting fails if one of two elements cannot do its part.
func (w *prediction) acting(elements ...string) error {
	for _, e := range elements {
		switch {
		case w.gone[e]:
			return fmt.Errorf("%s was killed and not started again", e)
		case w.frozen[w.s.Element(e).Host]:
			return fmt.Errorf("%s stands still", e)
		}
	}
	return nil
}

// carries fails if what is sent down a connection does not arrive: it was cut,
// or an address or the way between its ends is gone. They do not know: an
// honest element, too, would lose its request.
func (w *prediction) carries(i int) error {
	ok := !w.cut[i]
	for _, end := range w.ends[i] {
		ok = ok && w.ports.Reaches(end)
	}
	if !ok {
		return fmt.Errorf("what %s and %s send down their connection is lost", w.conns[i].Dialler, w.conns[i].Acceptor)
	}
	return nil
}

func pairOf(a, b string) [2]string { return [2]string{min(a, b), max(a, b)} }

// between lists the live connections of two elements.
func (w *prediction) between(a, b string) (list []int) {
	for i, c := range w.conns {
		if w.live(i) && pairOf(c.Dialler, c.Acceptor) == pairOf(a, b) {
			list = append(list, i)
		}
	}
	return list
}

// disconnect ends every connection between two elements.
func (w *prediction) disconnect(d scenario.Disconnect) error {
	list := w.between(d.Element, d.Peer)
	if len(list) == 0 {
		return fmt.Errorf("%s and %s have no connection to destroy", d.Element, d.Peer)
	}
	for _, i := range list {
		if err := w.sever(i, d.Element); err != nil {
			return err
		}
	}
	return nil
}

// sever ends a connection at one element's end. Both programs notice and close
// what is left, so both have to be there.
func (w *prediction) sever(i int, at string) error {
	c := w.conns[i]
	if err := w.carries(i); err != nil {
		return err // nobody would tell the other end
	}
	if err := w.acting(c.Dialler, c.Acceptor); err != nil {
		return err
	}
	end := 0
	if c.Acceptor == at {
		end = 1
	}
	return w.do(scenario.DestroySocket{Socket: w.ends[i][end]}, scenario.CloseSocket{Socket: w.ends[i][end]}, scenario.CloseSocket{Socket: w.ends[i][1-end]})
}

// cutOff makes the connections and UDP ports that two elements have now carry
// nothing from now on.
func (w *prediction) cutOff(a, b string) error {
	if err := w.acting(a, b); err != nil {
		return err
	}
	list := w.between(a, b)
	udp := w.hasUDP(a) && w.hasUDP(b)
	if len(list) == 0 && !udp {
		return fmt.Errorf("%s and %s have nothing between them", a, b)
	}
	for _, i := range list {
		set(&w.cut, i, true)
	}
	if udp {
		set(&w.cutPorts, pairOf(a, b), true)
	}
	return nil
}

// kill ends every element of a host.
func (w *prediction) kill(host string) error {
	for i := range w.s.Elements {
		if e := &w.s.Elements[i]; e.Host == host && !w.gone[e.Name] {
			if err := w.end(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// end ends an element. Its connections are reset, and what a registrar knew it
// knows no more.
func (w *prediction) end(e *scenario.Element) error {
	for i, c := range w.conns {
		if !w.live(i) || c.Dialler != e.Name && c.Acceptor != e.Name {
			continue
		}
		if err := w.sever(i, e.Name); err != nil {
			return err
		}
	}
	for _, name := range w.taken[e.Name] {
		if err := w.do(scenario.DestroySocket{Socket: name}, scenario.CloseSocket{Socket: name}); err != nil {
			return err
		}
	}
	delete(w.taken, e.Name)
	for _, l := range e.Listen {
		if err := w.do(scenario.CloseSocket{Socket: w.listenerName(e.Name, l.Transport)}); err != nil {
			return err
		}
	}
	if err := w.closeOwn(e.Name); err != nil {
		return err
	}
	if e.Kind == scenario.Proxy {
		for _, ua := range w.s.Elements {
			delete(w.bindings, e.Name+" "+ua.Name)
		}
	}
	set(&w.gone, e.Name, true)
	return nil
}

// restart ends an element that lives, and starts it.
func (w *prediction) restart(e *scenario.Element) error {
	if !w.gone[e.Name] {
		if err := w.end(e); err != nil {
			return err
		}
	}
	if w.frozen[e.Host] {
		return fmt.Errorf("%s cannot be started: its host stands still", e.Name)
	}
	set(&w.starts, e.Name, w.starts[e.Name]+1)
	set(&w.gone, e.Name, false)
	return w.listeners(e)
}

// fill opens connections to an element that stands still until its queue takes
// no more, from its own host.
func (w *prediction) fill(e *scenario.Element) error {
	if w.gone[e.Name] || !w.frozen[e.Host] {
		return fmt.Errorf("the queue of %s cannot be filled: it does not stand still, or does not live", e.Name)
	}
	first, ok := e.Stream()
	if !ok {
		return fmt.Errorf("%s has no queue: it listens on no stream", e.Name)
	}
	to := scenario.Endpoint{Addr: w.s.ElementAddr(e.Name), Port: first.Port}
	for {
		l, _ := w.ports.Socket(w.listenerName(e.Name, first.Transport))
		if l.Queue > l.Backlog { // sk_acceptq_is_full
			return nil
		}
		name := fmt.Sprintf("filler-%d", w.fillers)
		w.fillers++
		if err := w.do(scenario.OpenSocket{Name: name, Host: e.Host, Carrier: sip.CarrierTCP, Family: scenario.FamilyOf(to.Addr)}, scenario.DialSocket{Socket: name, To: to}); err != nil {
			return fmt.Errorf("fill the queue of %s: %w", e.Name, err)
		}
	}
}

// catchUp lets the elements of a host accept what has waited.
func (w *prediction) catchUp(host string) error {
	for i := range w.s.Elements {
		e := &w.s.Elements[i]
		if e.Host != host || w.gone[e.Name] {
			continue
		}
		for _, l := range e.Listen {
			if err := w.acceptAll(e.Name, l.Transport); err != nil {
				return err
			}
		}
	}
	return nil
}

// acceptAll lets an element accept what waits at a listener; a datagram socket
// has no such queue.
func (w *prediction) acceptAll(element string, t sip.Transport) error {
	if !t.Reliable() {
		return nil
	}
	listener := w.listenerName(element, t)
	for l, _ := w.ports.Socket(listener); l.Queue > 0; l, _ = w.ports.Socket(listener) {
		name := fmt.Sprintf("%s-taken-%d", listener, len(w.taken[element]))
		w.owner[name] = element
		if err := w.do(scenario.AcceptSocket{Listener: listener, Name: name}); err != nil {
			return err
		}
		set(&w.taken, element, append(w.taken[element], name))
	}
	return nil
}
