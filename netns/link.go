package netns

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// Kernel constants that golang.org/x/sys/unix does not have.
const (
	loopbackDevice = 1 // of every network namespace
	macvlanMode    = 1 // IFLA_MACVLAN_MODE, linux/if_link.h
	macvlanBridge  = 4 // MACVLAN_MODE_BRIDGE
	addrGenMode    = 8 // IFLA_INET6_ADDR_GEN_MODE
	addrGenNone    = 1 // IN6_ADDR_GEN_MODE_NONE
	skipStatistics = 8 // RTEXT_FILTER_SKIP_STATS, linux/rtnetlink.h

	ndtaName         = 1 // NDTA_NAME and so on, linux/neighbour.h
	ndtaParms        = 6
	ndtpaIfindex     = 1
	ndtpaRetransTime = 5 // in milliseconds
	ndtpaUcastProbes = 10
	ndtpaMcastProbes = 11
)

// newLink asks for a new device. more adds to the request.
func newLink(b *batch, device uint32, name, kind string, more func()) {
	b.request(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, fmt.Sprintf("add %s device %s", kind, name))
	linkHeader(b, device, 0, 0)
	b.attrName(unix.IFLA_IFNAME, name)
	b.nest(unix.IFLA_LINKINFO, func() {
		b.attr(unix.IFLA_INFO_KIND, []byte(kind))
		if kind == attachment {
			b.nest(unix.IFLA_INFO_DATA, func() { b.attrU32(macvlanMode, macvlanBridge) })
		}
	})
	if more != nil {
		more()
	}
}

// setUp brings a device up, without a link-local address: the model knows the
// addresses that the scenario gives and no others, and an address that the
// kernel makes up goes through a second of duplicate detection.
func setUp(b *batch, device uint32) {
	if device != loopbackDevice {
		b.request(unix.RTM_NEWLINK, 0, fmt.Sprintf("set address generation of device %d", device))
		linkHeader(b, device, 0, 0)
		b.nest(unix.IFLA_AF_SPEC, func() {
			b.nest(unix.AF_INET6, func() { b.attr(addrGenMode, []byte{addrGenNone}) })
		})
	}
	b.request(unix.RTM_NEWLINK, 0, fmt.Sprintf("set device %d up", device))
	linkHeader(b, device, unix.IFF_UP, unix.IFF_UP)
}

// linkHeader appends a struct ifinfomsg: flags, of those in mask.
func linkHeader(b *batch, device uint32, flags, mask uint32) {
	b.u8(unix.AF_UNSPEC, 0)
	b.u16(0)
	b.u32(device)
	b.u32(flags)
	b.u32(mask)
}

// addAddress gives a device an address, without duplicate detection unless
// that is what kills it.
func addAddress(b *batch, device uint32, a address) {
	b.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, fmt.Sprintf("add address %s", a))
	addressHeader(b, device, a.Addr, choose[byte](a.fate.Dead(), 0, unix.IFA_F_NODAD))
	if a.fate == scenario.Deprecated {
		const forever = 1<<32 - 1
		info := native.AppendUint32(nil, 0) // preferred no more
		b.attr(unix.IFA_CACHEINFO, append(native.AppendUint32(info, forever), make([]byte, 8)...))
	}
}

func removeAddress(b *batch, device uint32, a netip.Addr) {
	b.request(unix.RTM_DELADDR, 0, fmt.Sprintf("remove address %s", a))
	addressHeader(b, device, a, 0)
}

// addressHeader appends a struct ifaddrmsg and the address.
func addressHeader(b *batch, device uint32, a netip.Addr, flags byte) {
	b.u8(family(a), byte(prefixBits(a)), flags, unix.RT_SCOPE_UNIVERSE)
	b.u32(device)
	b.attrAddr(unix.IFA_LOCAL, a)
	b.attrAddr(unix.IFA_ADDRESS, a)
}

// failFast makes a host give an address up that nobody has after one question
// and 10 ms, where Linux asks three times in three seconds: who dials it
// learns at once that there is no such host.
func failFast(b *batch, at *port) {
	for _, table := range []struct {
		name   string
		family byte
		is6    bool
	}{{"arp_cache", unix.AF_INET, false}, {"ndisc_cache", unix.AF_INET6, true}} {
		if !at.has(table.is6) {
			continue
		}
		b.request(unix.RTM_SETNEIGHTBL, 0, fmt.Sprintf("set times of %s of device %d", table.name, at.device))
		b.u8(table.family, 0, 0, 0)
		b.attrName(ndtaName, table.name)
		b.nest(ndtaParms, func() {
			b.attrU32(ndtpaIfindex, at.device)
			b.attrU32(ndtpaUcastProbes, 0)
			b.attrU32(ndtpaMcastProbes, 1)
			b.attr(ndtpaRetransTime, native.AppendUint64(nil, 10))
		})
	}
}

// localBound is how long an address may take until it is in force.
const localBound = 5 * time.Second

// awaitLocal waits until the kernel takes packets for an address. For IPv6 it
// installs the route behind the request's back even without duplicate
// detection; 3 to 12 of 100 connections would find nothing there and try again
// after a second.
func (h *Host) awaitLocal(a netip.Addr, device uint32) error {
	for end := time.Now().Add(localBound); ; {
		typ, err := h.routeType(a, device)
		if err == nil && typ == unix.RTN_LOCAL {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("address %s is not in force %v after it was added (route type %d, %v)", a, localBound, typ, err)
		}
	}
}

// routeType asks how the host would route a packet to an address: a link-local
// one by a device.
func (h *Host) routeType(a netip.Addr, device uint32) (typ byte, err error) {
	var b batch
	b.request(unix.RTM_GETROUTE, 0, "")
	b.u8(family(a), byte(a.BitLen()), 0, 0, 0, 0, 0, 0)
	b.u32(0)
	b.attrAddr(unix.RTA_DST, a)
	if a.IsLinkLocalUnicast() {
		b.attrU32(unix.RTA_OIF, device)
	}
	err = h.route.query(&b, false, func(body []byte) {
		if len(body) >= unix.SizeofRtMsg {
			typ = body[7]
		}
	})
	return typ, err
}

// prefixBits is the prefix length of a lab's networks.
func prefixBits(a netip.Addr) int {
	if a.Is4() {
		return 24
	}
	return 64
}

func family(a netip.Addr) byte {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func choose[T any](first bool, yes, no T) T {
	if first {
		return yes
	}
	return no
}
