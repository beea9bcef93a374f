package picture

import (
	"net/netip"

	"github.com/greka-sip/greka/model/linux"
)

// ends are the two ends of a connection, as one of its sockets sees them.
type ends struct{ local, remote netip.AddrPort }

func endsOf(s *linux.Socket) ends { return ends{linux.UnmapPort(s.Local), linux.UnmapPort(s.Remote)} }

// plug is one end of a connection: who has it, and where it is drawn.
type plug struct {
	ends
	owner string
	at    *socket
	came  bool // it came out of a listener
}

// board is all ends of connections, in the order of a snapshot.
type board struct {
	plugs  []plug
	byEnds map[ends]int
}

func (b *board) add(p plug) {
	if b.byEnds == nil {
		b.byEnds = map[ends]int{}
	}
	b.byEnds[p.ends] = len(b.plugs)
	b.plugs = append(b.plugs, p)
}

// far returns the other end of a connection, nil if it is gone.
func (b *board) far(e ends) *plug {
	i, ok := b.byEnds[ends{e.remote, e.local}]
	if !ok || e.local == e.remote {
		return nil
	}
	return &b.plugs[i]
}

// join draws a wire from every end that dialled to what it dialled.
func (c *cast) join(b *board) {
	for i := range b.plugs {
		p := &b.plugs[i]
		far := b.far(p.ends)
		if p.came || far == nil || !far.came {
			continue
		}
		if far.at.wire < 0 {
			far.at.wire, far.at.arrives = c.wires, true
			c.wires++
		}
		p.at.wire = far.at.wire
	}
}
