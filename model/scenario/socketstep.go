package scenario

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// MaxBacklog is the longest accept queue that can be asked for
// (net.core.somaxconn).
const MaxBacklog = 4096

// The socket steps: what a program does with a socket, or an administrator
// with a host. Each is one system call and ends when that call returns. What
// each of them does is said by Ports.
type (
	// OpenSocket makes a socket and names it: socket(2).
	OpenSocket struct {
		Name, Host string
		Carrier    sip.Carrier
		Family     Family
	}
	// SetOption sets an option of a socket: setsockopt(2).
	SetOption struct {
		Socket string
		Option Option
		Off    bool   // switches it off instead of on
		Device uint32 // OptionDevice: the device's number on its host; 0 unbinds
	}
	// BindSocket gives a socket its own end: bind(2). Port 0 leaves the
	// choice to the kernel.
	BindSocket struct {
		Socket string
		At     Endpoint
	}
	// ListenSocket makes a socket a listener: listen(2).
	ListenSocket struct {
		Socket  string
		Backlog uint32
	}
	// DialSocket connects a socket: connect(2), non-blocking, and once more to
	// fetch the result if there is one already.
	DialSocket struct {
		Socket string
		To     Endpoint
	}
	// AcceptSocket takes the oldest connection that waits at a listener and
	// names it: accept(2), non-blocking.
	AcceptSocket struct{ Listener, Name string }
	// SendSocket sends four bytes to whom the socket is connected: send(2).
	SendSocket struct{ Socket string }
	// SendTo sends a datagram of four bytes to an address: sendto(2).
	SendTo struct {
		Socket string
		To     Endpoint
	}
	// ReadSocket reads all that a connection has, or one datagram: recv(2).
	ReadSocket struct{ Socket string }
	// ShutdownSocket ends one direction of a connection, or both: shutdown(2).
	ShutdownSocket struct {
		Socket string
		Sides  Sides
	}
	// CloseSocket closes a socket: close(2).
	CloseSocket struct{ Socket string }
	// UndialSocket takes a connect back: connect(2) to AF_UNSPEC.
	UndialSocket struct{ Socket string }
	// DestroySocket ends a socket from outside, as ss -K does: SOCK_DESTROY.
	DestroySocket struct{ Socket string }
	// RemoveAddr takes an address away from a host: ip address del.
	RemoveAddr struct {
		Host string
		Addr netip.Addr
	}
	// FilterPort drops, without a word, every SYN or datagram that comes to a
	// port of a host from another host: a firewall.
	FilterPort struct {
		Host    string
		Carrier sip.Carrier
		Port    uint16
	}
)

// Endpoint is an address and a port in a step. The port may be that of a
// socket, whichever number the kernel picked for it.
type Endpoint struct {
	Addr netip.Addr
	Port uint16
	Of   string // the port is the local one of this socket; Port is 0 then
}

// Option is a socket option.
type Option uint8

// The socket options of the model.
const (
	OptionReuseAddr Option = iota + 1 // SO_REUSEADDR
	OptionReusePort                   // SO_REUSEPORT
	OptionV6Only                      // IPV6_V6ONLY
	OptionDevice                      // SO_BINDTOIFINDEX
	OptionLinger0                     // SO_LINGER, on with 0 s; off is off
)

// Sides are the directions of a connection: a set.
type Sides uint8

// The directions.
const (
	ReadSide Sides = 1 << iota
	WriteSide
	BothSides = ReadSide | WriteSide
)

// Kind is SocketStep.
func (OpenSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (SetOption) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (BindSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (ListenSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (DialSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (AcceptSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (SendSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (SendTo) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (ReadSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (ShutdownSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (CloseSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (UndialSocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (DestroySocket) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (RemoveAddr) Kind() StepKind { return SocketStep }

// Kind is SocketStep.
func (FilterPort) Kind() StepKind { return SocketStep }
