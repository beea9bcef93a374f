package picture

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// played adds the sockets that the steps of a scenario without elements have
// made. Where the kernel may go several ways, the first one is drawn.
func (c *cast) played() {
	if !slices.ContainsFunc(c.s.Steps, func(st scenario.Step) bool { return st.Kind() == scenario.SocketStep }) {
		return
	}
	p := newPlay(c.s)
	if at, why := p.steps(c.s.Steps); why != "" {
		c.note("sockets are those before step %d (%s): %s", at+1, stepText(c.s.Steps[at]), why)
		p = newPlay(c.s)
		p.steps(c.s.Steps[:at])
	}
	c.sockets(p)
}

// play is a scenario's socket steps, played in the model.
type play struct {
	*linux.Ports
	symbols map[uint16]string // ports of the kernel's choice, by the socket that got it
}

func newPlay(s *scenario.Scenario) *play { return &play{linux.NewPorts(s), map[uint16]string{}} }

// steps plays up to the first one of which the model cannot say what it does,
// and returns its index and the reason.
func (p *play) steps(steps []scenario.Step) (at int, why string) {
	for i, st := range steps {
		if st.Kind() != scenario.SocketStep {
			continue
		}
		if r := p.Apply(st, 0); r.Undecided != "" {
			return i, r.Undecided
		}
		if name, ok := p.NeedsPort(); ok {
			if s, ok := p.Socket(name); ok {
				p.symbols[s.Local.Port()] = name
			}
		}
	}
	return 0, ""
}

// sockets adds the sockets of a played model, host by host.
func (c *cast) sockets(p *play) {
	snap := p.Snapshot()
	var b board
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for k := range h.Sockets {
			s := &h.Sockets[k]
			drawn := &socket{text: p.socketText(s), shape: circle, wire: -1}
			if s.State == linux.StateListen || s.State == linux.StateClose {
				drawn.shape = square
			}
			c.place(h.Host, "", drawn)
			if s.Carrier == sip.CarrierTCP && s.State != linux.StateListen {
				b.add(plug{endsOf(s), s.Owner, drawn, p.accepted(s)})
			}
		}
	}
	for _, held := range p.Bounds() {
		text := fmt.Sprintf("%-6s tcp %s  %s", linux.StateBoundInactive, p.endText(held.Local), held.Name)
		c.place(held.Host, "", &socket{text: text, wire: -1})
	}
	c.join(&b)
}

// accepted reports whether a socket came out of a listener. One without a name
// still waits there, or was closed.
func (p *play) accepted(s *linux.Socket) bool {
	return s.Carrier == sip.CarrierTCP && s.State != linux.StateListen &&
		(s.Owner == "" || p.Role(s.Owner) == linux.RoleAccepted)
}

func (p *play) socketText(s *linux.Socket) string {
	text := fmt.Sprintf("%-6s %s %s", s.State, s.Carrier, p.endText(s.Local))
	if s.Remote.IsValid() {
		text += " -> " + p.endText(s.Remote)
	}
	if s.Owner != "" {
		return text + "  " + s.Owner
	}
	return text + "  (nobody's)"
}

// endText is an address and a port, with @ and a socket's name for a port that
// the kernel picked for that one.
func (p *play) endText(a netip.AddrPort) string {
	if name, ok := p.symbols[a.Port()]; ok {
		return portText(a.Addr(), "@"+name)
	}
	return a.String()
}
