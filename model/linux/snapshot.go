package linux

import (
	"net/netip"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/sip"
)

// State is the state of a socket: a TCP state, or what stands for one in UDP.
type State uint8

// TCP's states have the kernel's numbers (include/net/tcp_states.h).
// A UDP socket is StateEstablished if it is connected and StateClose if not.
const (
	StateEstablished State = iota + 1
	StateSynSent
	StateSynRecv
	StateFinWait1
	StateFinWait2
	StateTimeWait
	StateClose
	StateCloseWait
	StateLastAck
	StateListen
	StateClosing
	StateNewSynRecv
	StateBoundInactive
)

var stateNames = [...]string{"", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
	"TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING", "NEW-SYN-RECV", "BOUND"}

// String returns the state as ss(8) prints it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "?"
}

// MarshalText gives the state as ss(8) prints it.
func (s State) MarshalText() ([]byte, error) { return plain.TextOf(stateNames[:], "state", s) }

// UnmarshalText reads what MarshalText gave.
func (s *State) UnmarshalText(text []byte) error {
	return plain.FromText(stateNames[:], "state", text, s)
}

// Socket is one socket as sock_diag tells of it.
type Socket struct {
	Carrier sip.Carrier    `json:"carrier,omitzero"`
	V6      bool           `json:"v6,omitzero"`     // an AF_INET6 socket
	V6Only  bool           `json:"v6only,omitzero"` // AF_INET6 and takes no IPv4
	State   State          `json:"state,omitzero"`
	Local   netip.AddrPort `json:"local,omitzero"`
	Remote  netip.AddrPort `json:"remote,omitzero"`  // zero if none; port 0: UDP over IPv6 that takes datagrams from this address only
	Device  uint32         `json:"device,omitzero"`  // interface that it is bound to, 0 if none
	Queue   uint32         `json:"queue,omitzero"`   // listener: connections waiting to be accepted; else bytes unread
	Backlog uint32         `json:"backlog,omitzero"` // listener: its limit
	Inode   uint64         `json:"inode,omitzero"`   // 0 for a child that nobody accepted yet, and in TIME-WAIT
	Cookie  uint64         `json:"cookie,omitzero"`  // the kernel's unique number of the socket
	Owner   string         `json:"owner,omitzero"`   // the element that owns it, "" if unknown

	// What follows is known to the model's own sockets only: sock_diag does not
	// tell it.
	ReusePort bool   `json:"reuse_port,omitzero"`
	Group     uint32 `json:"group,omitzero"` // the SO_REUSEPORT group that it is in, 0 if none
	Mixed     bool   `json:"mixed,omitzero"` // the group has had a member that was connected (has_conns)
	Warm      bool   `json:"warm,omitzero"`  // it has received while it was connected, and scores for it (sk_incoming_cpu)
	// Order is the place in the kernel's hash chain, which decides between equal
	// sockets: a greater one is met earlier, 0 is unknown.
	Order uint64 `json:"order,omitzero"`
	// Flow is the place of a connected UDP socket in the table that is looked at
	// first; 0 if it is not there, or there under ends that it has no more.
	Flow uint64 `json:"flow,omitzero"`
}

// HostSockets is every socket of one host.
type HostSockets struct {
	Host    string
	Addrs   []netip.Addr // the host's own addresses, without loopback
	Devices []uint32     // the interface of each of Addrs; nil if not known
	Sockets []Socket
}

// Snapshot is every socket of every host at one instant, with its owner.
type Snapshot struct {
	Hosts []HostSockets // in the order of the scenario's hosts

	// Topology is what the kernels know of addresses and routes at that
	// instant, by the scenario's steps so far. nil stands for one network on
	// which everybody reaches everybody.
	Topology *Topology
}

// Host returns one host's part, or nil.
func (s *Snapshot) Host(name string) *HostSockets {
	for i := range s.Hosts {
		if s.Hosts[i].Host == name {
			return &s.Hosts[i]
		}
	}
	return nil
}

// HostOf returns the host that owns an address as seen from another host:
// itself for its own addresses and for loopback. It returns "" if nobody does.
func (s *Snapshot) HostOf(from string, a netip.Addr) string {
	a = a.Unmap()
	if a.IsLoopback() {
		return from
	}
	for i := range s.Hosts {
		for _, own := range s.Hosts[i].Addrs {
			if own == a {
				return s.Hosts[i].Host
			}
		}
	}
	return ""
}

// SocketRole is what a socket is for.
type SocketRole uint8

// The roles of a socket.
const (
	RoleListener SocketRole = iota + 1 // accepts new peers on its port
	RoleDialled                        // a connection; its local port is only this conversation
	RoleAccepted                       // a connection whose local port is its listener's
	RoleDatagram                       // UDP
	RoleBound                          // holds a port and does nothing with it
	RoleGone                           // nobody holds it any more (TIME-WAIT and the like)
)

var roleNames = [...]string{"", "listener", "connection dialled", "connection accepted", "datagram", "bound only", "gone"}

// String names the role as the reports do.
func (r SocketRole) String() string { return roleNames[r] }

// RoleOf tells the role of a socket of this host, as far as a snapshot shows it:
// an accepted connection's SYN would go to a listener of the same owner. Where
// that listener is gone the connection looks dialled; Ports.Role knows better.
func (h *HostSockets) RoleOf(s *Socket) SocketRole {
	switch {
	case s.Carrier == sip.CarrierUDP:
		return RoleDatagram
	case s.State == StateListen:
		return RoleListener
	case s.State == StateBoundInactive, s.State == StateClose:
		return RoleBound
	case s.State == StateTimeWait:
		return RoleGone
	}
	if l := ListenerOf(h.Sockets, s); l != nil && (l.Owner == s.Owner || s.Inode == 0) {
		return RoleAccepted
	}
	return RoleDialled
}
