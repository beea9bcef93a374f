package netns

import (
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Which addresses hosts have, and how that changes.

// start makes the host's addresses those of the plan.
func (h *Host) start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addrs, h.devices = nil, nil
	for _, at := range h.plan().ports {
		for _, a := range at.addrs {
			if !a.fate.Dead() {
				h.addrs, h.devices = append(h.addrs, a.Addr), append(h.devices, at.device)
			}
		}
	}
}

// on lists the host's addresses on a device, all if it is 0.
func (h *Host) on(device uint32) (all []netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, a := range h.addrs {
		if device == 0 || h.devices[i] == device {
			all = append(all, a)
		}
	}
	return all
}

// refresh reads the host's addresses from the kernel. Those that it had stay
// in their order; it returns those that are gone.
func (h *Host) refresh() (gone []netip.Addr, err error) {
	var addrs []netip.Addr
	var devices []uint32
	var b batch
	b.request(unix.RTM_GETADDR, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	b.u32(0)
	err = h.route.query(&b, true, func(body []byte) {
		a, device, flags, ok := parseAddress(body)
		if ok && flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 {
			addrs, devices = append(addrs, a), append(devices, device)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.addrs
	h.addrs, h.devices = nil, nil
	for _, a := range was {
		if i := slices.Index(addrs, a); i >= 0 {
			h.addrs, h.devices = append(h.addrs, a), append(h.devices, devices[i])
		} else {
			gone = append(gone, a)
		}
	}
	for i, a := range addrs {
		if !slices.Contains(was, a) {
			h.addrs, h.devices = append(h.addrs, a), append(h.devices, devices[i])
		}
	}
	return gone, nil
}

// parseAddress reads a struct ifaddrmsg and its attributes, if it is about an
// Ethernet device.
func parseAddress(p []byte) (a netip.Addr, device, flags uint32, ok bool) {
	if len(p) < unix.SizeofIfAddrmsg {
		return a, 0, 0, false
	}
	flags, device = uint32(p[2]), native.Uint32(p[4:])
	attributes(p[unix.SizeofIfAddrmsg:], func(typ uint16, value []byte) {
		switch typ {
		case unix.IFA_ADDRESS:
			a, ok = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			flags = native.Uint32(value)
		}
	})
	return a, device, flags, ok && device >= firstDevice && device < fabricDevice
}

// portTo returns the host's port on a network.
func (h *Host) portTo(net string) (*port, error) {
	if at := h.plan().port(slices.Index(h.lab.plan.nets, net)); at != nil {
		return at, nil
	}
	return nil, fmt.Errorf("it is not on a network %q", net)
}
