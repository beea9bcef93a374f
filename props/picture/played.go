package picture

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model"
)

// played adds the sockets that the steps of a scenario without elements have
// made. Where the kernel may go
// several ways, the first one is drawn.
func (c *cast) played() {
	p := model.NewPorts(c.s)
	symbols := map[uint16]string{} // ports of the kernel's choice, by the socket that got it
	made := false
	for i, st := range c.s.Steps {
		if !isSocketStep(st) {
			continue
		}
		made = true
		if r := p.Apply(st, 0); r.Undecided != "" {
			c.note("sockets are those before step %d (%s): %s", i+1, stepText(st), r.Undecided)
			break
		}
		if name, ok := p.NeedsPort(); ok {
			if s, ok := p.Socket(name); ok {
				symbols[s.Local.Port()] = name
			}
		}
	}
	if made {
		c.sockets(p, symbols)
	}
}

func isSocketStep(st model.Step) bool {
	switch st.(type) {
	case model.OpenSocket, model.SetOption, model.BindSocket, model.ListenSocket, model.DialSocket, model.AcceptSocket,
		model.SendSocket, model.SendTo, model.ReadSocket, model.ShutdownSocket, model.CloseSocket, model.DestroySocket,
		model.RemoveAddr, model.FilterPort:
		return true
	}
	return false
}

// sockets adds the sockets of a played model, host by host.
func (c *cast) sockets(p *model.Ports, symbols map[uint16]string) {
	snap := p.Snapshot()
	var b board
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for k := range h.Sockets {
			s := &h.Sockets[k]
			drawn := &socket{text: socketText(s, symbols), shape: circle, wire: -1}
			if s.State == model.StateListen || s.State == model.StateClose {
				drawn.shape = square
			}
			c.place(h.Host, "", drawn)
			if s.Transport == model.TCP && s.State != model.StateListen {
				b.add(plug{endsOf(s), s.Owner, drawn, accepted(p, s)})
			}
		}
	}
	for _, held := range p.Bounds() {
		text := fmt.Sprintf("%-6s tcp %s  %s", model.StateBoundInactive, endText(held.Local, symbols), held.Name)
		c.place(held.Host, "", &socket{text: text, wire: -1})
	}
	c.join(&b)
}

// accepted reports whether a socket came out of a listener. One without a name
// still waits there, or was closed.
func accepted(p *model.Ports, s *model.Socket) bool {
	return s.Transport == model.TCP && s.State != model.StateListen &&
		(s.Owner == "" || p.Role(s.Owner) == model.RoleAccepted)
}

func socketText(s *model.Socket, symbols map[uint16]string) string {
	text := fmt.Sprintf("%-6s %s %s", s.State, s.Transport, endText(s.Local, symbols))
	if s.Remote.IsValid() {
		text += " -> " + endText(s.Remote, symbols)
	}
	if s.Owner != "" {
		return text + "  " + s.Owner
	}
	return text + "  (nobody's)"
}

// endText is an address and a port, with @ and a socket's name for a port that
// the kernel picked for that one.
func endText(a netip.AddrPort, symbols map[uint16]string) string {
	if name, ok := symbols[a.Port()]; ok {
		return portText(a.Addr(), "@"+name)
	}
	return a.String()
}
