package netns

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// The faults of links, addresses and routes. Each has happened when its call
// returns: the others on the network know, as after the question that a real
// one would ask.

// wrong notes a fault and says for which host one that failed was meant.
func (h *Host) wrong(what string, err error) error {
	h.lab.changed.Store(true)
	if err == nil {
		return nil
	}
	return fmt.Errorf("netns: host %s: %s: %w", h.name, what, err)
}

// SetLink takes the host's interface on a network down or up, as ip link set
// does. Down, nobody on the network finds it, it has no route over it and no
// IPv6 address; its IPv4 addresses stay, and the host answers to them elsewhere.
// Up again it has the routes that belong to these, and nothing else that was
// lost.
func (h *Host) SetLink(net string, up bool) error {
	return h.wrong(fmt.Sprintf("set link to network %s %s", net, choose(up, "up", "down")), h.setLink(net, up))
}

func (h *Host) setLink(net string, up bool) error {
	at, err := h.portTo(net)
	if err != nil {
		return err
	}
	var b batch
	b.request(unix.RTM_NEWLINK, 0, "set link")
	linkHeader(&b, at.device, choose[uint32](up, unix.IFF_UP, 0), unix.IFF_UP)
	if err := h.route.do(&b); err != nil {
		return err
	}
	lost := h.on(at.device)
	h.setDown(at.device, !up)
	gone, err := h.refresh()
	if err != nil {
		return err
	}
	if !up {
		gone = lost
	}
	if up {
		for _, a := range h.on(at.device) {
			if err := h.awaitLocal(a, at.device); err != nil {
				return err
			}
		}
		var b batch
		h.addNeighbours(&b, at)
		if err := h.route.do(&b); err != nil {
			return err
		}
	}
	return h.introduce(gone)
}

func (h *Host) setDown(device uint32, down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down == nil {
		h.down = map[uint32]bool{}
	}
	h.down[device] = down
}

func (h *Host) isDown(device uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.down[device]
}

// Assign gives the host an address on a network, of the networks' usual prefix
// length. It can be used when Assign returns, unless the link is down. One that
// it has stays as it is.
func (h *Host) Assign(net string, a netip.Addr) error {
	return h.wrong("assign "+a.String(), h.assign(net, a))
}

func (h *Host) assign(net string, a netip.Addr) error {
	at, err := h.portTo(net)
	if err != nil {
		return err
	}
	var b batch
	addAddress(&b, at.device, address{a, scenario.Usable})
	if err := h.route.do(&b); errors.Is(err, unix.EEXIST) {
		return nil
	} else if err != nil {
		return err
	}
	if h.isDown(at.device) {
		return nil
	}
	if err := h.awaitLocal(a, at.device); err != nil {
		return err
	}
	gone, err := h.refresh()
	if err != nil {
		return err
	}
	// With the last IPv4 address of a device the kernel forgets everybody
	// there (fib_disable_ip, net/ipv4/fib_frontend.c).
	b = batch{}
	h.addNeighbours(&b, at)
	if err := h.route.do(&b); err != nil {
		return err
	}
	return h.introduce(gone)
}

// Unassign takes an address from the host, and with it what the kernel takes:
// with the first IPv4 address of an interface the others and the routes over
// it. Sockets stay as they are. Nobody on the network finds the address
// afterwards. One that it has not is fine.
func (h *Host) Unassign(a netip.Addr) error {
	return h.wrong("unassign "+a.String(), h.unassign(a))
}

func (h *Host) unassign(a netip.Addr) error {
	if err := h.remove(a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
		return err
	}
	gone, err := h.refresh()
	if err != nil {
		return err
	}
	return h.introduce(gone)
}

// remove takes one address away, wherever it is.
func (h *Host) remove(a netip.Addr) error {
	device := uint32(0)
	var b batch
	b.request(unix.RTM_GETADDR, unix.NLM_F_DUMP, "")
	b.u8(family(a), 0, 0, 0)
	b.u32(0)
	err := h.route.query(&b, true, func(body []byte) {
		if own, at, _, ok := parseAddress(body); ok && own == a.WithZone("") {
			device = at
		}
	})
	if err != nil {
		return fmt.Errorf("list addresses: %w", err)
	}
	if device == 0 {
		return unix.EADDRNOTAVAIL
	}
	b = batch{}
	removeAddress(&b, device, a)
	return h.route.do(&b)
}

// Renumber takes an address from the host and then gives it another one on the
// same network.
func (h *Host) Renumber(net string, old, to netip.Addr) error {
	err := h.unassign(old)
	if err == nil {
		err = h.assign(net, to)
	}
	return h.wrong(fmt.Sprintf("renumber %s to %s", old, to), err)
}

// RemoveAddr takes one of its addresses from the host, and with it what the
// kernel takes. Unlike after Unassign the others on the network still send
// there: they have not noticed.
func (h *Host) RemoveAddr(a netip.Addr) error {
	err := h.remove(a)
	if err == nil {
		_, err = h.refresh()
	}
	return h.wrong("remove address "+a.String(), err)
}

// Withdraw takes away the host's routes to a destination, a network or
// scenario.ToAll: those that the scenario's route lines with this From made. One
// that is gone already is fine; it is an error if there never was one.
func (h *Host) Withdraw(to, from string) error {
	return h.wrong("withdraw route to "+to, h.withdraw(to, from))
}

func (h *Host) withdraw(to, from string) error {
	found := false
	for i := range h.plan().routes {
		r := &h.plan().routes[i]
		if r.to != to || r.from != from {
			continue
		}
		found = true
		var b batch
		r.change(&b, unix.RTM_DELROUTE, 0, "remove")
		if err := h.route.do(&b); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	if !found {
		return errors.New("the scenario has no such route")
	}
	return nil
}

// SetForwarding makes the host forward what is not for itself, or stop it. A
// pool does not use the lab again: each time the kernel keeps one more reference
// to the group of all routers (dev_forward_change, net/ipv6/addrconf.c).
func (h *Host) SetForwarding(on bool) error {
	h.touched.Store(true)
	return h.wrong("set forwarding", h.inside(func() error { return forwarding(on).write() }))
}
