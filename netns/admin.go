package netns

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// What an administrator does to hosts and to other people's sockets.

// sockDestroy is SOCK_DESTROY (linux/sock_diag.h).
const sockDestroy = 21

// Raw is Snapshot without owners, for who knows them better. It is what the
// kernel tells, byte for byte.
func (l *Lab) Raw() (linux.Snapshot, error) {
	var snap linux.Snapshot
	for _, h := range l.hosts {
		sockets, err := h.diag.sockets(nil)
		if err != nil {
			return linux.Snapshot{}, fmt.Errorf("netns: host %s: %w", h.name, err)
		}
		snap.Hosts = append(snap.Hosts, h.state(sockets))
	}
	return snap, nil
}

// Bounds returns the TCP sockets of a host that only hold a port. It costs a
// walk over a table of the whole machine, 0.6 ms.
func (h *Host) Bounds() ([]linux.Socket, error) {
	var b batch
	b.request(tcpDiagGetSock, unix.NLM_F_DUMP, "")
	b.u8(unix.AF_UNSPEC, 0, 0, 0)
	diagID(&b, netip.AddrPort{}, netip.AddrPort{}, 0, 0)
	b.u32(1 << linux.StateBoundInactive)
	b.u32(0)
	var all []linux.Socket
	var bad error
	err := h.diag.query(&b, true, func(body []byte) {
		s, err := parseSocket(sip.CarrierTCP, body)
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
func (h *Host) Destroy(s linux.Socket) error {
	var b batch
	destroy(&b, s)
	if err := h.diag.do(&b); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			err = fmt.Errorf("%w (the kernel needs CONFIG_INET_DIAG_DESTROY)", err)
		}
		return fmt.Errorf("netns: host %s: destroy %s socket %s: %w", h.name, s.Carrier, s.Local, err)
	}
	return nil
}

// destroy asks for a socket's end (struct inet_diag_req_v2).
func destroy(b *batch, s linux.Socket) {
	proto, family := byte(unix.IPPROTO_TCP), byte(unix.AF_INET)
	if s.Carrier == sip.CarrierUDP {
		proto = unix.IPPROTO_UDP
	}
	if s.V6 {
		family = unix.AF_INET6
	}
	b.request(sockDestroy, 0, "destroy")
	b.u8(family, proto, 0, 0)
	b.u32(allStates)
	diagID(b, s.Local, s.Remote, s.Device, s.Cookie)
}

// Nobody makes an address of a network one that nobody has and nobody asks
// for: what is sent there is lost, now and for as long as the lab lives.
// Without it the kernel would look for its owner, and would tell the senders
// some seconds later that it found none.
func (l *Lab) Nobody(s *scenario.Scenario, net string, a netip.Addr) error {
	for n, at := range l.plan.at {
		if l.plan.nets[n] != net {
			continue
		}
		for _, p := range at {
			var b batch
			addNeighbour(&b, p.device, a, []byte{2, 0x77, 0xff, 0xff, 0xff, 0xff})
			if err := l.hosts[p.host].route.do(&b); err != nil {
				return fmt.Errorf("netns: host %s: %w", l.hosts[p.host].name, err)
			}
		}
	}
	return nil
}
