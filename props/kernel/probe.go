package kernel

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// maxProbes bounds the probes after a scenario.
const maxProbes = 6

// probe asks, after the last step, who takes a packet from each host to each
// port in use. A probe is a step like any other: a fresh socket dials, or
// sends a datagram, and the model has to know which socket's queue grows.
// Probes come last since they change what they ask about.
func (p *player) probe() {
	for i, at := range p.targets() {
		if i == maxProbes {
			return
		}
		family := scenario.IPv4
		if at.to.Addr().Is6() {
			family = scenario.IPv6
		}
		name := fmt.Sprintf("probe%d", i+1)
		ask := scenario.Step(scenario.DialSocket{Socket: name, To: scenario.Endpoint{Addr: at.to.Addr(), Port: at.to.Port()}})
		if at.transport == sip.CarrierUDP {
			ask = scenario.SendTo{Socket: name, To: scenario.Endpoint{Addr: at.to.Addr(), Port: at.to.Port()}}
		}
		steps := []scenario.Step{scenario.OpenSocket{Name: name, Host: at.from, Carrier: at.transport, Family: family}, ask}
		before := p.done.At
		p.done.Probed = append(p.done.Probed, steps...)
		p.play(steps)
		p.done.At = before
		p.done.Probes += len(steps)
		if !p.done.goOn() {
			return
		}
	}
}

type target struct {
	from      string
	transport sip.Carrier
	to        netip.AddrPort
}

// targets lists what to probe: every port that a socket has, on an address of
// its own or, if it has none in particular, on its host's addresses; from
// every host.
func (p *player) targets() (out []target) {
	snap := p.models[0].Snapshot()
	seen := map[target]bool{}
	for i := range snap.Hosts {
		for _, s := range snap.Hosts[i].Sockets {
			for _, a := range addresses(&snap.Hosts[i], &s) {
				for k := range snap.Hosts {
					t := target{snap.Hosts[k].Host, s.Carrier, netip.AddrPortFrom(a, s.Local.Port())}
					if !seen[t] && (k == i || !a.IsLoopback()) {
						seen[t] = true
						out = append(out, t)
					}
				}
			}
		}
	}
	// Not only the first sockets: take evenly from the whole list.
	if n := len(out); n > maxProbes {
		var some []target
		for i := range maxProbes {
			some = append(some, out[i*n/maxProbes])
		}
		return some
	}
	return out
}

func addresses(h *linux.HostSockets, s *linux.Socket) []netip.Addr {
	a := s.Local.Addr().Unmap()
	if a.IsUnspecified() {
		return h.Addrs
	}
	return []netip.Addr{a}
}

func unixGetsockname(fd int) (netip.AddrPort, error) {
	at, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return addrPort(at), nil
}
