package kernel

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// The range from which the kernel picks ports (ip_local_port_range).
const firstPicked, lastPicked = 32768, 60999

// canonical leaves in a snapshot what the model speaks of: names for inodes,
// no numbers that change from run to run, and one order.
func (p *player) canonical(s *linux.Snapshot) {
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.Addrs, h.Devices = nil, nil
		for k := range h.Sockets {
			o := &h.Sockets[k]
			if o.Inode != 0 {
				o.Owner = cmp.Or(p.names[o.Inode], "?")
			}
			forget(o)
		}
		slices.SortFunc(h.Sockets, compareSockets)
	}
}

// forget drops what cannot be compared.
func forget(s *linux.Socket) {
	s.Inode, s.Cookie = 0, 0
	s.ReusePort, s.Group, s.Mixed, s.Warm, s.Order, s.Flow = false, 0, false, false, 0, 0
	if s.State == linux.StateFinWait1 {
		// May: FIN-WAIT-1 or FIN-WAIT-2. The other side may delay the
		// acknowledgement of a FIN by up to 40 ms (tcp_send_delayed_ack),
		// unless it sends something before.
		s.State = linux.StateFinWait2
	}
	if s.Carrier == sip.CarrierUDP {
		s.Queue = min(s.Queue, 1) // the kernel counts memory, not datagrams
	}
	if s.State != linux.StateListen && s.State != linux.StateClose {
		s.V6Only = false // told of listeners and unconnected sockets only
	}
	if s.State != linux.StateListen {
		s.Backlog = 0
	}
}

func compareSockets(a, b linux.Socket) int {
	return cmp.Or(cmp.Compare(a.Carrier, b.Carrier), a.Local.Compare(b.Local), a.Remote.Compare(b.Remote),
		cmp.Compare(a.State, b.State), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Device, b.Device),
		cmp.Compare(a.Queue, b.Queue))
}

// compare tells how a model and the kernel differ after a step, "" if they
// don't. It tells the model which port the kernel picked.
func (p *player) compare(st scenario.Step, m *linux.Ports, want, got linux.Errno, real *linux.Snapshot) string {
	if want != got {
		return resultWords(st, want, got)
	}
	if name, ok := m.NeedsPort(); ok {
		port := p.kernelPort(name)
		if port < firstPicked || port > lastPicked {
			return fmt.Sprintf("%s: the model expects a port of the kernel's choice, on Linux it has port %d", name, port)
		}
		m.Resolve(port)
	}
	snap := m.Snapshot()
	p.canonicalModel(&snap)
	if same(&snap, real) {
		return ""
	}
	return socketWords(&snap, real) + pickedWords(&snap, real)
}

func (p *player) canonicalModel(s *linux.Snapshot) {
	for i := range s.Hosts {
		h := &s.Hosts[i]
		h.Addrs, h.Devices = nil, nil
		for k := range h.Sockets {
			forget(&h.Sockets[k])
		}
		slices.SortFunc(h.Sockets, compareSockets)
	}
}

func same(a, b *linux.Snapshot) bool {
	for i := range a.Hosts {
		if !slices.Equal(a.Hosts[i].Sockets, b.Hosts[i].Sockets) {
			return false
		}
	}
	return len(a.Hosts) == len(b.Hosts)
}

// compareBounds compares the sockets that only hold a port, once at the end:
// it costs more than all else.
func (p *player) compareBounds() {
	real, err := p.bounds()
	if err != nil {
		p.done.Broken = err
		return
	}
	first := ""
	for _, m := range p.models {
		want := m.Bounds()
		for i := range want {
			want[i].V6 = false
		}
		sortBounds(want)
		if slices.Equal(want, real) {
			return
		}
		first = cmp.Or(first, boundWords(want, real))
	}
	p.done.At = len(p.done.played) - 1
	p.differ("at the end, among the sockets that hold a port and do nothing with it", first)
}

func (p *player) bounds() ([]linux.Bound, error) {
	var out []linux.Bound
	hosts := map[string]bool{}
	for _, h := range p.host {
		hosts[h] = true
	}
	for name := range hosts {
		sockets, err := p.lab.Host(name).Bounds()
		if err != nil {
			return nil, err
		}
		for _, s := range sockets {
			out = append(out, linux.Bound{Host: name, Name: p.names[s.Inode], Carrier: sip.CarrierTCP, Local: s.Local})
		}
	}
	sortBounds(out)
	return out, nil
}

func sortBounds(b []linux.Bound) {
	slices.SortFunc(b, func(x, y linux.Bound) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Name, y.Name))
	})
}

// kernelPort is a socket's port as the kernel tells it.
func (p *player) kernelPort(name string) uint16 {
	fd, ok := p.fds[name]
	if !ok {
		return 0
	}
	at, err := unixGetsockname(fd)
	if err != nil {
		return 0
	}
	return at.Port()
}
