package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// Snapshot returns the sockets as sock_diag would tell of them, with their
// names as owners, except those that only hold a port (Bound).
func (p *Ports) Snapshot() Snapshot {
	out := Snapshot{Topology: p.topology}
	for i := range p.hosts {
		h := &p.hosts[i]
		view := HostSockets{Host: h.Host, Addrs: h.Addrs, Devices: h.Devices}
		for k := range h.Sockets {
			if s := p.view(ref{i, k}); visible(&s) {
				view.Sockets = append(view.Sockets, s)
			}
		}
		out.Hosts = append(out.Hosts, view)
	}
	return out
}

// Lookup is the package's Lookup on the model's own sockets. Owners are their
// names.
func (p *Ports) Lookup(from string, t sip.Carrier, src, dst netip.AddrPort) Reached {
	s := p.Snapshot()
	return Lookup(&s, from, t, src, dst)
}

// visible reports whether sock_diag tells of a socket: one that is in a hash
// table.
func visible(s *Socket) bool {
	if s.Carrier == sip.CarrierUDP {
		return s.Local.Port() != 0
	}
	return s.State != 0 && s.State != StateClose
}

// view is a socket as sock_diag tells of it.
func (p *Ports) view(r ref) Socket {
	s, m := *p.socket(r), p.more(r)
	switch {
	case s.State == StateListen:
		s.Queue = uint32(len(m.queue))
	case s.State == StateTimeWait, m.orphan() && s.State == StateFinWait2:
		s.Queue = 0 // nothing but the ends is kept (tcp_time_wait)
	default:
		s.Queue = m.unread
		if m.fin {
			s.Queue++ // rcv_nxt counts the FIN (tcp_diag_get_info)
		}
	}
	if m.held {
		s.Owner = m.name
	}
	return s
}

// Bound is a socket that holds a port and does nothing with it.
type Bound struct {
	Host, Name string
	Carrier    sip.Carrier
	V6         bool
	Local      netip.AddrPort
}

// Bounds returns the TCP sockets that only hold a port. sock_diag tells of
// them if asked for BOUND_INACTIVE, which costs a walk over the whole table.
func (p *Ports) Bounds() []Bound {
	var out []Bound
	for i := range p.hosts {
		h := &p.hosts[i]
		for k := range h.Sockets {
			s := &h.Sockets[k]
			if s.Carrier == sip.CarrierTCP && s.State == StateClose && s.Local.Port() != 0 {
				out = append(out, Bound{h.Host, h.more[k].name, sip.CarrierTCP, s.V6, s.Local})
			}
		}
	}
	return out
}

// Role returns the role of a named socket. Unlike HostSockets.RoleOf it knows
// how a connection came about, not only how it looks.
func (p *Ports) Role(name string) SocketRole {
	r, ok := p.find(name)
	if !ok {
		return RoleGone
	}
	s, m := p.socket(r), p.more(r)
	switch {
	case s.Carrier == sip.CarrierUDP:
		return RoleDatagram
	case s.State == StateListen:
		return RoleListener
	case s.State == StateClose || s.State == 0:
		return RoleBound
	case s.State == StateTimeWait:
		return RoleGone
	case m.accepted:
		return RoleAccepted
	}
	return RoleDialled
}

// Socket returns a named socket that a program holds.
func (p *Ports) Socket(name string) (Socket, bool) {
	r, ok := p.find(name)
	if !ok || !p.more(r).held {
		return Socket{}, false
	}
	return p.view(r), true
}

// HostOf returns the host of a named socket that a program holds, or "".
func (p *Ports) HostOf(name string) string {
	r, ok := p.find(name)
	if !ok || !p.more(r).held {
		return ""
	}
	return p.hosts[r.host].Host
}

// Reaches reports whether what is sent on a connected socket gets to its other
// end.
func (p *Ports) Reaches(name string) bool {
	r, found := p.find(name)
	if !found {
		return false
	}
	_, arrives := p.reaches(r)
	return arrives
}
