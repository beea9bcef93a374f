package props

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// sockets lists what is at the port, and where the giver does accept.
func (e *explanation) sockets() {
	snap := &e.p.Obs.Snapshots[e.u.Snapshot]
	if e.v.Target.Addr.IsValid() {
		e.atTarget(snap)
	}
	e.accepting(snap)
}

// atTarget lists the sockets at the address that was handed out: those that
// would take something there, and the giver's conversations.
func (e *explanation) atTarget(snap *linux.Snapshot) {
	t := e.v.Target
	if t.Addr.Port() == 0 || t.Addr.Addr().IsUnspecified() {
		return // no socket can be there
	}
	host := snap.HostOf(e.u.View.Host, t.Addr.Addr())
	if host == "" {
		text := fmt.Sprintf("no host has %s", t.Addr.Addr())
		if e.v.Class == model.LinkLocalNoScope && !e.sendsTo(t.Addr.Addr()) {
			text += fmt.Sprintf(", and %s has no %s address", e.u.View.Element, scenario.FamilyName(t.Addr.Addr()))
		}
		e.row("address", "%s", text)
		return
	}
	label := fmt.Sprintf("on %s, %s port %d", host, t.Transport, t.Addr.Port())
	same, other := e.onPort(snap.Host(host), t)
	if len(same) == 0 {
		e.row(label, "no %s socket on %s", t.Transport, t.Addr.Addr())
		label = fmt.Sprintf("else on port %d", t.Addr.Port())
	}
	for _, s := range append(same, other...) {
		e.row(label, "%s", e.socketText(snap, s))
		label = ""
	}
	if n, s := e.connectedBefore(host); s != nil && len(same) == 0 {
		e.gone(n, s)
	}
}

// gone tells of a conversation that snapshot n shows, and none after it: when it
// ended, and that its port is the one that was handed out.
func (e *explanation) gone(n int, s *linux.Socket) {
	e.row("gone by then", "%s", e.socketText(&e.p.Obs.Snapshots[n], s))
	if k := slices.IndexFunc(e.p.Obs.After, func(after int) bool { return after > n }); k >= 0 && k <= e.u.Step {
		words := strings.Fields(scenario.Format(scenario.Scenario{Steps: []scenario.Step{stepOf(e.p, k)}}))
		e.row("", "ended in step %d (%s)", k+1, strings.Join(words, " "))
	}
	if !e.everListened(s) {
		e.row("", "its local port is the one that was handed out; nothing is seen to listen there")
	}
}

// everListened reports whether any snapshot shows a listener on a socket's local
// port.
func (e *explanation) everListened(s *linux.Socket) bool {
	for i := range e.p.Obs.Snapshots {
		for _, h := range e.p.Obs.Snapshots[i].Hosts {
			if slices.ContainsFunc(h.Sockets, func(x linux.Socket) bool {
				return x.State == linux.StateListen && x.Local.Port() == s.Local.Port() && takes(&x, s.Local.Addr())
			}) {
				return true
			}
		}
	}
	return false
}

// connectedBefore returns the newest conversation of the giver's from the very
// port that was handed out, in a snapshot before, and that one's index: where the
// address is from.
func (e *explanation) connectedBefore(host string) (int, *linux.Socket) {
	t := e.v.Target
	for n := e.u.Snapshot - 1; n >= 0; n-- {
		snap := &e.p.Obs.Snapshots[n]
		h := snap.Host(host)
		for i := 0; h != nil && i < len(h.Sockets); i++ {
			if s := &h.Sockets[i]; s.Owner == e.a.Giver && s.Carrier == t.Transport.Carrier() && s.Local.Port() == t.Addr.Port() &&
				takes(s, t.Addr.Addr()) && s.Remote.IsValid() && h.RoleOf(s) == linux.RoleDialled {
				return n, s
			}
		}
	}
	return 0, nil
}

// onPort returns the sockets of a host that have a target's port: those at the
// target itself, and what the giver has there on another transport or address.
func (e *explanation) onPort(h *linux.HostSockets, t sip.Target) (same, other []*linux.Socket) {
	for i := range h.Sockets {
		s := &h.Sockets[i]
		mine := s.Owner == e.a.Giver
		switch at := takes(s, t.Addr.Addr()); {
		case s.Local.Port() != t.Addr.Port() || !mine && !s.Serves():
		case at && s.Carrier == t.Transport.Carrier():
			same = append(same, s)
		case at || mine:
			other = append(other, s)
		}
	}
	return same, other
}

// accepting lists where the giver accepts new peers: every listener, and the
// UDP sockets on the ports that the scenario gives it. What else it has is
// counted: those are for media and the like, unless there is nothing better.
func (e *explanation) accepting(snap *linux.Snapshot) {
	label := e.a.Giver + " accepts on"
	var named, others []*linux.Socket
	for _, h := range snap.Hosts {
		for i := range h.Sockets {
			s := &h.Sockets[i]
			switch {
			case s.Owner != e.a.Giver || !s.Serves():
			case s.State == linux.StateListen || e.listed(s):
				named = append(named, s)
			default:
				others = append(others, s)
			}
		}
	}
	if len(named) == 0 {
		named, others = others, nil
	}
	if len(named) == 0 {
		e.row(label, "%snothing%s", e.fromOthers(snap), e.anyMore())
		return
	}
	const most = 8
	for i, s := range named {
		if i == most {
			e.row("", "and on %d more of the kind", len(named)-most)
			break
		}
		e.row(label, "%s", e.socketText(snap, s))
		label = ""
	}
	switch n := len(others); n {
	case 0:
	case 1:
		e.row("", "and on a UDP socket with a port that the scenario does not give it")
	default:
		e.row("", "and on %d UDP sockets with ports that the scenario does not give it", n)
	}
}

// fromOthers says from whom the giver still takes something where it accepts
// nobody else: from whom its UDP sockets are connected to.
func (e *explanation) fromOthers(snap *linux.Snapshot) string {
	var ends []string
	for _, h := range snap.Hosts {
		for i := range h.Sockets {
			if s := &h.Sockets[i]; s.Owner == e.a.Giver && s.Carrier == sip.CarrierUDP && s.Remote.IsValid() {
				ends = append(ends, fmt.Sprintf("%s (%s)", s.Remote, e.owner(otherEnd(snap, s))))
			}
		}
	}
	if len(ends) == 0 {
		return ""
	}
	return fmt.Sprintf("from others than %s: ", strings.Join(ends, " and "))
}

// listed reports whether the scenario gives the giver this port, over whatever
// transport.
func (e *explanation) listed(s *linux.Socket) bool {
	el := e.p.Scenario.Element(e.a.Giver)
	return el != nil && slices.ContainsFunc(el.Listen, func(l scenario.Listen) bool {
		return l.Port == s.Local.Port()
	})
}

// anyMore says that the giver did accept before, if that was seen.
func (e *explanation) anyMore() string {
	for i := range e.p.Obs.Snapshots[:e.u.Snapshot] {
		for _, h := range e.p.Obs.Snapshots[i].Hosts {
			if slices.ContainsFunc(h.Sockets, func(s linux.Socket) bool { return s.Owner == e.a.Giver && s.Serves() }) {
				return " any more"
			}
		}
	}
	return ""
}

// socketText writes a socket as ss(8) does, and says what keeps it from
// accepting.
func (e *explanation) socketText(snap *linux.Snapshot, s *linux.Socket) string {
	text := fmt.Sprintf("%-6s %s %s", s.State, s.Carrier, s.Local)
	if s.Remote.IsValid() {
		text += fmt.Sprintf(" <-> %s  %s <-> %s", s.Remote, e.owner(s.Owner), e.owner(otherEnd(snap, s)))
		if s.Carrier == sip.CarrierUDP {
			return text + "  (connected: takes only what comes from there)" + device(s)
		}
		return text + "  (a connection, no listener)" + device(s)
	}
	return text + "  " + e.owner(s.Owner) + device(s)
}

// device says to which interface a socket is bound: it takes nothing that comes
// in by another one (SO_BINDTODEVICE).
func device(s *linux.Socket) string {
	switch {
	case s.Device == 0:
		return ""
	case s.Device < scenario.FirstDevice:
		return "  bound to lo: takes only what comes in there"
	}
	return fmt.Sprintf("  bound to eth%d: takes only what comes in there", s.Device-scenario.FirstDevice)
}

// takes reports whether a socket's local address is an address, or any.
func takes(s *linux.Socket, a netip.Addr) bool {
	local := s.Local.Addr().Unmap()
	return local == a.Unmap() || local.IsUnspecified()
}

// otherEnd returns the owner of the other end of a connection, or of the UDP
// socket that another one is connected to.
func otherEnd(snap *linux.Snapshot, s *linux.Socket) string {
	if end := snap.FarEnd(s); end != nil {
		return end.Owner
	}
	host := snap.Host(snap.HostOf("", s.Remote.Addr()))
	if s.Carrier != sip.CarrierUDP || host == nil {
		return "?"
	}
	for i := range host.Sockets {
		if x := &host.Sockets[i]; x.Carrier == sip.CarrierUDP && x.Local.Port() == s.Remote.Port() && takes(x, s.Remote.Addr()) {
			return x.Owner
		}
	}
	return "?"
}

// owner adds the stack's name to the element that is judged.
func (e *explanation) owner(name string) string {
	if name == "" {
		return "nobody known"
	}
	if x := e.p.Scenario.Element(name); x != nil && x.SUT {
		return fmt.Sprintf("%s (%s)", name, e.stack)
	}
	return name
}
