package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// What the kernel tells of changes to a namespace's devices, addresses, routes,
// rules, neighbours and settings. A host of which nothing was heard is as it
// was built: that costs one system call to know, where a look at all of it
// costs 0.3 ms, most of it for the neighbours, of which the whole machine has
// one table.
var newsGroups = []int{unix.RTNLGRP_LINK, unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF, unix.RTNLGRP_NEXTHOP}

// newNews begins to listen in the namespace that the thread stands in. All
// groups are below 32, so that one call joins them.
func newNews() (*conn, error) {
	c, err := newConn(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	groups := uint32(0)
	for _, g := range newsGroups {
		groups |= 1 << (g - 1)
	}
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		unix.Close(c.fd)
		return nil, fmt.Errorf("listen to changes of a namespace: %w", err)
	}
	return c, nil
}

// news reads what has been told since it was called last. lost is set if some
// of it was dropped because there was too much.
func (c *conn) news(f func(h unix.NlMsghdr, body []byte)) (lost bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buf == nil {
		c.buf = make([]byte, dumpBuffer)
	}
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return lost, nil
		case errors.Is(err, unix.ENOBUFS):
			lost = true
		case err != nil:
			return lost, fmt.Errorf("read news of a namespace: %w", err)
		default:
			if err := messages(c.buf[:n], f); err != nil {
				return lost, err
			}
		}
	}
}

// heard is what became of a host's configuration.
type heard struct {
	changed  bool // it is not what it was
	strange  bool // it has devices that no plan has: nobody knows what else
	learned  []neighbour
	messages int
}

type neighbour struct {
	device uint32
	addr   netip.Addr
}

// listen takes in the news of a host.
func (h *Host) listen() (heard, error) {
	var got heard
	lost, err := h.newsConn.news(func(m unix.NlMsghdr, body []byte) {
		got.messages++
		h.hear(m.Type, body, &got)
	})
	got.changed = got.changed || lost
	if err != nil {
		return got, fmt.Errorf("host %s: %w", h.name, err)
	}
	return got, nil
}

func (h *Host) hear(typ uint16, body []byte, got *heard) {
	switch typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		h.hearLink(typ, body, got)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		h.hearNeighbour(typ, body, got)
	case unix.RTM_NEWADDR:
		// The kernel tells of an IPv6 address when it is in force, behind
		// the back of who made it.
		a, device, _, ok := parseAddress(body)
		if !ok || !slices.Contains(h.on(device), a) {
			got.changed = true
		}
	case unix.RTM_NEWROUTE:
		if !h.expects(body) {
			got.changed = true
		}
	default:
		got.changed = true
	}
}

// hearLink takes in that a device is up, which the kernel's link watch tells
// late. A device that no plan has is not for us to judge.
func (h *Host) hearLink(typ uint16, body []byte, got *heard) {
	if len(body) < unix.SizeofIfInfomsg {
		got.changed = true
		return
	}
	device, flags := native.Uint32(body[4:]), native.Uint32(body[8:])
	planned := device == loopbackDevice || device >= fabricDevice && device < fabricDevice+uint32(len(h.lab.plan.nets)) ||
		device >= firstDevice && device < firstDevice+uint32(len(h.plan().ports))
	got.strange = got.strange || !planned
	got.changed = got.changed || typ == unix.RTM_DELLINK || flags&unix.IFF_UP == 0
}

// hearNeighbour takes in what became of a neighbour: one that the host has
// asked for, and of which it has now learned, or that there is none, is to be
// forgotten.
func (h *Host) hearNeighbour(typ uint16, body []byte, got *heard) {
	n, _, ok := parseNeighbour(body)
	switch {
	case !ok || h.knows(n):
		got.changed = true
	case typ == unix.RTM_NEWNEIGH:
		got.learned = append(got.learned, n)
	}
}

// parseNeighbour reads a struct ndmsg and its attributes.
func parseNeighbour(p []byte) (n neighbour, state uint16, ok bool) {
	const header = 12
	if len(p) < header {
		return n, 0, false
	}
	n.device = native.Uint32(p[4:])
	attributes(p[header:], func(typ uint16, value []byte) {
		if typ == unix.NDA_DST {
			n.addr, ok = netip.AddrFromSlice(value)
		}
	})
	return n, native.Uint16(p[8:]), ok
}

// knows reports whether the host was told of a neighbour when it was built.
func (h *Host) knows(n neighbour) bool {
	for i := range h.plan().ports {
		at := &h.plan().ports[i]
		if at.device != n.device {
			continue
		}
		for k := range h.lab.plan.at[at.net] {
			other := &h.lab.plan.at[at.net][k]
			if other.host != h.index && slices.Contains(h.findsAt(at, other), n.addr) {
				return true
			}
		}
	}
	return false
}

// expects reports whether a new route is one that comes with the host's
// addresses, late: those of table local.
func (h *Host) expects(body []byte) bool {
	if len(body) < unix.SizeofRtMsg || body[0] != unix.AF_INET6 {
		return false
	}
	ours, local := false, body[4] == unix.RT_TABLE_LOCAL
	attributes(body[unix.SizeofRtMsg:], func(typ uint16, value []byte) {
		if typ == unix.RTA_DST {
			a, _ := netip.AddrFromSlice(value)
			ours = a.IsMulticast() || slices.Contains(h.on(0), a) || body[7] == unix.RTN_ANYCAST
		}
	})
	return ours && local
}
