package netns

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// A dead address is one whose duplicate detection has not ended, or has found
// a duplicate (RFC 4862 5.4).

// detecting makes duplicate detection last for longer than any lab: it begins
// after a random part of 8,000,000 s (addrconf_dad_kick, net/ipv6/addrconf.c),
// and then asks for ever.
var detecting = sysctls{
	{"ipv6/conf/default/router_solicitation_delay", "8000000", true},
	{"ipv6/conf/default/dad_transmits", "2147483647", true},
	{"ipv6/conf/default/accept_dad", "1", true},
}

func (h *hostPlan) hasDead() bool {
	for i := range h.ports {
		for _, a := range h.ports[i].addrs {
			if a.fate.Dead() {
				return true
			}
		}
	}
	return false
}

// claimEvery is how often an address is claimed. A claim before detection has
// begun is not heard, one a moment later is put off for days: with a little
// time between claims that moment is rarely met.
const claimEvery = time.Millisecond

// awaitDead waits until the address is what it is to be, and sees to it that
// a duplicate is found.
func (h *Host) awaitDead(at port, a address) error {
	want := uint32(unix.IFA_F_TENTATIVE)
	claim := -1
	if a.fate == scenario.Duplicate {
		want |= unix.IFA_F_DADFAILED
		fd, err := h.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			return err
		}
		claim = fd
		defer func() { go unix.Close(fd) }() // it takes some milliseconds
	}
	patience := 50 * time.Millisecond
	again := time.Now().Add(patience)
	for end := time.Now().Add(localBound); ; {
		flags, err := h.addressFlags(at.device, a.Addr)
		if err == nil && flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == want {
			return nil
		}
		time.Sleep(claimEvery)
		if err == nil && claim >= 0 {
			err = sendClaim(claim, at, a.Addr)
		}
		if err == nil && claim >= 0 && time.Now().After(again) {
			// A claim that comes in the very moment in which detection begins
			// is heeded when that random time is over: addrconf_dad_kick puts
			// off what addrconf_dad_failure has just asked for. So detection
			// begins anew.
			patience *= 2
			again = time.Now().Add(patience)
			err = h.addAgain(at.device, a)
		}
		if time.Now().After(end) {
			return fmt.Errorf("address %s is not %s %v after it was added (flags %#x, %v)", a.Addr, a.fate, localBound, flags, err)
		}
	}
}

// addAgain takes an address away and gives it back.
func (h *Host) addAgain(device uint32, a address) error {
	var b batch
	removeAddress(&b, device, a.Addr)
	addAddress(&b, device, a)
	return h.route.do(&b)
}

// addressFlags asks for the state of one IPv6 address.
func (h *Host) addressFlags(device uint32, a netip.Addr) (flags uint32, err error) {
	var b batch
	b.request(unix.RTM_GETADDR, 0, "")
	b.u8(unix.AF_INET6, 0, 0, 0)
	b.u32(device)
	b.attrAddr(unix.IFA_ADDRESS, a)
	err = h.route.query(&b, false, func(body []byte) {
		if len(body) < unix.SizeofIfAddrmsg {
			return
		}
		flags = uint32(body[2])
		attributes(body[unix.SizeofIfAddrmsg:], func(typ uint16, value []byte) {
			if typ == unix.IFA_FLAGS && len(value) == 4 {
				flags = native.Uint32(value)
			}
		})
	})
	return flags, err
}

// sendClaim sends the host a neighbour advertisement by which somebody else
// claims its address. It leaves by the host's own device with the address of
// that device: a macvlan in bridge mode brings it straight back.
func sendClaim(fd int, at port, a netip.Addr) error {
	somebody := netip.MustParseAddr("fe80::ffff:ffff")
	frame := append(append([]byte(nil), at.mac...), 2, 0x77, 0xff, 0xff, 0xff, 0xff, 0x86, 0xdd)
	const bodySize = 24
	packet := []byte{0x60, 0, 0, 0, 0, bodySize, unix.IPPROTO_ICMPV6, 255}
	all := netip.MustParseAddr("ff02::1")
	packet = append(append(packet, somebody.AsSlice()...), all.AsSlice()...)
	const neighbourAdvert = 136
	body := append([]byte{neighbourAdvert, 0, 0, 0, 0x20, 0, 0, 0}, a.AsSlice()...)
	binary.BigEndian.PutUint16(body[2:], checksum6(somebody, all, unix.IPPROTO_ICMPV6, body))
	to := &unix.SockaddrLinklayer{Protocol: unix.ETH_P_IPV6<<8&0xff00 | unix.ETH_P_IPV6>>8, Ifindex: int(at.device), Halen: 6}
	copy(to.Addr[:], at.mac)
	if err := unix.Sendto(fd, append(append(frame, packet...), body...), 0, to); err != nil {
		return fmt.Errorf("claim address %s: %w", a, err)
	}
	return nil
}

// checksum6 is the Internet checksum with the pseudo-header of IPv6
// (RFC 8200 8.1).
func checksum6(from, to netip.Addr, proto byte, body []byte) uint16 {
	all := append(append(from.AsSlice(), to.AsSlice()...), 0, 0, byte(len(body)>>8), byte(len(body)), 0, 0, 0, proto)
	all = append(all, body...)
	var sum uint32
	for i := 0; i+1 < len(all); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(all[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
