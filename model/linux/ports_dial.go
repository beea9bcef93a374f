package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// dial connects (__inet_stream_connect for TCP).
func (p *Ports) dial(r ref, to netip.AddrPort) Errno {
	s, m := p.socket(r), p.more(r)
	switch {
	case s.Carrier == sip.CarrierUDP:
		return p.connectUDP(r, to)
	case m.progress == connected:
		p.hit(ruleDialConnected)
		return EISCONN
	case m.progress == disconnecting:
		p.hit(ruleDialDisconnecting)
		return EINVAL
	case m.progress == connecting && s.State == StateSynSent:
		p.hit(ruleDialAgain)
		return EALREADY
	case m.progress == connecting:
		return p.dialFailed(r)
	case s.State == StateListen:
		p.hit(ruleDialListener)
		return EISCONN
	}
	return p.connectTCP(r, to)
}

// dialFailed tells why a connection did not come about, once; then the socket
// is as it was before (tcp_disconnect).
func (p *Ports) dialFailed(r ref) Errno {
	m := p.more(r)
	e := m.err
	if e == OK {
		e = ECONNABORTED
	}
	m.err = OK
	p.disconnect(r)
	m.progress = unconnected
	return e
}

// connectTCP sends the SYN and follows it (tcp_v4_connect, tcp_v6_connect).
func (p *Ports) connectTCP(r ref, to netip.AddrPort) Errno {
	s, m := p.socket(r), p.more(r)
	w := p.route(r, to.Addr())
	if w.err != OK {
		return w.err
	}
	if m.was4 && w.dst.Is6() {
		panic(undecided("an IPv6 socket that has dialled IPv4 dials IPv6: the kernel goes on to send IPv4 (ipv6_mapped in tcp_v6_connect)"))
	}
	m.was4 = s.V6 && w.dst.Is4()
	port := s.Local.Port()
	if port != 0 {
		p.hit(ruleDialBound)
		if !p.uniqueEnds(r, netip.AddrPortFrom(w.src, port), netip.AddrPortFrom(w.dst, to.Port())) {
			p.hit(ruleDialTaken)
			p.disconnect(r)
			return EADDRNOTAVAIL
		}
	} else {
		port = p.pickPort(r)
	}
	s.Local = p.end(s, w.src, port)
	s.Remote = p.end(s, w.dst, to.Port())
	s.State, s.Order = StateSynSent, p.head()
	m.progress, m.err, m.done = connecting, OK, false // tcp_connect_init
	return p.syn(r, w, to.Port())
}

// end is one end of a socket's conversation, as its family writes it.
func (p *Ports) end(s *Socket, a netip.Addr, port uint16) netip.AddrPort {
	if s.V6 && a.Is4() {
		a = mapped(a)
	}
	return netip.AddrPortFrom(a, port)
}

// uniqueEnds reports whether no other connection of the host has the same two
// ends. TIME-WAIT gives way to a dial from a port that was chosen
// (__inet_check_established, tcp_twsk_unique).
func (p *Ports) uniqueEnds(r ref, local, remote netip.AddrPort) bool {
	k := packet{carrier: sip.CarrierTCP, src: remote, dst: local, device: p.socket(r).Device}
	h := &p.hosts[r.host]
	for i := range h.Sockets {
		o := &h.Sockets[i]
		if !k.isEnd(o) {
			continue
		}
		if o.State == StateFinWait2 && h.more[i].orphan() {
			panic(undecided("a dial from the port of a connection that was closed on one side: a delayed ACK decides whether that one gives way"))
		}
		if o.State != StateTimeWait {
			return false
		}
		p.hit(ruleDialTakesTimeWait)
		p.kill(ref{r.host, i})
	}
	return true
}

// syn follows a SYN to where it ends.
func (p *Ports) syn(r ref, w way, port uint16) Errno {
	if w.host < 0 || p.isFiltered(r.host, w.host, sip.CarrierTCP, port) {
		p.hit(ruleSynUnanswered)
		return EINPROGRESS
	}
	k := p.packet(r, w, p.socket(r).Local.Port(), port)
	at, rule := p.arrives(w.host, k)
	if at.socket < 0 && deaf(w.src, w.dst) {
		p.hit(ruleRefusalLost)
		return EINPROGRESS
	}
	if at.socket < 0 && p.mayMeetItself(r, w, port) {
		p.hit(ruleSelfByChance)
		p.socket(r).Local = p.end(p.socket(r), w.src, port)
		p.hasNeed = false
		at = r
	}
	if at.socket < 0 {
		p.hit(ruleSynRefused)
		p.socket(r).State, p.socket(r).Warm = StateClose, true
		p.more(r).err = ECONNREFUSED
		return p.dialFailed(r)
	}
	l := p.socket(at)
	switch {
	case at == r:
		return p.selfConnect(r)
	case l.State == StateListen:
		if rule == RuleTimeWait {
			p.kill(p.exact(at.host, k))
		}
		return p.synToListener(r, at)
	case p.wrong == ConnectionPortAccepts && l.Remote.IsValid():
		return p.synToListener(r, at)
	}
	panic(undecided("a SYN meets a connection with the same two ends: a challenge ACK, and a retransmission that a timer sends"))
}

// selfConnect is a SYN that comes back to its own socket
// (tcp_rcv_synsent_state_process).
func (p *Ports) selfConnect(r ref) Errno {
	p.hit(ruleSelfConnect)
	p.establish(r, r)
	if p.more(r).shut&scenario.WriteSide != 0 {
		p.sendFIN(r)
		return p.dialFailed(r)
	}
	return OK
}

// mayMeetItself reports whether the step goes the way in which a dial to a
// closed port of its own address is connected to itself, since the kernel
// picked that very port for it: May, once in some 30,000 such dials. No other
// listener or connection is in the way then; with one it cannot happen.
func (p *Ports) mayMeetItself(r ref, w way, port uint16) bool {
	if !p.hasNeed || p.needsPort != r || w.src != w.dst || port < firstPicked {
		return false
	}
	p.branches = 2
	return p.choice == 1
}

// deaf reports whether an answer by RST is lost. In IPv6, one to ::1 has to
// leave by the device by which its cause came, and from there is no way to ::1
// unless that was lo (tcp_v6_send_response, rt6_need_strict).
func deaf(src, dst netip.Addr) bool {
	return src == netip.IPv6Loopback() && dst != src
}

// exact finds the connection whose ends are a packet's.
func (p *Ports) exact(host int, k packet) ref {
	for i := range p.hosts[host].Sockets {
		if k.isEnd(&p.hosts[host].Sockets[i]) {
			return ref{host, i}
		}
	}
	panic("linux: the connection that a look-up found is gone")
}

// synToListener makes the listener's connection, unless its queue is full: one
// more than the backlog may wait (sk_acceptq_is_full, tcp_conn_request).
func (p *Ports) synToListener(r, at ref) Errno {
	l, lm := p.socket(at), p.more(at)
	full := len(lm.queue) > int(l.Backlog)
	if p.wrong == BacklogIsLimit {
		full = len(lm.queue) >= int(l.Backlog)
	}
	if full {
		p.hit(ruleQueueFull)
		return EINPROGRESS
	}
	if l.Device != 0 && p.wrong != DeviceIgnored && !p.leadsTo(at.host, l.Device, p.socket(r).Local.Addr().Unmap()) {
		panic(undecided("a listener bound to a device is dialled from where that does not lead: it looks for 127.0.0.1 on the network"))
	}
	p.hit(ruleChild)
	s := p.socket(r)
	child := Socket{Carrier: sip.CarrierTCP, V6: l.V6, V6Only: l.V6Only, Device: l.Device, ReusePort: l.ReusePort,
		State: StateEstablished, Order: p.head(), Warm: true}
	child.Local = p.end(&child, s.Remote.Addr().Unmap(), s.Remote.Port())
	child.Remote = p.end(&child, s.Local.Addr().Unmap(), s.Local.Port())
	if p.wrong == ChildHasOwnPort {
		p.symbol++
		child.Local = netip.AddrPortFrom(child.Local.Addr(), p.symbol)
	}
	cm := more{reuse: lm.reuse, linger0: lm.linger0, shut: lm.shut, queued: true, accepted: true}
	c := p.add(at.host, child, cm)
	p.more(at).queue = append(p.more(at).queue, c)
	p.establish(r, c)
	p.establish(c, r)
	if cm.shut&scenario.WriteSide != 0 {
		p.hit(ruleChildShut)
		p.sendFIN(c)
	}
	return OK
}

func (p *Ports) establish(r, peer ref) {
	m := p.more(r)
	p.socket(r).State, p.socket(r).Warm = StateEstablished, true
	m.peer, m.paired, m.progress = peer, true, connected
}

// accept takes the oldest connection from a listener's queue (inet_csk_accept).
func (p *Ports) accept(st scenario.AcceptSocket) Errno {
	r, ok := p.find(st.Listener)
	if !ok || !p.more(r).held {
		p.hit(ruleNoSocket)
		return EBADF
	}
	s, m := p.socket(r), p.more(r)
	switch {
	case s.Carrier == sip.CarrierUDP:
		p.hit(ruleAcceptUDP)
		return EOPNOTSUPP
	case s.State != StateListen:
		p.hit(ruleAcceptNoListener)
		return EINVAL
	case len(m.queue) == 0:
		p.hit(ruleAcceptEmpty)
		return EAGAIN
	}
	first := m.queue[0]
	m.queue = m.queue[1:]
	c := p.more(first)
	c.name, c.held, c.queued = st.Name, true, false
	if p.socket(first).State == StateClose {
		p.hit(ruleAcceptDead)
	} else {
		p.hit(ruleAccept)
	}
	return OK
}
