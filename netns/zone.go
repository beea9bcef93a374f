package netns

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Zone returns the number of the host's interface to which a link-local
// address belongs: its own one, or that of the network on which another host
// has it. For every other address, and for one that nobody has, it is 0. A
// socket address needs it (sin6_scope_id).
func (h *Host) Zone(a netip.Addr) uint32 {
	if !a.IsLinkLocalUnicast() || a.Is4() {
		return 0
	}
	a = a.WithZone("")
	for i := range h.plan().ports {
		own := &h.plan().ports[i]
		for _, at := range h.lab.plan.at[own.net] {
			if slices.Contains(h.lab.hosts[at.host].on(at.device), a) {
				return own.device
			}
		}
	}
	return 0
}

// arrival returns the number of the interface by which a packet to one of the
// host's own addresses comes in, as a listener sees it that is bound to one: the
// interface that has the address, even for what the host sends to itself
// (orig_oif in ip_route_output_key_hash_rcu). 0 is not known, and fits what is
// bound to none.
func (h *Host) arrival(a netip.Addr) uint32 {
	if zone := h.Zone(a); zone != 0 {
		return zone
	}
	a = a.Unmap().WithZone("")
	if a.IsLoopback() {
		return loopbackDevice
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, own := range h.addrs {
		if own == a && i < len(h.devices) {
			return h.devices[i]
		}
	}
	return 0
}

// sockaddr is an address as the host's sockets take it.
func (h *Host) sockaddr(a netip.AddrPort) unix.Sockaddr {
	sa := sockaddr(a)
	if v6, ok := sa.(*unix.SockaddrInet6); ok {
		v6.ZoneId = h.Zone(a.Addr())
	}
	return sa
}
