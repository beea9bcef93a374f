package model

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// SourceFor is the address from which a viewpoint dials a target: its own, or,
// for another family, the first that its host has of that one. It is the zero
// Addr if the host has none: then the target is out of reach.
func (v Viewpoint) SourceFor(snap *linux.Snapshot, target netip.Addr) netip.Addr {
	target = target.Unmap()
	if v.Source.Is4() == target.Is4() {
		return v.Source
	}
	if h := snap.Host(v.Host); h != nil {
		for _, a := range h.Addrs {
			if a.Is4() == target.Is4() && !a.IsLinkLocalUnicast() {
				return a
			}
		}
	}
	return netip.Addr{}
}

// noScope reports whether an address is good on one link only, and nobody knows
// on which: IPv6's link-local addresses are, unless the message that gave them
// came over such an address itself. A URI cannot carry the zone (RFC 5954 4.1).
func noScope(a *Advert, ip netip.Addr) bool {
	return ip.Is6() && ip.IsLinkLocalUnicast() && !a.Leg.Local.Addr().IsLinkLocalUnicast() && !a.Leg.Remote.Addr().IsLinkLocalUnicast()
}

// failed reports whether a connect came to nothing.
func failed(p ProbeResult) bool {
	return p == ProbeRefused || p == ProbeTimeout || p == ProbeUnreachable
}

// cannotAccept says why a listener that is there does not accept, "" if it does
// or that is not proved. It takes two who tried: the probe, unless it was
// spared, and the user's own connect, at this use or at another one of the same
// address. And the listener has to be there afterwards: one that went away in between was
// not refusing.
func (o *Observation) cannotAccept(i int, r linux.Reached) string {
	u := &o.Uses[i]
	if !r.Takes() || r.Socket.Carrier != sip.CarrierTCP || r.Socket.Owner != o.Adverts[u.Advert].Giver {
		return ""
	}
	met := o.metLater(i)
	if met == ProbeNone && (u.Request == "" || !u.MustDial) && !o.Own[r.Socket.Owner] {
		met = u.Probe.Result // nobody dials it, and nobody is hurt: the probe will do
	}
	if !failed(met) || u.Spared == "" && !failed(u.Probe.Result) || !o.still(u.Snapshot, r.Socket.Cookie) {
		return ""
	}
	if q := r.Socket; full(q) {
		return fmt.Sprintf("it listens, and does not accept: %d connections wait in its queue, which takes no more (listen(2) with a backlog of %d)", q.Queue, q.Backlog)
	}
	return fmt.Sprintf("it listens, and the connect of %s: %s; the routes are there, so that something on %s keeps it off (a filter?)", u.View.Element, met, r.Host)
}

// full reports whether a listener's queue takes no more (sk_acceptq_is_full).
func full(s *linux.Socket) bool { return s.State == linux.StateListen && s.Queue > s.Backlog }

// boundElsewhere reports whether a giver is there, on a socket that is bound to
// an interface (SO_BINDTODEVICE, tcp_l3mdev_accept's inet_sk_bound_dev_eq): one
// that the user's packets do not come in by, or that the answers leave by in
// vain. The program was told to serve one network, and serves it.
func boundElsewhere(snap *linux.Snapshot, giver string, r linux.Reached, t sip.Target) bool {
	h := snap.Host(r.Host)
	if h == nil || r.Takes() && full(r.Socket) { // its queue says why
		return false
	}
	return slices.ContainsFunc(h.Sockets, func(s linux.Socket) bool {
		return s.Owner == giver && s.Device != 0 && s.Carrier == t.Transport.Carrier() && s.Serves() &&
			s.Local.Port() == t.Addr.Port() && covers(&s, t.Addr.Addr())
	})
}

// metLater is what the user's own connect to an address met: at this use, or at
// another one of the same address from the same place.
func (o *Observation) metLater(i int) ProbeResult {
	u := &o.Uses[i]
	if u.Met != ProbeNone {
		return u.Met
	}
	for j := i + 1; j < len(o.Uses); j++ {
		if x := &o.Uses[j]; x.Advert == u.Advert && x.View == u.View && x.Met != ProbeNone {
			return x.Met
		}
	}
	return ProbeNone
}

// still reports whether a socket listens in a snapshot after another one.
func (o *Observation) still(after int, cookie uint64) bool {
	for i := len(o.Snapshots) - 1; i > after; i-- {
		for _, h := range o.Snapshots[i].Hosts {
			for k := range h.Sockets {
				if h.Sockets[k].Cookie == cookie && h.Sockets[k].State == linux.StateListen {
					return true
				}
			}
		}
	}
	return false
}

// acceptedBefore reports whether the giver of an address had a socket there
// that served new peers, in an earlier snapshot.
func (o *Observation) acceptedBefore(snapshot int, host, giver string, t sip.Target) bool {
	for i := range snapshot {
		h := o.Snapshots[i].Host(host)
		for k := 0; h != nil && k < len(h.Sockets); k++ {
			s := &h.Sockets[k]
			if s.Owner == giver && s.Carrier == t.Transport.Carrier() && s.Serves() && s.Local.Port() == t.Addr.Port() && covers(s, t.Addr.Addr()) {
				return true
			}
		}
	}
	return false
}
