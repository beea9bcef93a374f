package linux

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/internal/table"
	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// topologies are what testdata/route.txtar asks about.
var topologies = map[string]string{
	"routed": `
net    lan 46
net    far 46
router r   lan far
host   box lan
host   pub far
host   two lan far
addr   box lan.2
route  box default via=r
route  pub lan via=r
`,
	"filtered": `
net    lan 4
net    far 4
router r   lan far
host   box lan
host   two lan far rp_filter=strict
host   lax lan far rp_filter=loose
route  box far via=r
`,
	"refusing": `
net    lan 46
net    far 46
net    off 46
router r   lan far
host   box lan
host   pub far
route  box far via=r
route  box off prohibit
route  box default blackhole
route  pub lan unreachable
route  r   off via=pub
`,
	"policy": `
net    a   46
net    b   46
net    far 46
router ra  a far
router rb  b far
host   box a b
host   pub far
route  box far via=ra
route  box far via=rb from=b
route  pub a via=ra
route  pub b via=rb
`,
	"sources": `
net    lan 46
net    off 46
net    far 46
router r   lan far
host   box lan off
host   pub far
route  box far via=r source=off/6
route  box lan via=r from=off source=off/6
route  pub lan via=r
route  pub off via=r
route  r   off via=box
`,
	"sources4": `
net    lan 4
host   box lan
host   pub lan
host   mid lan
addr   box lan.2
route  box default via=mid source=lan.2
route  box default via=mid from=lan source=lan.2
`,
	"loop": `
net    lan 4
net    mid 4
net    far 4
router r1  lan mid
router r2  lan mid
host   box lan
route  box default via=r1
route  r1  default via=r2
route  r2  default via=r1 on=mid
`,
	"addresses": `
net    lan 6 link-local
net    far 6
router r   lan far
host   box lan far
host   pub lan
addr   box lan tentative
addr   box lan.2 deprecated
addr   pub lan.2 duplicate
addr   r   far.2
route  pub far via=r
`,
}

// TestRoutes: testdata/route.txtar says what becomes of packets. A row is who
// sends, from where ("-" is left to the kernel) and to whom, by place or by
// address, and, behind "after", what has happened. The property
// TestTopologiesAgree in package props holds the same function to Linux.
func TestRoutes(t *testing.T) {
	table.Run(t, "route.txtar", func(file, in string) string {
		s, err := scenario.Parse(topologies[file])
		if err != nil {
			t.Fatal(err)
		}
		in, after, _ := strings.Cut(in, " after ")
		top := NewTopology(&s)
		for _, text := range strings.Split(after, "; ") {
			if text != "" {
				step, err := scenario.Parse(topologies[file] + text + "\n")
				if err != nil {
					t.Fatal(err)
				}
				top.Apply(step.Steps[0])
			}
		}
		words := strings.Fields(in)
		there, back := top.Reach(words[0], addrIn(t, &s, words[0], words[1]), addrIn(t, &s, words[0], words[2]))
		out := there.Source.String() + ": " + there.String()
		if there.Errno != OK {
			out += " (" + string(there.Errno) + ")"
		}
		if there.End == Delivered && (back.End != Delivered || len(back.Hops) != len(there.Hops)) {
			out += "\nback: " + back.String()
		}
		return strings.Replace(out, "invalid IP: ", "", 1)
	})
}

// addrIn reads "-", "lan.2" of the host itself, "pub:far/6" or an address.
func addrIn(t *testing.T, s *scenario.Scenario, host, text string) netip.Addr {
	if text == "-" {
		return netip.Addr{}
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return a
	}
	if other, place, ok := strings.Cut(text, ":"); ok {
		host, text = other, place
	}
	place, zone, zoned := strings.Cut(text, "%")
	p, ok := scenario.ParsePlace(place)
	a := s.PlaceAddr(host, p)
	if !ok || !a.IsValid() {
		t.Fatalf("no place %s", text)
	}
	if zoned {
		a = a.WithZone(zone)
	}
	return a
}

// TestOneNetworkNeedsNoRoutes: on one network the look-up is the same with a
// topology and without.
func TestOneNetworkNeedsNoRoutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenario.Scenario{Nets: []scenario.Net{{Name: "lan", Family: rapid.SampledFrom([]scenario.Family{scenario.IPv4, scenario.IPv6}).Draw(t, "family")}}}
		var with, without Snapshot
		for i := range rapid.IntRange(1, 4).Draw(t, "hosts") {
			h := scenario.Host{Name: fmt.Sprintf("h%d", i), Nets: []string{"lan"}}
			s.Hosts = append(s.Hosts, h)
			a := s.Addr(h.Name, "lan")
			without.Hosts = append(without.Hosts, HostSockets{Host: h.Name, Addrs: []netip.Addr{a}, Devices: []uint32{scenario.FirstDevice},
				Sockets: []Socket{{Carrier: sip.CarrierTCP, State: StateListen, V6: a.Is6(), Local: netip.AddrPortFrom(a, 5060), Inode: uint64(i + 1)}}})
		}
		with.Hosts, with.Topology = without.Hosts, NewTopology(&s)
		from := rapid.SampledFrom(s.Hosts).Draw(t, "from").Name
		to := s.Addr(rapid.SampledFrom(s.Hosts).Draw(t, "to").Name, "lan")
		nobody, elsewhere := netip.MustParseAddr("10.77.0.99"), netip.MustParseAddr("10.77.7.1")
		if to.Is6() {
			nobody, elsewhere = netip.MustParseAddr("fd77::63"), netip.MustParseAddr("fd77:0:0:7::1")
		}
		to = rapid.SampledFrom([]netip.Addr{to, to.Next(), nobody, loopback(to), elsewhere}).Draw(t, "address")
		src := netip.AddrPortFrom(s.Addr(from, "lan"), 40000)
		if to.IsLoopback() {
			src = netip.AddrPortFrom(to, 40000)
		}
		dst := netip.AddrPortFrom(to, 5060)
		a, b := Lookup(&with, from, sip.CarrierTCP, src, dst), Lookup(&without, from, sip.CarrierTCP, src, dst)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%s to %s: %+v with routes, %+v without", from, to, a, b)
		}
	})
}

// TestLookupIsRouted: with a topology the look-up knows of routers, of the
// interface that a packet arrives at, and of what never arrives.
func TestLookupIsRouted(t *testing.T) {
	s, err := scenario.Parse(topologies["routed"])
	if err != nil {
		t.Fatal(err)
	}
	snap := Snapshot{Topology: NewTopology(&s)}
	for _, h := range s.Hosts {
		addrs, devices := snap.Topology.Addrs(h.Name)
		any := netip.AddrPortFrom(netip.IPv4Unspecified(), 5060)
		snap.Hosts = append(snap.Hosts, HostSockets{Host: h.Name, Addrs: addrs, Devices: devices, Sockets: []Socket{
			{Carrier: sip.CarrierTCP, State: StateListen, Local: any},
			{Carrier: sip.CarrierTCP, State: StateListen, Local: netip.AddrPortFrom(any.Addr(), 5061), Device: scenario.FirstDevice + 1}}})
	}
	look := func(from, to string, port uint16) string {
		src := netip.AddrPort{}
		r := Lookup(&snap, from, sip.CarrierTCP, src, netip.AddrPortFrom(addrIn(t, &s, from, to), port))
		if r.Socket == nil {
			return r.Host + " -"
		}
		return r.Host + " " + r.Socket.Local.String()
	}
	for _, c := range []struct {
		from, to string
		port     uint16
		want     string
	}{
		{"box", "pub:far", 5060, "pub 0.0.0.0:5060"},
		{"two", "pub:far", 5060, "pub 0.0.0.0:5060"},
		{"pub", "box:lan", 5060, "box 0.0.0.0:5060"},
		{"box", "10.99.0.1", 5060, " -"},
		{"box", "r:far", 5061, "r -"}, // it comes to r by eth0
		{"two", "r:far", 5061, "r 0.0.0.0:5061"},
		{"box", "two:far", 5061, "two 0.0.0.0:5061"}, // by way of r
		{"box", "two:lan", 5061, "two -"},
		{"nobody", "box:lan", 5060, " -"},
	} {
		if got := look(c.from, c.to, c.port); got != c.want {
			t.Errorf("%s to %s port %d reaches %s, want %s", c.from, c.to, c.port, got, c.want)
		}
	}
	snap.Topology.Apply(scenario.SetForwarding{Host: "r", On: false})
	if got := look("box", "pub:far", 5060); got != " -" {
		t.Errorf("r does not forward, and box reaches %s", got)
	}
}

// TestCloneOfTopology: what happens to a copy does not happen to the original.
func TestCloneOfTopology(t *testing.T) {
	s, err := scenario.Parse(texts.Routed)
	if err != nil {
		t.Fatal(err)
	}
	one := NewTopology(&s)
	two := one.Clone()
	for _, st := range s.Steps {
		two.Apply(st)
	}
	if !one.Equal(NewTopology(&s)) {
		t.Error("the steps of the copy changed the original")
	}
	if one.Equal(two) {
		t.Error("the steps changed nothing")
	}
}
