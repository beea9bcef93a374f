package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// option sets a socket option.
func (p *Ports) option(r ref, st scenario.SetOption) Errno {
	s, m := p.socket(r), p.more(r)
	on := !st.Off
	switch st.Option {
	case scenario.OptionReuseAddr:
		m.reuse = on
	case scenario.OptionReusePort:
		s.ReusePort = on // its group, if any, it keeps
	case scenario.OptionLinger0:
		m.linger0 = on
	case scenario.OptionDevice:
		if st.Device > p.hosts[r.host].lastDevice {
			panic(undecided("a device that the host has not got"))
		}
		if s.Carrier == sip.CarrierTCP && s.Remote.IsValid() {
			panic(undecided("the device of a connection is changed: its packets take another way from now on"))
		}
		s.Device = st.Device
		if s.Carrier == sip.CarrierUDP {
			p.rehash(r) // sock_bindtoindex
		}
	case scenario.OptionV6Only:
		switch {
		case !s.V6:
			p.hit(ruleOptionOtherFamily)
			return ENOPROTOOPT
		case s.Local.Port() != 0:
			p.hit(ruleV6OnlyTooLate)
			return EINVAL
		}
		s.V6Only = on
	}
	return OK
}

// bind gives a socket its own end (__inet_bind, __inet6_bind).
func (p *Ports) bind(r ref, at netip.AddrPort) Errno {
	s, m := p.socket(r), p.more(r)
	if e := p.mayBind(r, at.Addr()); e != OK {
		return e
	}
	local := at.Addr()
	if s.V6 && local.Is4() {
		local = mapped(local)
	}
	v6only := s.V6Only
	if s.V6 && local.Is6() && !local.Is4In6() && !local.IsUnspecified() {
		p.hit(ruleSpecificIsV6Only)
		s.V6Only = true
	}
	s.Local = netip.AddrPortFrom(local, at.Port())
	if at.Port() != 0 && p.portTaken(r) {
		s.Local, s.V6Only = netip.AddrPort{}, v6only
		return EADDRINUSE
	}
	m.addrLock = m.addrLock || !local.IsUnspecified() // ::ffff:0.0.0.0 counts as chosen
	m.portLock = m.portLock || at.Port() != 0
	if at.Port() == 0 {
		s.Local = netip.AddrPortFrom(local, p.pickPort(r))
	}
	p.enter(r)
	return OK
}

// mayBind checks all that bind checks before it looks for the port. IPv4 and
// IPv6 do it in different orders.
func (p *Ports) mayBind(r ref, a netip.Addr) Errno {
	s := p.socket(r)
	busy := s.State != StateClose || s.Local.Port() != 0
	switch {
	case !s.V6 && a.Is6():
		p.hit(ruleOtherFamily)
		return EAFNOSUPPORT
	case s.V6 && busy, !s.V6 && busy && p.local(r.host, a):
		p.hit(ruleBindTwice)
		return EINVAL
	case s.V6 && s.V6Only && a.Is4():
		p.hit(ruleBindMappedV6Only)
		return EINVAL
	case !p.local(r.host, a), s.V6 && a == netip.IPv6Loopback() && s.Device > loopbackDevice:
		p.hit(ruleBindNotLocal)
		return EADDRNOTAVAIL
	}
	return OK
}

// local reports whether a socket of the host can have an address: one of its
// own, loopback, or none in particular.
func (p *Ports) local(host int, a netip.Addr) bool {
	return a.IsUnspecified() || a.IsLoopback() || p.ownAddr(host, a) >= 0
}

// ownAddr is the index of one of a host's own addresses, -1 if it has not got
// it.
func (p *Ports) ownAddr(host int, a netip.Addr) int {
	for i, own := range p.hosts[host].Addrs {
		if own == a {
			return i
		}
	}
	return -1
}

// portTaken reports whether another socket of the host keeps this one from
// having its address and port.
func (p *Ports) portTaken(r ref) bool {
	if p.socket(r).Carrier == sip.CarrierUDP {
		return p.takenUDP(r)
	}
	return p.takenTCP(r)
}

// takenTCP is inet_csk_get_port: bind asks it, and listen asks again. It looks
// for a conflict with every socket of the port, unless the last one that was
// bound there with SO_REUSEPORT vouches for this one (bucket). SO_REUSEADDR has
// a short cut of that kind too, which never opens: since Linux 6.1 its flag is
// set for the first socket of a port only, and by then that one counts already.
func (p *Ports) takenTCP(r ref) bool {
	h := &p.hosts[r.host]
	s := p.socket(r)
	b := p.bucket(r)
	if b.vouchesFor(s) {
		p.hit(ruleVouched)
		return false
	}
	for i := range h.Sockets {
		o := ref{r.host, i}
		if o != r && p.holdsPort(o, sip.CarrierTCP, s.Local.Port()) && p.conflictTCP(r, o) && p.clash(r, o) {
			return true
		}
	}
	b.remember(s)
	return false
}

// conflictTCP is inet_bind_conflict: two sockets with addresses that clash may
// share a port only if both have SO_REUSEADDR and the other one does not
// listen, or if both have SO_REUSEPORT, or on different devices. It matters
// what the sockets are now: connections and TIME-WAIT hold the port too.
func (p *Ports) conflictTCP(r, o ref) bool {
	a, b := p.socket(r), p.socket(o)
	if a.Device != 0 && b.Device != 0 && a.Device != b.Device {
		p.hit(ruleShareDevice)
		return false
	}
	bothReuse := p.more(r).reuse && p.more(o).reuse
	if p.wrong == TimeWaitBlocks && b.State == StateTimeWait {
		return true
	}
	if bothReuse && (b.State != StateListen || p.wrong == ReuseAddrSharesListener) {
		p.hit(ruleShareReuseAddr)
		return false
	}
	if a.ReusePort && b.ReusePort && p.wrong != ReusePortIgnored {
		p.hit(ruleShareReusePort)
		return false
	}
	if p.wrong == ConnectionsFreePort && b.Remote.IsValid() {
		return false
	}
	return true
}

// takenUDP is udp_lib_lport_inuse. It goes through the sockets of the port,
// the last bound first, and ends at the first with which SO_REUSEPORT is
// shared: what comes behind that one is not looked at.
func (p *Ports) takenUDP(r ref) bool {
	h := &p.hosts[r.host]
	a := p.socket(r)
	first, refused := uint64(0), uint64(0) // places of who shares and who does not
	for i := range h.Sockets {
		o := ref{r.host, i}
		b := p.socket(o)
		switch {
		case o == r || !p.holdsPort(o, sip.CarrierUDP, a.Local.Port()):
		case p.more(r).reuse && p.more(o).reuse:
			p.hit(ruleShareReuseAddrUDP)
		case a.Device != 0 && b.Device != 0 && a.Device != b.Device:
			p.hit(ruleShareDevice)
		case !p.clash(r, o):
		case a.ReusePort && b.ReusePort && p.wrong != ReusePortIgnored:
			p.hit(ruleShareReusePort)
			first = max(first, p.more(o).bound)
		default:
			refused = max(refused, p.more(o).bound)
		}
	}
	if refused > 0 && first > refused {
		p.hit(ruleShareHidesConflict)
	}
	return refused > first
}

// holdsPort reports whether a socket is in the table of bound ports under this
// one.
func (p *Ports) holdsPort(r ref, t sip.Carrier, port uint16) bool {
	s := p.socket(r)
	return s.State != 0 && s.Carrier == t && s.Local.Port() == port
}

// listen makes a listener (__inet_listen_sk, inet_csk_listen_start).
func (p *Ports) listen(r ref, backlog uint32) Errno {
	s, m := p.socket(r), p.more(r)
	switch {
	case s.Carrier == sip.CarrierUDP:
		p.hit(ruleListenUDP)
		return EOPNOTSUPP
	case m.was4:
		panic(undecided("an IPv6 socket that has dialled IPv4 listens: the kernel goes on to send IPv4 (ipv6_mapped in tcp_v6_connect)"))
	case m.progress != unconnected:
		p.hit(ruleListenConnected)
		return EINVAL
	case s.State == StateListen:
		p.hit(ruleListenAgain)
		s.Backlog = backlog
		return OK
	case s.Local.Port() == 0:
		p.hit(ruleListenUnbound)
		s.Local = netip.AddrPortFrom(p.wildcard(s), p.pickPort(r))
		p.enter(r)
	default:
		s.State = StateListen // no more sharing by SO_REUSEADDR with others that listen
		if p.takenTCP(r) {
			p.hit(ruleListenTaken)
			s.State = StateClose
			return EADDRINUSE
		}
	}
	s.State, s.Backlog = StateListen, backlog
	p.joinGroup(r)
	s.Order = p.place(s)
	m.queue = nil
	return OK
}

// wildcard is the address of a socket that has not got one.
func (p *Ports) wildcard(s *Socket) netip.Addr {
	if a := s.Local.Addr(); a.IsValid() {
		return a
	}
	return anyOf(s)
}

// anyOf is the wildcard of a socket's family.
func anyOf(s *Socket) netip.Addr {
	if s.V6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

func mapped(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
