package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// What an administrator does to hosts and to other people's sockets.

// sockDestroy is SOCK_DESTROY (linux/sock_diag.h).
const sockDestroy = 21

// Raw is Snapshot without owners, for who knows them better. It is what the
// kernel tells, byte for byte.
func (l *Lab) Raw() (model.Snapshot, error) {
	var snap model.Snapshot
	for _, h := range l.hosts {
		sockets, err := h.diag.sockets(nil)
		if err != nil {
			return model.Snapshot{}, fmt.Errorf("netns: host %s: %w", h.name, err)
		}
		snap.Hosts = append(snap.Hosts, model.HostSockets{Host: h.name, Addrs: h.addrs, Sockets: sockets})
	}
	return snap, nil
}

// Bounds returns the TCP sockets of a host that only hold a port. It costs a
// walk over a table of the whole machine, 0.6 ms.
func (h *Host) Bounds() ([]model.Socket, error) {
	var b batch
	b.request(tcpDiagGetSock, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	diagID(&b, netip.AddrPort{}, netip.AddrPort{}, 0, 0)
	b.u32(1 << model.StateBoundInactive)
	b.u32(0)
	var all []model.Socket
	var bad error
	err := h.diag.query(&b, true, func(body []byte) {
		s, err := parseSocket(model.TCP, body)
		bad = errors.Join(bad, err)
		all = append(all, s)
	})
	if err = errors.Join(err, bad); err != nil {
		return nil, fmt.Errorf("netns: host %s: list bound sockets: %w", h.name, err)
	}
	return all, nil
}

// Destroy ends a socket of the host from outside, as ss -K does. The socket is
// one of a Snapshot of the host.
func (h *Host) Destroy(s model.Socket) error {
	proto, family := byte(unix.IPPROTO_TCP), byte(unix.AF_INET)
	if s.Transport == model.UDP {
		proto = unix.IPPROTO_UDP
	}
	if s.V6 {
		family = unix.AF_INET6
	}
	var b batch
	b.request(sockDestroy, unix.NLM_F_ACK, "")
	b.u8(family, proto, 0, 0)
	b.u32(allStates)
	diagID(&b, s.Local, s.Remote, s.Device, s.Cookie)
	if err := h.diag.query(&b, false, func([]byte) {}); err != nil {
		return fmt.Errorf("netns: host %s: destroy %s socket %s: %w", h.name, s.Transport, s.Local, err)
	}
	return nil
}

// RemoveAddr takes one of its addresses from the host, and with it the route
// to its network and the neighbours there. A lab cannot undo it.
func (h *Host) RemoveAddr(a netip.Addr) error {
	for i, own := range h.addrs {
		if own != a {
			continue
		}
		var b batch
		b.request(unix.RTM_DELADDR, 0, fmt.Sprintf("remove address %s", a))
		b.u8(family(a), byte(prefixBits(a)), 0, unix.RT_SCOPE_UNIVERSE)
		b.u32(uint32(firstDevice + i))
		b.attrAddr(unix.IFA_LOCAL, a)
		b.attrAddr(unix.IFA_ADDRESS, a)
		if err := h.route.do(&b); err != nil {
			return fmt.Errorf("netns: host %s: %w", h.name, err)
		}
		return nil
	}
	return fmt.Errorf("netns: host %s: remove address %s: %w", h.name, a, unix.EADDRNOTAVAIL)
}

// Nobody makes an address of a network one that nobody has and nobody asks
// for: what is sent there is lost, now and for as long as the lab lives.
// Without it the kernel would look for its owner, and would tell the senders
// some seconds later that it found none.
func (l *Lab) Nobody(s *model.Scenario, net string, a netip.Addr) error {
	for i, h := range l.hosts {
		for j, at := range s.Hosts[i].Nets {
			if at != net {
				continue
			}
			var b batch
			b.request(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, fmt.Sprintf("add neighbour %s", a))
			b.u8(family(a), 0, 0, 0)
			b.u32(uint32(firstDevice + j))
			b.u16(unix.NUD_PERMANENT)
			b.u8(0, 0)
			b.attrAddr(unix.NDA_DST, a)
			b.attr(unix.NDA_LLADDR, []byte{2, 0x77, 0, 0, 0xff, 0xff})
			if err := h.route.do(&b); err != nil {
				return fmt.Errorf("netns: host %s: %w", h.name, err)
			}
		}
	}
	return nil
}

// AnswerAll makes every host of the lab answer every datagram that nobody
// takes with ICMP port unreachable. By default the kernel answers one a second
// to each destination, and a refusal would depend on how many there were
// before.
func (l *Lab) AnswerAll() error {
	for _, h := range l.hosts {
		err := h.Do(func() error {
			return errors.Join(
				os.WriteFile("/proc/sys/net/ipv4/icmp_ratemask", []byte("0"), 0),
				os.WriteFile("/proc/sys/net/ipv6/icmp/ratelimit", []byte("0"), 0))
		})
		if err != nil {
			return fmt.Errorf("netns: host %s: lift the limit of ICMP answers: %w", h.name, err)
		}
	}
	return nil
}
