package picture

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// predicted adds the sockets of the elements after the last step, or, if the
// model cannot play the faults among the steps, before the first of these.
func (c *cast) predicted() {
	snap, err := c.last(c.s.Steps)
	first, stopped := c.firstFault(), false
	if err != nil && first >= 0 {
		if before, e := c.last(c.s.Steps[:first]); e == nil {
			snap, err, stopped = before, nil, true
		}
	}
	switch {
	case err != nil:
		c.note("no connections are drawn: %v", err)
		c.declared()
	case snap == nil:
		c.declared()
	default:
		c.honest(snap)
	}
	if stopped && c.wires > 0 {
		c.note("connections are those before step %d (%s)", first+1, stepText(c.s.Steps[first]))
	}
}

// last predicts what is there after some steps, nil if there are none.
func (c *cast) last(steps []scenario.Step) (*linux.Snapshot, error) {
	s := *c.s
	s.Steps = steps
	p, err := model.Predict(&s)
	if err != nil || len(p.Sockets) == 0 {
		return nil, err
	}
	return &p.Sockets[len(p.Sockets)-1], nil
}

// declared adds the sockets with which every element begins.
func (c *cast) declared() {
	for i := range c.s.Elements {
		e := &c.s.Elements[i]
		addr, _ := c.s.BindAddr(e.Name)
		for _, l := range e.Listen {
			a := c.byName[e.Name]
			a.sockets = append(a.sockets, listenerOf(l.Transport.Carrier(), netip.AddrPortFrom(addr, l.Port)))
		}
	}
}

func listenerOf(c sip.Carrier, at netip.AddrPort) *socket {
	state := linux.StateListen
	if c == sip.CarrierUDP {
		state = linux.StateClose
	}
	return &socket{text: fmt.Sprintf("%-6s %s %s", state, c, at), shape: square, wire: -1}
}

// honest adds the sockets of a predicted snapshot. Accepted connections are
// counted at their listeners, whose port they share.
func (c *cast) honest(snap *linux.Snapshot) {
	var b board
	for i := range snap.Hosts {
		c.host(&b, &snap.Hosts[i])
	}
	for i := range b.plugs {
		if p := &b.plugs[i]; !p.came {
			p.at.text += " -> " + c.peer(&b, p)
		}
	}
	c.join(&b)
}

func (c *cast) host(b *board, h *linux.HostSockets) {
	listeners := listenersOf(h)
	for k := range h.Sockets {
		s := &h.Sockets[k]
		l := listeners[door{s.Owner, s.Local.Port()}]
		switch {
		case s.State == linux.StateTimeWait: // nobody's any more
		case s.State == linux.StateListen:
			c.place(h.Host, s.Owner, l.socket)
		case s.Carrier == sip.CarrierUDP && !s.Remote.IsValid():
			c.place(h.Host, s.Owner, listenerOf(s.Carrier, s.Local))
		case s.Carrier == sip.CarrierTCP && l != nil:
			l.took(s)
			b.add(plug{endsOf(s), s.Owner, l.socket, true})
		default:
			b.add(plug{endsOf(s), s.Owner, c.place(h.Host, s.Owner, end(s)), false})
		}
	}
	for _, l := range listeners {
		l.count()
	}
}

// door is where one owner accepts on a host. Connections that nobody has
// accepted yet have no owner: any listener with their port is theirs.
type door struct {
	owner string
	port  uint16
}

// listener is one, with the connections that came out of it.
type listener struct {
	*socket
	accepted, waiting int
}

func listenersOf(h *linux.HostSockets) map[door]*listener {
	all := map[door]*listener{}
	for k := range h.Sockets {
		if s := &h.Sockets[k]; s.State == linux.StateListen {
			l := &listener{socket: listenerOf(s.Carrier, s.Local)}
			all[door{s.Owner, s.Local.Port()}] = l
			all[door{"", s.Local.Port()}] = l
		}
	}
	return all
}

func (l *listener) took(s *linux.Socket) {
	if s.Owner == "" {
		l.waiting++
	} else {
		l.accepted++
	}
}

// count adds to a listener's text how many connections came out of it, once.
func (l *listener) count() {
	if l.accepted > 0 {
		l.text += fmt.Sprintf(", %d accepted", l.accepted)
	}
	if l.waiting > 0 {
		l.text += fmt.Sprintf(", %d waiting", l.waiting)
	}
	l.accepted, l.waiting = 0, 0
}

// end is a socket that is for one peer only. Its port is nobody's business.
func end(s *linux.Socket) *socket {
	text := fmt.Sprintf("%-6s %s %s", s.State, s.Carrier, portText(linux.UnmapPort(s.Local).Addr(), "*"))
	return &socket{text: text, shape: circle, wire: -1}
}

// peer names the far end of a connection.
func (c *cast) peer(b *board, p *plug) string {
	if far := b.far(p.ends); far != nil && far.owner != "" {
		return far.owner + " " + p.remote.String()
	}
	return p.remote.String()
}

// place puts a socket where it belongs: to an element, or to its host.
func (c *cast) place(host, owner string, s *socket) *socket {
	a := c.byName[owner]
	if a == nil {
		a = c.loose(host)
	}
	a.sockets = append(a.sockets, s)
	return s
}

// loose is the actor for the sockets of a host that no element owns.
func (c *cast) loose(host string) *actor {
	for _, a := range c.actors[host] {
		if a.title == looseTitle {
			return a
		}
	}
	a := &actor{title: looseTitle}
	c.actors[host] = append(c.actors[host], a)
	return a
}

const looseTitle = "sockets"
