package peer

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// Every element implements UDP and TCP (RFC 3261 18), whether it was told to
// listen on a port of them or not. One that sends a request over a transport
// without such a port takes one of the kernel's choice: what it writes into its
// Via has to accept (18.1.1).

// port is where the element accepts a transport: the scenario's port, or else
// one of its own, that it opens when it first needs it.
func (e *element) port(t sip.Transport) (uint16, error) {
	if p := e.el.Port(t); p != 0 {
		return p, nil
	}
	if s := e.own[t]; s != nil {
		return s.local.Port(), nil
	}
	if e.el.Lacks == t {
		return 0, fmt.Errorf("%s has no %s", e.el.Name, t)
	}
	s, err := e.bindOwn(t)
	if err != nil {
		return 0, fmt.Errorf("%s opens a %s port of its own: %w", e.el.Name, t, err)
	}
	e.own[t] = s
	return s.local.Port(), nil
}

func (e *element) bindOwn(t sip.Transport) (*sock, error) {
	fd, err := e.open(t, e.addr.Is6(), true)
	if err != nil {
		return nil, err
	}
	s := &sock{fd: fd, owner: e, transport: t, listening: t.Reliable(), v6: e.addr.Is6()}
	err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(e.addr, 0), e.addr.Is6()))
	if err == nil && t.Reliable() {
		err = unix.Listen(fd, backlog)
	} else if err == nil {
		s.tuneUDP()
	}
	sa, named := unix.Getsockname(fd)
	if err == nil {
		err = named
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	s.local = addrPort(sa)
	return s, e.world.add(s)
}

// sender is the socket from which the element sends datagrams.
func (e *element) sender() (*sock, error) {
	port, err := e.port(sip.UDP)
	if err != nil {
		return nil, err
	}
	for _, s := range e.world.socks {
		if s.owner == e && s.transport == sip.UDP && s.local.Port() == port {
			return s, nil
		}
	}
	return nil, fmt.Errorf("%s has no udp", e.el.Name)
}
