package props

import (
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// probeComment marks the packets of our own probes: they are none of a call.
const probeComment = "greka probe"

// legendOf says who is who in the packets of a play: by the scenario where
// elements are, and by its snapshots whose sockets ports belonged to.
func legendOf(sc *model.Scenario, o *model.Observation) netns.Legend {
	l := netns.Legend{Hosts: map[string]string{}, Names: map[netip.Addr]string{}}
	for _, e := range sc.Elements {
		l.Hosts[e.Host] = joined(l.Hosts[e.Host], ", ", e.Name)
		if a := sc.ElementAddr(e.Name); a.IsValid() {
			l.Names[a] = joined(l.Names[a], "+", e.Name)
		}
	}
	probes, owners := probesOf(o), ownersOf(o)
	l.Comment = func(t model.Transport, from, to netip.AddrPort) string {
		if probes[flow{t, from, to}] || probes[flow{t, to, from}] {
			return probeComment
		}
		sender, receiver := owners[portKey{t, from}], owners[portKey{t, to}]
		if sender == "" && receiver == "" {
			return ""
		}
		return knownAs(sender) + " -> " + knownAs(receiver)
	}
	return l
}

func joined(list, by, name string) string {
	if list == "" {
		return name
	}
	return list + by + name
}

func knownAs(owner string) string {
	if owner == "" || strings.Contains(owner, "?") {
		return "?"
	}
	return owner
}

// flow is one direction between two ports.
type flow struct {
	transport model.Transport
	from, to  netip.AddrPort
}

// portKey is a port that sockets are bound to.
type portKey struct {
	transport model.Transport
	at        netip.AddrPort
}

func probesOf(o *model.Observation) map[flow]bool {
	all := map[flow]bool{}
	for _, u := range o.Uses {
		if p := u.Probe; p.Result != model.ProbeNone && p.Source.IsValid() {
			all[flow{p.Transport, plainPort(p.Source), plainPort(p.Target)}] = true
		}
	}
	return all
}

// ownersOf says whose ports were whose, "?" where several had one at different
// times.
func ownersOf(o *model.Observation) map[portKey]string {
	owners := map[portKey]string{}
	for i := range o.Snapshots {
		for _, h := range o.Snapshots[i].Hosts {
			for _, s := range h.Sockets {
				if s.Owner == "" {
					continue
				}
				for _, a := range addressesOf(&h, &s) {
					k := portKey{s.Transport, netip.AddrPortFrom(a, s.Local.Port())}
					if have := owners[k]; have != "" && have != s.Owner {
						owners[k] = "?"
						continue
					}
					owners[k] = s.Owner
				}
			}
		}
	}
	return owners
}

// addressesOf lists where a socket is found: its own address, or every one of its
// host.
func addressesOf(h *model.HostSockets, s *model.Socket) []netip.Addr {
	if a := s.Local.Addr().Unmap(); !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	return h.Addrs
}

func plainPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
