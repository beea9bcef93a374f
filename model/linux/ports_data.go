package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// unit is how much send and sendto send.
const unit = 4

// send sends to the connected other side (tcp_sendmsg_locked, udp_sendmsg).
func (p *Ports) send(r ref) Errno {
	s, m := p.socket(r), p.more(r)
	if s.Carrier == sip.CarrierUDP {
		return p.sendUDP(r)
	}
	switch {
	case s.State == StateSynSent:
		if m.err != OK {
			return p.pending(r)
		}
		p.hit(ruleSendEarly)
		return EAGAIN
	case s.State != StateEstablished && s.State != StateCloseWait, m.shut&scenario.WriteSide != 0, m.err != OK:
		p.hit(ruleSendClosed)
		if m.err != OK {
			return p.pending(r)
		}
		return EPIPE
	}
	if peer, ok := p.reaches(r); ok {
		p.gotData(peer, r)
	}
	return OK
}

// gotData is a segment's arrival. Who has closed, or will not read any more in
// FIN-WAIT, answers with RST (tcp_rcv_state_process, tcp_timewait_state_process).
func (p *Ports) gotData(at, from ref) {
	s, m := p.socket(at), p.more(at)
	if s.State == StateFinWait2 && m.shut&scenario.ReadSide != 0 {
		p.hit(ruleDataAfterClose)
		lost := deaf(p.socket(from).Local.Addr(), s.Local.Addr())
		p.gotRST(at)
		if !lost {
			p.gotRST(from)
		}
		return
	}
	p.hit(ruleData)
	m.unread += unit
}

// pending tells a socket's pending error, once (sock_error).
func (p *Ports) pending(r ref) Errno {
	p.hit(rulePendingError)
	e := p.more(r).err
	p.more(r).err = OK
	return e
}

// read reads (tcp_recvmsg_locked, udp_recvmsg).
func (p *Ports) read(r ref) Errno {
	s, m := p.socket(r), p.more(r)
	if s.Carrier == sip.CarrierUDP {
		return p.readUDP(r)
	}
	switch {
	case s.State == StateListen:
		p.hit(ruleReadListener)
		return ENOTCONN
	case m.unread > 0 || m.fin:
		p.hit(ruleRead)
		m.unread, m.fin = 0, false
	case m.done:
		p.hit(ruleReadEnd)
	case m.err != OK:
		return p.pending(r)
	case m.shut&scenario.ReadSide != 0:
		p.hit(ruleReadEnd)
	case s.State == StateClose:
		p.hit(ruleReadUnconnected)
		return ENOTCONN
	default:
		p.hit(ruleReadNothing)
		return EAGAIN
	}
	return OK
}

// connectUDP sets the one peer of a UDP socket (__ip4_datagram_connect,
// __ip6_datagram_connect). The first time it also settles its address.
func (p *Ports) connectUDP(r ref, to netip.AddrPort) Errno {
	s, m := p.socket(r), p.more(r)
	p.autobind(r)
	w := p.route(r, to.Addr())
	if w.err != OK {
		return w.err
	}
	if s.State == StateEstablished {
		p.hit(ruleConnectAgain)
	} else {
		p.hit(ruleConnectUDP)
	}
	anyAddr := slot(s).IsUnspecified()
	s.Local = p.end(s, w.src, s.Local.Port())
	s.Remote = p.end(s, w.dst, to.Port())
	if anyAddr {
		p.rehash(r)
	}
	p.mixGroup(r)
	s.State = StateEstablished
	p.fileFlow(r)
	m.progress = unconnected // a UDP socket may be connected again
	return OK
}

// autobind gives a UDP socket that sends a port (inet_autobind).
func (p *Ports) autobind(r ref) {
	s := p.socket(r)
	if s.Local.Port() != 0 {
		return
	}
	p.hit(ruleAutobind)
	s.Local = netip.AddrPortFrom(p.wildcard(s), p.pickPort(r))
	p.enter(r)
}

func (p *Ports) sendUDP(r ref) Errno {
	s := p.socket(r)
	p.autobind(r)
	if s.State != StateEstablished {
		p.hit(ruleSendNowhere)
		return EDESTADDRREQ
	}
	if s.Remote.Addr().Is4In6() && s.Remote.Port() == 0 { // udpv6_sendmsg makes a sendto of it
		p.hit(ruleSendToPort0)
		return EINVAL
	}
	return p.datagram(r, UnmapPort(s.Remote))
}

// sendTo sends a datagram to an address, whether or not the socket is
// connected to another one.
func (p *Ports) sendTo(r ref, to netip.AddrPort) Errno {
	if p.socket(r).Carrier == sip.CarrierTCP {
		return p.sendToTCP(r)
	}
	p.autobind(r)
	if to.Port() == 0 && !(p.socket(r).V6Only && to.Addr().Is4()) {
		p.hit(ruleSendToPort0)
		return EINVAL
	}
	return p.datagram(r, to)
}

// sendToTCP ignores the address (tcp_sendmsg_locked looks at it for
// MSG_FASTOPEN only).
func (p *Ports) sendToTCP(r ref) Errno {
	p.hit(ruleSendToTCP)
	return p.send(r)
}

// datagram sends one (udp_sendmsg). A datagram for which nobody is there comes
// back as ICMP port unreachable, and is told to connected senders only.
func (p *Ports) datagram(r ref, to netip.AddrPort) Errno {
	w := p.route(r, to.Addr())
	switch m := p.more(r); {
	case w.err != OK:
		return w.err
	case m.err != OK:
		return p.pending(r)
	case m.shut&scenario.WriteSide != 0:
		p.hit(ruleSendShut)
		return EPIPE
	}
	if w.host < 0 || p.isFiltered(r.host, w.host, sip.CarrierUDP, to.Port()) {
		p.hit(ruleDatagramLost)
		return OK
	}
	k := p.packet(r, w, p.socket(r).Local.Port(), to.Port())
	if to.Addr() == netip.IPv4Unspecified() && p.socket(r).Device == 0 {
		k.device = loopbackDevice // ip_route_output_key_hash_rcu; a connect looks for its way twice (ip_route_connect)
	}
	at, _ := p.arrives(w.host, k)
	if at.socket < 0 {
		p.unreachable(r.host, w.host, k)
		return OK
	}
	p.hit(ruleDatagram)
	p.more(at).unread++
	p.warm(at, k.dst.Addr().Is4())
	return OK
}

// unreachable is ICMP's way back: it goes to whom a datagram with the ends
// turned round would reach, and only if that one is connected
// (__udp4_lib_err, __udp6_lib_err).
func (p *Ports) unreachable(to, from int, k packet) {
	p.hit(ruleDatagramRefused)
	back := packet{carrier: sip.CarrierUDP, src: k.dst, dst: k.src, wrong: p.wrong,
		device: arrival(&p.hosts[to].HostSockets, k.src.Addr())}
	if to == from && k.src.Addr().Is4() {
		back.device = loopbackDevice // skb->dev, where __udp6_lib_err has inet6_iif
	}
	r := back.lookup(p.hosts[to].Sockets)
	if r.Socket == nil || r.Socket.State != StateEstablished {
		p.hit(ruleRefusalUntold)
		return
	}
	p.hit(ruleRefusalTold)
	for i := range p.hosts[to].Sockets {
		if &p.hosts[to].Sockets[i] == r.Socket {
			p.hosts[to].more[i].err = ECONNREFUSED
		}
	}
}

// readUDP takes one datagram; a pending error comes before it
// (__skb_recv_udp).
func (p *Ports) readUDP(r ref) Errno {
	m := p.more(r)
	switch {
	case m.err != OK:
		return p.pending(r)
	case m.unread == 0:
		p.hit(ruleReadNothing)
		return EAGAIN
	}
	p.hit(ruleRead)
	m.unread--
	return OK
}

// warm notes that a UDP socket receives while it has a peer: from then on it
// scores one more (sk_incoming_cpu_update in __udp_queue_rcv_skb). An IPv6
// socket's peer may be an address without a port; IPv4 sees only a whole one.
func (p *Ports) warm(r ref, by4 bool) {
	s := p.socket(r)
	if s.Remote.IsValid() && (!by4 || !s.Serves()) && !s.Warm {
		p.hit(ruleWarm)
		s.Warm = true
	}
}

// destroyUDP is udp_abort.
func (p *Ports) destroyUDP(r ref) {
	p.hit(ruleDestroyUDP)
	p.more(r).err = ECONNABORTED
	p.disconnectUDP(r)
}

// disconnectUDP takes a UDP socket's peer from it, and its device: one that was
// bound to its port goes on as if nothing had happened (__udp_disconnect). It
// gets another place in a chain only if its address changes; bound to an address
// it keeps the place that it got when it was bound, and stays filed under the
// flow that it had.
func (p *Ports) disconnectUDP(r ref) {
	s, m := p.socket(r), p.more(r)
	s.State, s.Device = StateClose, 0
	if s.V6 && s.Remote.IsValid() {
		s.Remote = netip.AddrPortFrom(s.Remote.Addr(), 0) // sk_v6_daddr stays
	} else {
		s.Remote = netip.AddrPort{}
	}
	s.Flow = 0
	if !m.addrLock && s.Local.IsValid() {
		s.Local = netip.AddrPortFrom(anyOf(s), s.Local.Port())
		if m.portLock {
			p.rehash(r)
		}
	}
	if p.wrong == DisconnectRehashes {
		s.Order = p.head()
	}
	if m.portLock {
		return
	}
	p.leaveTables(r)
	p.hit(rulePortDropped)
	s.Local = netip.AddrPortFrom(s.Local.Addr(), 0)
	if !m.addrLock {
		s.Local = netip.AddrPort{}
	}
}
