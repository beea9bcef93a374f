package netns

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Every host knows the hardware addresses of the others on its networks from
// the start. Nobody has to ask: a question goes by way of a kernel worker, and
// where that one comes late, or the question is lost, it costs a second.

// addNeighbours tells a host of the others at one of its ports.
func (h *Host) addNeighbours(b *batch, at *port) {
	for i := range h.lab.plan.at[at.net] {
		other := &h.lab.plan.at[at.net][i]
		if other.host == h.index {
			continue
		}
		for _, a := range h.findsAt(at, other) {
			addNeighbour(b, at.device, a, other.mac)
		}
	}
}

// findsAt lists the addresses that the host, if it asked at one of its ports,
// would find at another one on the same link: those that the other port has,
// and, if the host has a reason to ask, every IPv4 address of its host.
func (h *Host) findsAt(at, other *port) []netip.Addr {
	them := h.lab.hosts[other.host]
	if them.isDown(other.device) {
		return nil
	}
	all := them.on(other.device)
	if !h.plan().asksFor(at) {
		return all
	}
	for _, p := range h.lab.plan.hosts[other.host].ports {
		if p.net == at.net {
			continue
		}
		for _, a := range them.on(p.device) {
			if a.Is4() {
				all = append(all, a)
			}
		}
	}
	return all
}

// introduce tells everybody on the host's networks about its addresses, after
// some of them are gone.
func (h *Host) introduce(gone []netip.Addr) error {
	for _, own := range h.plan().ports {
		for i := range h.lab.plan.at[own.net] {
			at := &h.lab.plan.at[own.net][i]
			if at.host == h.index {
				continue
			}
			if err := h.lab.hosts[at.host].learn(at, &own, gone); err != nil {
				return err
			}
		}
	}
	return nil
}

// learn brings up to date what a host knows at a port about another one on
// the link. What it did not know, or cannot know because its own device is
// down, is fine.
func (h *Host) learn(at, other *port, gone []netip.Addr) error {
	if h.isDown(at.device) {
		return nil
	}
	var b batch
	for _, a := range gone {
		removeNeighbour(&b, at.device, a)
	}
	for _, a := range h.findsAt(at, other) {
		addNeighbour(&b, at.device, a, other.mac)
	}
	if err := h.route.do(&b, unix.ENOENT); err != nil {
		return fmt.Errorf("host %s: %w", h.name, err)
	}
	return nil
}

func addNeighbour(b *batch, device uint32, a netip.Addr, mac []byte) {
	b.request(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, fmt.Sprintf("add neighbour %s", a))
	neighbourHeader(b, device, a)
	b.attr(unix.NDA_LLADDR, mac)
}

func removeNeighbour(b *batch, device uint32, a netip.Addr) {
	b.request(unix.RTM_DELNEIGH, 0, fmt.Sprintf("remove neighbour %s", a))
	neighbourHeader(b, device, a)
}

// neighbourHeader appends a struct ndmsg and the address.
func neighbourHeader(b *batch, device uint32, a netip.Addr) {
	b.u8(family(a), 0, 0, 0)
	b.u32(device)
	b.u16(unix.NUD_PERMANENT)
	b.u8(0, 0)
	b.attrAddr(unix.NDA_DST, a)
}
