package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// How connections, listeners and sockets end.

// reaches returns the other end of a connection if what this end sends gets
// there. An address that was removed from a host neither sends nor receives,
// and a way that was open when the connection was made may not be any more.
func (p *Ports) reaches(r ref) (ref, bool) {
	m := p.more(r)
	if !m.paired || p.socket(m.peer).State == 0 {
		return ref{}, false
	}
	here, there := p.socket(r).Local.Addr().Unmap(), p.socket(m.peer).Local.Addr().Unmap()
	if !p.local(r.host, here) || !p.local(m.peer.host, there) {
		p.hit(ruleAddrGone)
		return ref{}, false
	}
	if p.topology != nil && !there.IsLoopback() {
		way, _ := p.topology.Reach(p.hosts[r.host].Host, here, there)
		if way.End != Delivered || way.Host() != p.hosts[m.peer.host].Host {
			return ref{}, false
		}
	}
	return m.peer, true
}

// sendFIN ends a connection's own direction (tcp_close_state, tcp_send_fin).
func (p *Ports) sendFIN(r ref) {
	s := p.socket(r)
	if s.State == StateCloseWait {
		s.State = StateLastAck
	} else {
		s.State = StateFinWait1
	}
	if peer, ok := p.reaches(r); ok {
		p.gotFIN(peer, r)
	}
}

// gotFIN is a FIN's arrival, and its acknowledgement (tcp_fin,
// tcp_rcv_state_process).
func (p *Ports) gotFIN(at, from ref) {
	s := p.socket(at)
	switch {
	case at == from: // CLOSING, and its own acknowledgement ends that
		p.hit(ruleSelfClose)
		p.timeWait(at)
	case s.State == StateEstablished:
		p.hit(ruleHalfClosed)
		s.State = StateCloseWait
		p.more(at).fin, p.more(at).done = true, true
		p.socket(from).State = StateFinWait2
	case s.State == StateFinWait2:
		p.hit(ruleTimeWaits)
		p.timeWait(at)
		p.done(from)
	}
}

// timeWait leaves TIME-WAIT behind and takes the socket out of it: a program
// that still holds it holds a dead one (tcp_time_wait).
func (p *Ports) timeWait(r ref) {
	s, m := *p.socket(r), p.more(r)
	s.State = StateTimeWait
	left := more{reuse: m.reuse, peer: m.peer, paired: m.paired}
	if !m.orphan() {
		tw := p.add(r.host, s, left)
		p.repoint(r, tw)
		p.done(r)
		return
	}
	*p.socket(r), *m = s, left
}

// repoint makes a connection's other end look at what took its place.
func (p *Ports) repoint(old, now ref) {
	if m := p.more(old); m.paired && m.peer != old && p.more(m.peer).peer == old {
		p.more(m.peer).peer = now
	}
}

// done ends a connection without another word (tcp_done). A socket that is
// still held keeps its port only if it was bound to it.
func (p *Ports) done(r ref) {
	s, m := p.socket(r), p.more(r)
	if m.orphan() {
		p.kill(r)
		return
	}
	s.State, s.Remote, s.Group = StateClose, netip.AddrPort{}, 0
	m.paired, m.shut = false, scenario.BothSides
	p.dropPort(r)
}

// dropPort gives a port back unless bind chose it (tcp_set_state,
// SOCK_BINDPORT_LOCK).
func (p *Ports) dropPort(r ref) {
	s, m := p.socket(r), p.more(r)
	if m.portLock {
		p.hit(rulePortKept)
		return
	}
	p.hit(rulePortDropped)
	s.Local = netip.AddrPortFrom(s.Local.Addr(), 0)
	if !m.addrLock {
		s.Local = netip.AddrPort{}
	}
}

// disconnect makes a socket as it was before it was dialled (tcp_disconnect).
func (p *Ports) disconnect(r ref) {
	p.unsettle(r)
	p.dropPort(r)
}

// unsettle takes the peer from a socket, and its address unless bind chose it.
func (p *Ports) unsettle(r ref) {
	s, m := p.socket(r), p.more(r)
	s.State, s.Remote, s.Group = StateClose, netip.AddrPort{}, 0
	m.paired, m.shut, m.done = false, 0, false
	if !m.addrLock && s.Local.IsValid() {
		s.Local = netip.AddrPortFrom(anyOf(s), s.Local.Port())
	}
}

// kill takes a socket out of the world.
func (p *Ports) kill(r ref) {
	*p.socket(r) = Socket{}
	m := p.more(r)
	*m = more{name: m.name}
}

// sendRST aborts a connection (tcp_send_active_reset).
func (p *Ports) sendRST(r ref) {
	if peer, ok := p.reaches(r); ok && peer != r {
		p.gotRST(peer)
	}
}

// gotRST is a RST's arrival (tcp_reset, tcp_timewait_state_process).
func (p *Ports) gotRST(r ref) {
	s, m := p.socket(r), p.more(r)
	switch {
	case s.State == StateClose:
		return
	case s.State == StateTimeWait:
		p.kill(r)
		return
	case s.State == StateCloseWait:
		p.hit(ruleResetCloseWait)
		m.err = EPIPE
	default:
		p.hit(ruleReset)
		m.err = ECONNRESET
	}
	if m.queued && p.wrong == ResetLeavesQueue {
		p.leaveQueue(r)
	}
	p.done(r)
}

// needsRST reports whether a connection that is given up says so
// (tcp_need_reset).
func needsRST(s State) bool {
	switch s {
	case StateEstablished, StateCloseWait, StateFinWait1, StateFinWait2, StateSynRecv:
		return true
	}
	return false
}

// stopListening ends the connections that nobody accepted
// (inet_csk_listen_stop). The accepted ones live on: they need no listener.
func (p *Ports) stopListening(r ref) {
	queue := p.more(r).queue
	p.more(r).queue = nil
	for _, c := range queue {
		p.hit(ruleQueueReset)
		if needsRST(p.socket(c).State) {
			p.sendRST(c)
		}
		p.kill(c)
	}
	if p.wrong == CloseListenerClosesConnections {
		p.closeAccepted(r)
	}
}

// close closes a socket (__tcp_close, udp_destroy_sock).
func (p *Ports) close(r ref) Errno {
	s, m := p.socket(r), p.more(r)
	switch {
	case s.Carrier == sip.CarrierUDP:
		p.hit(ruleCloseUDP)
		p.kill(r)
	case s.State == StateListen:
		p.hit(ruleCloseListener)
		p.stopListening(r)
		p.kill(r)
	case s.State == StateClose, s.State == StateSynSent:
		p.hit(ruleCloseUnconnected)
		p.kill(r)
	case m.unread > 0 && p.wrong != UnreadIgnored:
		p.hit(ruleCloseUnread)
		p.sendRST(r)
		p.kill(r)
	case m.linger0 && needsRST(s.State):
		p.hit(ruleCloseLinger0)
		p.sendRST(r)
		p.kill(r)
	default:
		p.orphan(r)
	}
	return OK
}

// orphan closes a connection in order: it lives on without its program until
// the other side has ended it too.
func (p *Ports) orphan(r ref) {
	m := p.more(r)
	if m.linger0 {
		p.kill(r)
		return
	}
	m.held, m.shut = false, scenario.BothSides
	switch p.socket(r).State {
	case StateEstablished, StateCloseWait:
		p.hit(ruleCloseFIN)
		p.sendFIN(r)
	default:
		p.hit(ruleCloseHalf)
	}
}

// shutdown ends one direction or both (inet_shutdown).
func (p *Ports) shutdown(r ref, sides scenario.Sides) Errno {
	s, m := p.socket(r), p.more(r)
	if m.progress == connecting {
		m.progress = disconnecting // SYN-SENT below takes it back
	}
	switch {
	case s.State == StateClose:
		p.hit(ruleShutUnconnected)
		m.shut |= sides
		return ENOTCONN
	case s.State == StateListen && (sides&scenario.ReadSide == 0 || p.wrong == ShutListenerGoesOn):
		p.hit(ruleShutListenerWrite)
	case s.State == StateListen:
		p.hit(ruleShutListener)
		p.stopListening(r)
		p.disconnect(r)
	case s.State == StateSynSent:
		p.hit(ruleShutSynSent)
		p.disconnect(r)
		m.progress, m.err = unconnected, ECONNRESET
	default:
		m.shut |= sides
		fin := s.State == StateEstablished || s.State == StateCloseWait
		if s.Carrier == sip.CarrierTCP && sides&scenario.WriteSide != 0 && fin {
			p.hit(ruleShutWrite)
			p.sendFIN(r)
		} else {
			p.hit(ruleShutQuiet)
		}
	}
	return OK
}

// undial takes back what connect did: connect(2) to AF_UNSPEC (tcp_disconnect,
// udp_disconnect). A listener stops too.
func (p *Ports) undial(r ref) Errno {
	s, m := p.socket(r), p.more(r)
	if s.Carrier == sip.CarrierUDP {
		p.hit(ruleUndialUDP)
		p.disconnectUDP(r)
		return OK
	}
	switch {
	case s.State == StateListen:
		p.hit(ruleUndialListener)
		p.stopListening(r)
	case needsRST(s.State):
		p.hit(ruleUndialConnection)
		p.sendRST(r)
		m.err = ECONNRESET
	case s.State == StateSynSent:
		p.hit(ruleUndialOther)
		m.err = ECONNRESET
	default:
		p.hit(ruleUndialOther)
	}
	m.unread, m.fin, m.progress = 0, false, unconnected
	if s.State == StateClose { // tcp_set_state is not called
		p.unsettle(r)
	} else {
		p.disconnect(r)
	}
	return OK
}

// destroy ends a socket from outside (tcp_abort, udp_abort): its program is
// told by ECONNABORTED.
func (p *Ports) destroy(r ref) Errno {
	s, m := p.socket(r), p.more(r)
	switch {
	case !visible(s):
		p.hit(ruleDestroyNone)
		return ENOENT
	case s.Carrier == sip.CarrierUDP:
		return p.destroyFound(r)
	case p.twin(r):
		panic(undecided("SOCK_DESTROY finds one of several sockets with the same ends"))
	case s.State == StateListen:
		p.hit(ruleDestroyListener)
		p.stopListening(r)
		s.State = StateClose
	case needsRST(s.State):
		p.hit(ruleDestroyConnection)
		p.sendRST(r)
	default:
		p.hit(ruleDestroyOther)
	}
	m.err = ECONNABORTED
	p.done(r)
	return OK
}

// destroyFound destroys a UDP socket if a look-up for a datagram from its peer
// to itself finds it, and not another one: SOCK_DESTROY looks for it so, and
// then compares the cookies (__udp_diag_destroy). An IPv6 socket's is an IPv6
// look-up unless both of its ends are IPv4.
func (p *Ports) destroyFound(r ref) Errno {
	s := p.socket(r)
	k := packet{carrier: sip.CarrierUDP, src: s.Remote, dst: s.Local, device: s.Device, wrong: p.wrong}
	if s.Device == 0 {
		k.device = noDevice
	}
	switch {
	case !k.src.IsValid():
		k.src = netip.AddrPortFrom(unspecified(k.dst.Addr()), 0)
	case inFour(s) && k.src.Addr().Is4In6():
		k.src, k.dst = UnmapPort(k.src), UnmapPort(k.dst)
	}
	if at, _ := p.arrives(r.host, k); at != r {
		p.hit(ruleDestroyOfTwin)
		return ENOENT
	}
	p.destroyUDP(r)
	return OK
}

// noDevice is the device of a packet that came by none.
const noDevice = ^uint32(0)

// twin reports whether another socket looks the same to a look-up.
func (p *Ports) twin(r ref) bool {
	h, s := &p.hosts[r.host], p.socket(r)
	for i := range h.Sockets {
		o := &h.Sockets[i]
		if i != r.socket && o.Carrier == s.Carrier && visible(o) && (o.State == StateListen) == (s.State == StateListen) &&
			UnmapPort(o.Local) == UnmapPort(s.Local) && UnmapPort(o.Remote) == UnmapPort(s.Remote) {
			return true
		}
	}
	return false
}
