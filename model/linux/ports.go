package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
)

// Errno is the result of a socket step: "" for success, or the error's name as
// errno(3) has it.
type Errno string

// The errors that the model knows.
const (
	OK            Errno = ""
	EADDRINUSE    Errno = "EADDRINUSE"
	EADDRNOTAVAIL Errno = "EADDRNOTAVAIL"
	EAFNOSUPPORT  Errno = "EAFNOSUPPORT"
	EAGAIN        Errno = "EAGAIN"
	EALREADY      Errno = "EALREADY"
	EBADF         Errno = "EBADF" // the name stands for no open socket
	ECONNABORTED  Errno = "ECONNABORTED"
	ECONNREFUSED  Errno = "ECONNREFUSED"
	ECONNRESET    Errno = "ECONNRESET"
	EDESTADDRREQ  Errno = "EDESTADDRREQ"
	EINPROGRESS   Errno = "EINPROGRESS" // the SYN is on its way and nobody has answered
	EINVAL        Errno = "EINVAL"
	EISCONN       Errno = "EISCONN"
	ENETUNREACH   Errno = "ENETUNREACH"
	ENOENT        Errno = "ENOENT"
	ENOPROTOOPT   Errno = "ENOPROTOOPT"
	ENOTCONN      Errno = "ENOTCONN"
	EOPNOTSUPP    Errno = "EOPNOTSUPP"
	EPIPE         Errno = "EPIPE"
)

// Ports is the reference model of ports: every socket of every host, and what
// a socket step does to them. PORTS.md says the rules for people; each of them
// is in one place here, found by its name in rules.go.
//
// It is exact where the kernel is. Four things are not decided by the steps:
// the numbers of ports that the kernel picks (NeedsPort, Resolve), which member
// of a SO_REUSEPORT group gets a packet and whether a dial meets itself by
// chance (choice in Apply), whether the other side has acknowledged a FIN yet
// (FIN-WAIT-1 or FIN-WAIT-2; the model says FIN-WAIT-2), and what comes of a few
// steps of which the model says nothing (Undecided).
//
// It assumes what a lab gives: a packet arrives, is answered and has had its
// effect when the system call that caused it returns, and no retransmission
// timer (the shortest is 200 ms) fires while a scenario is played.
type Ports struct {
	hosts     []portHost
	clock     uint64 // counts what enters a hash table
	lastGroup uint32 // the number of the last SO_REUSEPORT group
	symbol    uint16 // the last port number made up for one that the kernel picks
	needsPort ref    // the socket with a made-up number, if hasNeed
	hasNeed   bool
	early     bool // see Result
	branches  int  // how many ways the current step can go
	choice    int
	wrong     Mistake
	reached   *Reach
	scenario  *scenario.Scenario
	topology  *Topology // who reaches whom; nil: everybody on one network
}

// portHost is one host. Its sockets never move: what is gone leaves a hole.
type portHost struct {
	HostSockets // Addrs and Devices as they are now
	lastDevice  uint32
	filtered    []carrierPort
	buckets     []bucket // of TCP ports
	more        []more   // beside Sockets
}

// more is what the kernel knows of a socket and sock_diag does not tell.
type more struct {
	name     string
	held     bool // a program holds it
	progress progress
	reuse    bool // SO_REUSEADDR
	linger0  bool
	was4     bool // TCP over IPv6 that has dialled IPv4
	portLock bool // its port was chosen by bind (SOCK_BINDPORT_LOCK)
	addrLock bool // its address was chosen by bind (SOCK_BINDADDR_LOCK)
	fin      bool // the other side's FIN came and was not read yet
	done     bool // no more will come (SOCK_DONE)
	shut     scenario.Sides
	err      Errno  // pending error, told once (sk_err)
	unread   uint32 // bytes (TCP) or datagrams (UDP)

	bound     uint64     // UDP: its place among those of its port
	slot      netip.Addr // UDP: the address whose chain it is in
	flow      flow       // UDP: what it is filed under in the table of flows
	flowPlace uint64     // and its place there, 0 if it is not there

	peer     ref // TCP: the other end
	paired   bool
	accepted bool  // it came out of a listener
	queued   bool  // it waits at its listener to be accepted
	queue    []ref // listener: connections that wait to be accepted
}

// orphan reports whether nobody holds a socket, nor can come to hold it by
// accept.
func (m *more) orphan() bool { return !m.held && !m.queued }

// progress is the state of a socket as a file (include/linux/net.h).
type progress uint8

const (
	unconnected   progress = iota // SS_UNCONNECTED
	connecting                    // SS_CONNECTING
	connected                     // SS_CONNECTED
	disconnecting                 // SS_DISCONNECTING: never again
)

// ref names a socket.
type ref struct{ host, socket int }

// firstSymbol is the first number that stands for a port which the kernel
// picks. A lab's ip_local_port_range ends below it.
const firstSymbol = 61000

// firstPicked is the first port that the kernel picks (ip_local_port_range).
const firstPicked = 32768

// NewPorts returns the model of a scenario's hosts before its first step. On
// one network a host reaches who is on it; where there is more, Topology says
// who reaches whom, and s must not change any more.
func NewPorts(s *scenario.Scenario) *Ports {
	p := &Ports{symbol: firstSymbol - 1, reached: new(Reach), scenario: s}
	if s.Routed() {
		p.topology = NewTopology(s)
	}
	for _, h := range s.Hosts {
		var ph portHost
		ph.Host = h.Name
		for _, at := range s.Places(h.Name) {
			if a := s.PlaceAddr(h.Name, at); a.IsValid() && !at.LinkLocal {
				ph.Addrs = append(ph.Addrs, a)
				ph.Devices = append(ph.Devices, h.Device(at.Net))
			}
		}
		ph.Sockets, ph.more = make([]Socket, 0, 8), make([]more, 0, 8)
		ph.lastDevice = scenario.FirstDevice + uint32(len(h.Nets)) - 1
		p.hosts = append(p.hosts, ph)
	}
	return p
}

// Clone returns an independent copy, for another choice. Both count into the
// same Reach.
func (p *Ports) Clone() *Ports {
	c := *p
	c.hosts = append([]portHost(nil), p.hosts...)
	for i := range c.hosts {
		h := &c.hosts[i]
		h.Addrs = append([]netip.Addr(nil), h.Addrs...)
		h.Devices = append([]uint32(nil), h.Devices...)
		h.Sockets = append([]Socket(nil), h.Sockets...)
		h.filtered = append([]carrierPort(nil), h.filtered...)
		h.buckets = append([]bucket(nil), h.buckets...)
		h.more = append([]more(nil), h.more...)
		for k := range h.more {
			h.more[k].queue = append([]ref(nil), h.more[k].queue...)
		}
	}
	return &c
}

// Result is what a socket step comes to.
type Result struct {
	Errno Errno
	// Branches is the number of ways in which the step can go: more than 1
	// where the kernel picks a member of a SO_REUSEPORT group by a hash. The
	// others are had by Apply on a clone with choice 1, 2, ….
	Branches int
	// Early says that they are those of RuleEarly.
	Early bool
	// Undecided, if not "", is why the model says nothing of this step and of
	// all after it: a timer decides.
	Undecided string
}

// undecided is thrown by a step whose outcome a timer decides.
type undecided string

// Apply plays one step. choice picks the member of a SO_REUSEPORT group that
// gets the step's packet.
func (p *Ports) Apply(step scenario.Step, choice int) (r Result) {
	p.branches, p.choice, p.hasNeed, p.early = 1, choice, false, false
	defer func() {
		if why := recover(); why != nil {
			u, ok := why.(undecided)
			if !ok {
				panic(why)
			}
			r.Undecided = string(u)
		}
	}()
	r.Errno = p.apply(step)
	r.Branches, r.Early = p.branches, p.early
	p.reached.result(step, r.Errno)
	return r
}

func (p *Ports) apply(step scenario.Step) Errno {
	switch st := step.(type) {
	case scenario.OpenSocket:
		return p.open(st)
	case scenario.RemoveAddr:
		return p.removeAddr(st)
	case scenario.FilterPort:
		return p.filter(st)
	case scenario.AcceptSocket:
		return p.accept(st)
	case scenario.SetOption:
		return p.with(st.Socket, func(r ref) Errno { return p.option(r, st) })
	case scenario.BindSocket:
		return p.with(st.Socket, func(r ref) Errno { return p.bind(r, p.at(st.At)) })
	case scenario.ListenSocket:
		return p.with(st.Socket, func(r ref) Errno { return p.listen(r, st.Backlog) })
	case scenario.DialSocket:
		return p.with(st.Socket, func(r ref) Errno { return p.dial(r, p.at(st.To)) })
	case scenario.SendSocket:
		return p.with(st.Socket, p.send)
	case scenario.SendTo:
		return p.with(st.Socket, func(r ref) Errno { return p.sendTo(r, p.at(st.To)) })
	case scenario.ReadSocket:
		return p.with(st.Socket, p.read)
	case scenario.ShutdownSocket:
		return p.with(st.Socket, func(r ref) Errno { return p.shutdown(r, st.Sides) })
	case scenario.UndialSocket:
		return p.with(st.Socket, p.undial)
	case scenario.CloseSocket:
		return p.with(st.Socket, p.close)
	case scenario.DestroySocket:
		return p.with(st.Socket, p.destroy)
	}
	if step.Kind() == scenario.NetworkFault {
		return p.change(step)
	}
	panic(undecided("it is no socket step"))
}

// with finds a socket by name and lets f act on it.
func (p *Ports) with(name string, f func(ref) Errno) Errno {
	r, ok := p.find(name)
	if !ok || !p.more(r).held {
		p.hit(ruleNoSocket)
		return EBADF
	}
	return f(r)
}

func (p *Ports) find(name string) (ref, bool) {
	for h := range p.hosts {
		for i := range p.hosts[h].more {
			if p.hosts[h].more[i].name == name {
				return ref{h, i}, true
			}
		}
	}
	return ref{}, false
}

func (p *Ports) socket(r ref) *Socket { return &p.hosts[r.host].Sockets[r.socket] }
func (p *Ports) more(r ref) *more     { return &p.hosts[r.host].more[r.socket] }

// at makes an endpoint of a step concrete.
func (p *Ports) at(e scenario.Endpoint) netip.AddrPort {
	if e.Of != "" {
		r, ok := p.find(e.Of)
		if !ok || p.socket(r).Local.Port() == 0 {
			panic(undecided("the port of a socket that has none"))
		}
		return netip.AddrPortFrom(e.Addr, p.socket(r).Local.Port())
	}
	return netip.AddrPortFrom(e.Addr, e.Port)
}

// open makes a socket. The kernel knows it, sock_diag does not: it is in no
// table before it has a port.
func (p *Ports) open(st scenario.OpenSocket) Errno {
	for h := range p.hosts {
		if p.hosts[h].Host == st.Host {
			p.add(h, Socket{Carrier: st.Carrier, V6: st.Family == scenario.IPv6, State: StateClose},
				more{name: st.Name, held: true})
		}
	}
	return OK
}

func (p *Ports) add(host int, s Socket, m more) ref {
	h := &p.hosts[host]
	h.Sockets = append(h.Sockets, s)
	h.more = append(h.more, m)
	return ref{host, len(h.more) - 1}
}

// tick is the moment of an insertion into a hash table.
func (p *Ports) tick() uint64 {
	p.clock++
	return p.clock
}

// pickPort gives a socket a port of the kernel's choice: a number that no
// other socket has, until Resolve says which.
func (p *Ports) pickPort(r ref) uint16 {
	p.hit(rulePickPort)
	p.symbol++
	p.needsPort, p.hasNeed = r, true
	return p.symbol
}

// NeedsPort names the socket to which the last step gave a port of the
// kernel's choice, if it did so and the port is still there.
func (p *Ports) NeedsPort() (socket string, ok bool) {
	if !p.hasNeed || p.socket(p.needsPort).Local.Port() == 0 {
		return "", false
	}
	return p.more(p.needsPort).name, true
}

// Resolve says which port the kernel picked for the socket of NeedsPort.
func (p *Ports) Resolve(port uint16) {
	if _, ok := p.NeedsPort(); !ok {
		return
	}
	symbol := p.socket(p.needsPort).Local.Port()
	for h := range p.hosts {
		for i := range p.hosts[h].Sockets {
			s := &p.hosts[h].Sockets[i]
			if s.Local.Port() == symbol {
				s.Local = netip.AddrPortFrom(s.Local.Addr(), port)
			}
			if s.Remote.Port() == symbol {
				s.Remote = netip.AddrPortFrom(s.Remote.Addr(), port)
			}
		}
	}
	p.hasNeed = false
}
