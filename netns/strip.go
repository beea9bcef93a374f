package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// undo takes everything from a host that configure has given it, where nothing
// else is there. The devices stay up: to take one down waits for an RCU grace
// period, 20 ms.
func (h *Host) undo() error {
	var b batch
	p := h.plan()
	for i := range p.routes {
		r := &p.routes[i]
		if r.src.IsValid() && firstOfTable(p.routes, i) {
			changeRule(&b, r, unix.RTM_DELRULE, 0, "remove")
		}
		r.change(&b, unix.RTM_DELROUTE, 0, "remove")
	}
	for i := range p.ports {
		at := &p.ports[i]
		for _, a := range at.addrs {
			removeAddress(&b, at.device, a.Addr)
		}
		for k := range h.lab.plan.at[at.net] {
			other := &h.lab.plan.at[at.net][k]
			if other.host == h.index {
				continue
			}
			for _, a := range h.findsAt(at, other) {
				removeNeighbour(&b, at.device, a)
			}
		}
	}
	return h.route.do(&b, gone...)
}

// gone is what the kernel says of something that went with something else: a
// further address with the first one, a route with the address before it.
var gone = []unix.Errno{unix.ENOENT, unix.ESRCH, unix.EADDRNOTAVAIL}

// strip takes from a host whatever of the kind is there that configure gives.
func (h *Host) strip() error {
	h.mu.Lock()
	h.down = nil
	h.mu.Unlock()
	return errors.Join(h.stripRules(), h.stripRoutes(), h.stripAddresses(), h.stripNeighbours())
}

// removeAll takes away all that a dump has returned. What is gone by then is
// fine.
func (h *Host) removeAll(typ uint16, what string, bodies [][]byte) error {
	var b batch
	for _, body := range bodies {
		b.request(typ, 0, "remove "+what)
		b.u8(body...)
	}
	return h.route.do(&b, gone...)
}

// stripRules removes all rules but the three that every namespace has.
func (h *Host) stripRules() error {
	var extra [][]byte
	err := h.each(unix.RTM_GETRULE, "rules", func(body []byte) {
		pref := uint32(0)
		attributes(body[unix.SizeofRtMsg:], func(typ uint16, value []byte) {
			if typ == unix.FRA_PRIORITY {
				pref = native.Uint32(value)
			}
		})
		if pref != 0 && pref < 32766 {
			extra = append(extra, append([]byte(nil), body...))
		}
	})
	if err != nil {
		return err
	}
	return h.removeAll(unix.RTM_DELRULE, "rule", extra)
}

// stripRoutes removes the routes that are no kernel's: some have no device
// with which they would go.
func (h *Host) stripRoutes() error {
	var extra [][]byte
	err := h.eachRoute(func(body []byte) {
		if body[5] != unix.RTPROT_KERNEL && native.Uint32(body[8:])&unix.RTM_F_CLONED == 0 {
			extra = append(extra, append([]byte(nil), body...))
		}
	})
	if err != nil {
		return err
	}
	return h.removeAll(unix.RTM_DELROUTE, "route", extra)
}

// eachRoute calls f with every route of every table, and with what was learned
// about it.
func (h *Host) eachRoute(f func(body []byte)) error { return h.each(unix.RTM_GETROUTE, "routes", f) }

// each calls f with everything of a kind, rules or routes. One family at a time:
// for both at once the kernel takes its one lock of all devices (rtnl_dump_all,
// net/core/rtnetlink.c).
func (h *Host) each(typ uint16, what string, f func(body []byte)) error {
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		var b batch
		b.request(typ, unix.NLM_F_DUMP, "")
		b.u8(family, 0, 0, 0, 0, 0, 0, 0)
		b.u32(0)
		err := h.route.query(&b, true, func(body []byte) {
			if len(body) >= unix.SizeofRtMsg {
				f(body)
			}
		})
		if err != nil {
			return fmt.Errorf("list %s: %w", what, err)
		}
	}
	return nil
}

// stripAddresses removes the addresses, and with them the kernel's own routes.
func (h *Host) stripAddresses() error {
	var own [][]byte
	var b batch
	b.request(unix.RTM_GETADDR, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	b.u32(0)
	err := h.route.query(&b, true, func(body []byte) {
		if _, _, _, ok := parseAddress(body); ok {
			own = append(own, append([]byte(nil), body...))
		}
	})
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	return h.removeAll(unix.RTM_DELADDR, "address", own)
}

// stripNeighbours removes what the host knows of others, however it learned
// it. Multicast addresses need no learning: what is there of them is the same
// in every lab.
func (h *Host) stripNeighbours() error {
	var known []neighbour
	var b batch
	b.request(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	b.u32(0)
	b.u16(0)
	b.u8(0, 0)
	err := h.route.query(&b, true, func(body []byte) {
		if n, state, ok := parseNeighbour(body); ok && state&unix.NUD_NOARP == 0 {
			known = append(known, n)
		}
	})
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	return h.forget(known)
}

// forget makes the host forget neighbours. Those that it has forgotten by
// itself are fine.
func (h *Host) forget(known []neighbour) error {
	var b batch
	for _, n := range known {
		removeNeighbour(&b, n.device, n.addr)
	}
	return h.route.do(&b, unix.ENOENT)
}
