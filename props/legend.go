package props

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// probeComment marks the packets of our own probes: they are none of a call.
const probeComment = "greka probe"

// legendOf says who is who in the packets of a play: by the scenario where
// elements are, and by its snapshots whose sockets ports belonged to.
func legendOf(sc *scenario.Scenario, o *model.Observation) netns.Legend {
	l := netns.Legend{Hosts: map[string]string{}, Names: map[netip.Addr]string{}}
	for _, e := range sc.Elements {
		l.Hosts[e.Host] = joined(l.Hosts[e.Host], ", ", e.Name)
		if a := sc.ElementAddr(e.Name); a.IsValid() {
			l.Names[a] = joined(l.Names[a], "+", e.Name)
		}
	}
	probes, owners, lost := probesOf(o), ownersOf(o), lostOf(o)
	l.Comment = func(t sip.Carrier, from, to netip.AddrPort) string {
		if probes[flow{t, from, to}] || probes[flow{t, to, from}] {
			return probeComment
		}
		sender, receiver := owners[portKey{t, from}], owners[portKey{t, to}]
		if user := lost.user(t, from, to, sender, receiver); user != "" {
			return fmt.Sprintf("%s -> %s (nobody accepts)", user, to)
		}
		if user := lost.user(t, to, from, receiver, sender); user != "" {
			return fmt.Sprintf("%s (nobody accepts) -> %s", from, user)
		}
		if sender == "" && receiver == "" {
			return ""
		}
		return knownAs(sender) + " -> " + knownAs(receiver)
	}
	return l
}

// lostKey is an address that was handed out and on which nobody accepts, and the
// address from which somebody sent there.
type lostKey struct {
	carrier sip.Carrier
	from    netip.Addr
	to      netip.AddrPort
}

// lost says who sent where nobody accepts. Such a connect leaves no socket in any
// snapshot, and is yet what the finding is about.
type lost map[lostKey]string

// lostOf takes them from the uses for a request whose target nobody took, by the
// look-up and, where it is known, by what the user's own connect met.
func lostOf(o *model.Observation) lost {
	all := lost{}
	for i := range o.Uses {
		u := &o.Uses[i]
		if u.Request == "" || u.Met == model.ProbeAccepted {
			continue
		}
		t, err := o.Adverts[u.Advert].Target()
		if err != nil {
			continue
		}
		snap := &o.Snapshots[u.Snapshot]
		source := u.View.SourceFor(snap, t.Addr.Addr())
		if !source.IsValid() || linux.Lookup(snap, u.View.Host, t.Transport.Carrier(), netip.AddrPortFrom(source, 0), t.Addr).Takes() {
			continue
		}
		k := lostKey{t.Transport.Carrier(), source.Unmap(), plainPort(t.Addr)}
		if have := all[k]; have != "" && have != u.View.Element {
			all[k] = "?"
			continue
		}
		all[k] = u.View.Element
	}
	return all
}

// user returns who sent a packet to where nobody accepts, "" if it is none of
// those: its port was somebody else's, or the address somebody's who took what
// came by datagrams.
func (l lost) user(t sip.Carrier, from, to netip.AddrPort, sender, receiver string) string {
	user := l[lostKey{t, from.Addr(), to}]
	if user == "?" || sender != "" && sender != user || receiver != "" && (t == sip.CarrierUDP || sender != "") {
		return ""
	}
	return user
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
	carrier  sip.Carrier
	from, to netip.AddrPort
}

// portKey is a port that sockets are bound to.
type portKey struct {
	carrier sip.Carrier
	at      netip.AddrPort
}

func probesOf(o *model.Observation) map[flow]bool {
	all := map[flow]bool{}
	for _, u := range o.Uses {
		if p := u.Probe; p.Result != model.ProbeNone && p.Source.IsValid() {
			all[flow{p.Carrier, plainPort(p.Source), plainPort(p.Target)}] = true
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
					k := portKey{s.Carrier, netip.AddrPortFrom(a, s.Local.Port())}
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
func addressesOf(h *linux.HostSockets, s *linux.Socket) []netip.Addr {
	if a := s.Local.Addr().Unmap(); !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	return h.Addrs
}

func plainPort(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
