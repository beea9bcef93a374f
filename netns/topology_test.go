package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func parse(t testing.TB, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// world is a lab with a TCP listener and a UDP socket on port 5060 of every
// address of every host.
func world(t testing.TB, text string) (*Lab, *scenario.Scenario) {
	t.Helper()
	s := parse(t, text)
	l := newLab(t, s)
	for _, h := range l.hosts {
		h.serve(t, h.Addrs()...)
	}
	return l, s
}

func (h *Host) serve(t testing.TB, addrs ...netip.Addr) (all []*sock) {
	t.Helper()
	for _, a := range addrs {
		for _, typ := range []int{unix.SOCK_STREAM, unix.SOCK_DGRAM} {
			fd, err := h.Socket(int(family(a)), typ, 0)
			if err != nil {
				t.Fatal(err)
			}
			s := adopt(t, fd)
			s.must(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1))
			s.must(unix.Bind(fd, h.sockaddr(netip.AddrPortFrom(a, 5060))))
			if typ == unix.SOCK_STREAM {
				s.must(unix.Listen(fd, 64))
			}
			all = append(all, s)
		}
	}
	return all
}

// tries probes "ann/lan bob/far" over both transports: from a place of one
// host to a place of another.
func tries(t *testing.T, l *Lab, s *scenario.Scenario, way string, want model.ProbeResult) {
	t.Helper()
	from, to := placeOf(t, s, strings.Fields(way)[0]), placeOf(t, s, strings.Fields(way)[1])
	host := strings.SplitN(way, "/", 2)[0]
	for _, transport := range sip.Transports {
		p := l.Host(host).Probe(from, sip.Target{Transport: transport, Addr: netip.AddrPortFrom(to, 5060)})
		if p.Result != want {
			t.Errorf("%s over %s (%s to %s): %s (%s), want %s", way, transport, from, to, p.Result, p.Detail, want)
		}
	}
}

// placeOf finds the address of "ann/lan", "ann/lan/6", "ann/lan.2".
func placeOf(t *testing.T, s *scenario.Scenario, what string) netip.Addr {
	t.Helper()
	host, rest, _ := strings.Cut(what, "/")
	h, _ := s.Host(host)
	for _, p := range append(s.Places(host), scenario.Place{Net: h.Nets[0], Nth: 1}, scenario.Place{Net: h.Nets[0], Family: scenario.IPv6, Nth: 1}) {
		if p.String() == rest {
			return s.PlaceAddr(host, p)
		}
	}
	t.Fatalf("no place is called %s", what)
	return netip.Addr{}
}

const routed = `
net    lan  46
net    far  46
host   ann  lan
router gate lan far
host   bob  far
route  ann  default via=gate
route  bob  default via=gate
`

func TestRoutersForward(t *testing.T) {
	t.Parallel()
	l, s := world(t, routed)
	for _, f := range []string{"", "/6"} {
		tries(t, l, s, "ann/lan"+f+" bob/far"+f, model.ProbeAccepted)
		tries(t, l, s, "bob/far"+f+" ann/lan"+f, model.ProbeAccepted)
		tries(t, l, s, "ann/lan"+f+" gate/far"+f, model.ProbeAccepted)
		tries(t, l, s, "ann/lan"+f+" ann/lan"+f, model.ProbeAccepted)
	}
	for _, h := range l.hosts {
		if n := retransmitted(t, h); n != 0 {
			t.Errorf("%s sent %d segments again", h.name, n)
		}
	}
}

// The negative twin: a host that is no router loses what is not for it, and
// without a route there is nowhere to send.
func TestHostsDoNotForward(t *testing.T) {
	t.Parallel()
	l, s := world(t, strings.Replace(strings.Replace(routed, "router gate", "host gate", 1), "route  bob  default via=gate", "", 1))
	tries(t, l, s, "ann/lan bob/far", model.ProbeTimeout)
	tries(t, l, s, "ann/lan/6 bob/far/6", model.ProbeTimeout)
	tries(t, l, s, "bob/far ann/lan", model.ProbeUnreachable)
	tries(t, l, s, "bob/far/6 ann/lan/6", model.ProbeUnreachable)
	tries(t, l, s, "ann/lan gate/far", model.ProbeAccepted)
}

func TestRoutesThatRefuse(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]model.ProbeResult{
		"unreachable": model.ProbeUnreachable, "prohibit": model.ProbeUnreachable, "blackhole": model.ProbeUnreachable,
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			l, s := world(t, routed+"route ann far "+kind+"\n")
			for _, f := range []string{"", "/6"} {
				tries(t, l, s, "ann/lan"+f+" bob/far"+f, want)
				tries(t, l, s, "ann/lan"+f+" gate/lan"+f, model.ProbeAccepted)
			}
		})
		t.Run(kind+" at the router", func(t *testing.T) {
			t.Parallel()
			l, s := world(t, routed+"net end 46\nhost eve end\nroute gate end "+kind+"\n")
			want := choose(kind == "blackhole", model.ProbeTimeout, want)
			p := l.Host("ann").Probe(s.Addr("ann", "lan"), tcpTo(netip.AddrPortFrom(s.Addr("eve", "end"), 5060)))
			if p.Result != want {
				t.Errorf("%s (%s), want %s", p.Result, p.Detail, want)
			}
		})
	}
}

// A packet that comes by another interface than the one that leads back is
// dropped by strict hosts only.
func TestReversePathFilter(t *testing.T) {
	t.Parallel()
	for filter, want := range map[string]model.ProbeResult{
		"": model.ProbeAccepted, "rp_filter=strict": model.ProbeTimeout, "rp_filter=loose": model.ProbeAccepted,
	} {
		t.Run(filter, func(t *testing.T) {
			t.Parallel()
			// bob reaches ann's second address by far, and she sends from it by lan.
			l, s := world(t, `
net    lan 4
net    far 4
net    top 4
host   ann lan top
router gate top far
host   bob lan far `+filter+`
route  bob top via=gate
`)
			tries(t, l, s, "ann/lan bob/lan", model.ProbeAccepted)
			tries(t, l, s, "ann/top bob/lan", want)
		})
	}
}

// Policy routes go before all others, for their source addresses only.
func TestPolicyRoutes(t *testing.T) {
	t.Parallel()
	const text = `
net    lan 46
net    wan 46
net    far 46
host   ann lan wan
router one lan far
router two wan far
host   bob far
route  ann default via=one
route  bob lan via=one
route  bob wan via=two
`
	l, s := world(t, text+"route ann default from=wan via=two\n")
	for _, f := range []string{"", "/6"} {
		tries(t, l, s, "ann/lan"+f+" bob/far"+f, model.ProbeAccepted)
		tries(t, l, s, "ann/wan"+f+" bob/far"+f, model.ProbeAccepted)
	}
	// Which way it went shows where the way is closed.
	l, s = world(t, text+"route ann far unreachable from=wan\n")
	for _, f := range []string{"", "/6"} {
		tries(t, l, s, "ann/lan"+f+" bob/far"+f, model.ProbeAccepted)
		tries(t, l, s, "ann/wan"+f+" bob/far"+f, model.ProbeUnreachable)
	}
}

// The kernel has the routes that the scenario has, in detail.
func TestRoutesInDetail(t *testing.T) {
	t.Parallel()
	l := newLab(t, parse(t, `
net    lan 46
net    far 4
host   ann lan
addr   ann lan.2
router gate lan far
route  ann far via=gate source=lan.2 metric=7
route  ann far prohibit metric=9
route  ann default on=lan family=6
route  ann default via=gate from=lan family=4
`))
	var got []string
	err := l.Host("ann").Do(func() error {
		all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC, Protocol: unix.RTPROT_STATIC}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
		for _, r := range all {
			got = append(got, fmt.Sprintf("dst %v gw %v dev %d src %v metric %d table %d type %d", r.Dst, r.Gw, r.LinkIndex, r.Src, r.Priority, r.Table, r.Type))
		}
		if err != nil {
			return err
		}
		rules, err := netlink.RuleList(netlink.FAMILY_V4)
		for _, r := range rules {
			if r.Src != nil {
				got = append(got, fmt.Sprintf("rule %d from %v table %d", r.Priority, r.Src, r.Table))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"dst 0.0.0.0/0 gw 10.77.0.2 dev 2 src <nil> metric 0 table 100 type 1",
		"dst 10.77.1.0/24 gw 10.77.0.2 dev 2 src 10.77.0.101 metric 7 table 254 type 1",
		"dst 10.77.1.0/24 gw <nil> dev 0 src <nil> metric 9 table 254 type 8",
		"dst ::/0 gw <nil> dev 2 src <nil> metric 1024 table 254 type 1",
		"rule 100 from 10.77.0.0/24 table 100",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAddressesWithAFate(t *testing.T) {
	t.Parallel()
	s := parse(t, `
net  lan 46 link-local
host ann lan
addr ann lan/6.2 tentative
addr ann lan/6.3 duplicate
addr ann lan.2 deprecated
host bob lan
addr bob lan/6.2 deprecated
`)
	l := newLab(t, s)
	flags := map[string]int{}
	for _, host := range []string{"ann", "bob"} {
		err := l.Host(host).Do(func() error {
			all, err := netlink.AddrList(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: firstDevice}}, netlink.FAMILY_ALL)
			for _, a := range all {
				flags[a.IP.String()] = a.Flags & (unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for a, want := range map[string]int{
		"10.77.0.1": 0, "10.77.0.101": unix.IFA_F_DEPRECATED, "fd77::1": 0, "fe80::1": 0,
		"fd77::1:1": unix.IFA_F_TENTATIVE, "fd77::2:1": unix.IFA_F_TENTATIVE | unix.IFA_F_DADFAILED,
		"fd77::1:2": unix.IFA_F_DEPRECATED, "fd77::2": 0, "fe80::2": 0,
	} {
		if got, ok := flags[a]; !ok || got != want {
			t.Errorf("%s has flags %#x (%v), want %#x", a, got, ok, want)
		}
	}
	ann := l.Host("ann")
	ann.serve(t, ann.Addrs()...)
	if got := fmt.Sprint(ann.Addrs()); got != "[fe80::1 10.77.0.1 10.77.0.101 fd77::1]" {
		t.Errorf("ann has %s", got)
	}
	for _, dead := range []string{"fd77::1:1", "fd77::2:1"} {
		fd, err := ann.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.Bind(fd, sockaddr(netip.MustParseAddrPort("["+dead+"]:5060"))); !errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Errorf("bind to %s: %v", dead, err)
		}
		unix.Close(fd)
		for _, transport := range sip.Transports {
			p := l.Host("bob").Probe(s.PlaceAddr("bob", scenario.Place{Net: "lan", Family: 6}), sip.Target{Transport: transport, Addr: netip.MustParseAddrPort("[" + dead + "]:5060")})
			if p.Result != model.ProbeUnreachable {
				t.Errorf("bob to %s: %s (%s)", dead, p.Result, p.Detail)
			}
		}
	}
	tries(t, l, s, "bob/lan ann/lan.2", model.ProbeAccepted)
	tries(t, l, s, "bob/lan/link ann/lan/link", model.ProbeAccepted)
	tries(t, l, s, "bob/lan/6.2 ann/lan/link", model.ProbeAccepted)
	tries(t, l, s, "ann/lan/link ann/lan/link", model.ProbeAccepted)
}

// A link-local address is of one network only: with two interfaces the right
// one is taken.
func TestLinkLocalAddressesOfTwoNetworks(t *testing.T) {
	t.Parallel()
	l, s := world(t, `
net  lan 6 link-local
net  wan 6 link-local
host ann lan wan
host bob wan lan
host eve wan
`)
	tries(t, l, s, "ann/lan/link bob/lan/link", model.ProbeAccepted)
	tries(t, l, s, "ann/wan/link bob/wan/link", model.ProbeAccepted)
	tries(t, l, s, "bob/wan/link eve/wan/link", model.ProbeAccepted)
	if z := l.Host("ann").Zone(s.PlaceAddr("eve", scenario.Place{Net: "wan", LinkLocal: true})); z != 3 {
		t.Errorf("eve is found at device %d of ann, want 3", z)
	}
	if z := l.Host("ann").Zone(netip.MustParseAddr("fe80::99")); z != 0 {
		t.Errorf("nobody is found at device %d", z)
	}
}

// A route without a gateway looks for the address on the link, and finds every
// address of those who are there.
func TestRoutesOnTheLink(t *testing.T) {
	t.Parallel()
	l, s := world(t, `
net  lan 4
net  far 4
host ann lan
host bob lan far
host eve far
route ann far on=lan
`)
	tries(t, l, s, "ann/lan bob/far", model.ProbeAccepted)
	tries(t, l, s, "ann/lan eve/far", model.ProbeUnreachable)
}
