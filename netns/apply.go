package netns

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Apply lets a fault befall the lab, as a step of the scenario says. known is
// false for a step that is none, and for Restart: only who started an element
// can start it again. Elements are known by the owners of their sockets.
func (l *Lab) Apply(s *scenario.Scenario, step scenario.Step) (known bool, err error) {
	if name, fault := hostFault(s, step); fault != nil {
		h := l.Host(name)
		if h == nil {
			return true, fmt.Errorf("netns: no host is called %q", name)
		}
		return true, fault(h)
	}
	switch st := step.(type) {
	case scenario.Disconnect:
		return true, l.disconnect(st.Element, st.Peer)
	case scenario.Silence:
		return true, l.between(st.Element, st.Peer, "silence", nftDropIt)
	case scenario.ResetFlow:
		return true, l.between(st.Element, st.Peer, "reset", nftReject)
	}
	return false, nil
}

// hostFault finds out what a step does to which host, nil if nothing.
func hostFault(s *scenario.Scenario, step scenario.Step) (host string, fault func(h *Host) error) {
	switch st := step.(type) {
	case scenario.SetLink:
		return st.Host, func(h *Host) error { return h.SetLink(st.Net, st.Up) }
	case scenario.Assign:
		return st.Host, func(h *Host) error { return h.Assign(st.Place.Net, s.PlaceAddr(st.Host, st.Place)) }
	case scenario.Unassign:
		return st.Host, func(h *Host) error { return h.Unassign(s.PlaceAddr(st.Host, st.Place)) }
	case scenario.Renumber:
		return st.Host, func(h *Host) error {
			return h.Renumber(st.New.Net, s.PlaceAddr(st.Host, st.Old), s.PlaceAddr(st.Host, st.New))
		}
	case scenario.Withdraw:
		return st.Host, func(h *Host) error { return h.Withdraw(st.To, st.From) }
	case scenario.SetForwarding:
		return st.Host, func(h *Host) error { return h.SetForwarding(st.On) }
	case scenario.Freeze:
		return st.Host, (*Host).Freeze
	case scenario.Thaw:
		return st.Host, (*Host).Thaw
	case scenario.Kill:
		return st.Host, (*Host).Kill
	case scenario.FillBacklog:
		e := s.Element(st.Element)
		if e == nil {
			return "", func(*Host) error { return fmt.Errorf("netns: no element is called %q", st.Element) }
		}
		return e.Host, func(h *Host) error {
			l, _ := e.Stream()
			return h.FillBacklog(netip.AddrPortFrom(s.ElementAddr(st.Element), l.Port))
		}
	}
	return "", nil
}

// disconnect destroys the connections between two elements at the first one's
// end.
func (l *Lab) disconnect(element, peer string) error {
	snap, err := l.Snapshot()
	if err != nil {
		return err
	}
	for i := range snap.Hosts {
		for _, s := range snap.Hosts[i].Sockets {
			if s.Owner == element && s.Carrier == sip.CarrierTCP && farEnd(&snap, s) == peer {
				if err := l.hosts[i].Destroy(s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// farEnd is the owner of the socket at a connection's other end.
func farEnd(snap *linux.Snapshot, s linux.Socket) string {
	for i := range snap.Hosts {
		for _, o := range snap.Hosts[i].Sockets {
			if o.Carrier == s.Carrier && s.Remote.IsValid() && linux.UnmapPort(o.Local) == linux.UnmapPort(s.Remote) && linux.UnmapPort(o.Remote) == linux.UnmapPort(s.Local) {
				return o.Owner
			}
		}
	}
	return ""
}

// between cuts what two elements have between them now: their connections, and
// every pair of their datagram ports.
func (l *Lab) between(element, peer, what string, verdict func(*batch, sip.Carrier)) error {
	snap, err := l.Snapshot()
	if err != nil {
		return err
	}
	var flows []Flow
	var here, there []netip.AddrPort
	var home *Host
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for _, s := range h.Sockets {
			if s.Owner == element {
				home = l.hosts[i]
			}
			switch {
			case s.Carrier == sip.CarrierTCP && s.Owner == element && farEnd(&snap, s) == peer:
				flows = append(flows, Flow{Carrier: sip.CarrierTCP, Local: linux.UnmapPort(s.Local), Remote: linux.UnmapPort(s.Remote)})
			case s.Carrier == sip.CarrierUDP && s.Owner == element:
				here = append(here, ends(h, s)...)
			case s.Carrier == sip.CarrierUDP && s.Owner == peer:
				there = append(there, ends(h, s)...)
			}
		}
	}
	for _, a := range here {
		for _, b := range there {
			if a.Addr().Is4() == b.Addr().Is4() {
				flows = append(flows, Flow{Carrier: sip.CarrierUDP, Local: a, Remote: b})
			}
		}
	}
	return l.cut(what, home, flows, verdict)
}

// ends lists where a datagram socket can be found: on each address of its host
// if it is bound to none.
func ends(h *linux.HostSockets, s linux.Socket) (all []netip.AddrPort) {
	local := s.Local.Addr().Unmap()
	if !local.IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(local, s.Local.Port())}
	}
	for _, a := range h.Addrs {
		if a.Is4() == local.Is4() || a.Is4() && s.V6 && !s.V6Only {
			all = append(all, netip.AddrPortFrom(a, s.Local.Port()))
		}
	}
	return all
}
