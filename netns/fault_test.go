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

// fault plays the last step of a scenario.
func fault(t *testing.T, l *Lab, text string) {
	t.Helper()
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if known, err := l.Apply(&s, s.Steps[len(s.Steps)-1]); !known || err != nil {
		t.Fatalf("%v: %v (known: %v)", s.Steps[len(s.Steps)-1], err, known)
	}
}

// What befalls links, addresses and routes is what the next probe meets, both
// families alike.
func TestFaultsOfAddressesAndRoutes(t *testing.T) {
	for _, tt := range []struct{ faults, way, want string }{
		{"", "ann/lan bob/far", "accepted"},
		{"link bob far down", "ann/lan bob/far", "unreachable"},
		{"link bob far down", "gate/far bob/far", "unreachable"},
		{"link ann lan down", "ann/lan bob/far", "unreachable"},
		{"link ann lan down\nlink ann lan up", "ann/lan gate/lan", "accepted"},
		{"link ann lan down\nlink ann lan up", "ann/lan bob/far", "unreachable"}, // the default route is gone
		{"link gate far down\nlink gate far up", "ann/lan bob/far", "accepted"},
		{"unassign bob far", "ann/lan bob/far", "unreachable"},
		{"unassign bob far", "gate/far bob/far", "unreachable"},
		{"withdraw ann default", "ann/lan bob/far", "unreachable"},
		{"withdraw ann default", "ann/lan gate/lan", "accepted"},
		{"forwarding gate off", "ann/lan bob/far", "no answer"},
		{"forwarding gate off\nforwarding gate on", "ann/lan bob/far", "accepted"},
		{"assign bob far.2", "gate/far bob/far", "accepted"},
	} {
		for _, family := range []string{"", "/6"} {
			if family == "/6" && strings.Contains(tt.faults, "link") {
				continue // with the link go IPv6 addresses: the probe would have no source
			}
			t.Run(tt.faults+tt.way+family, func(t *testing.T) {
				t.Parallel()
				l, s := world(t, routed)
				text := routed
				for _, f := range strings.Split(tt.faults, "\n") {
					if f == "" {
						continue
					}
					if family != "" {
						f = strings.Replace(f, " far", " far/6", 1)
					}
					text += f + "\n"
					fault(t, l, text)
				}
				from, to, _ := strings.Cut(tt.way, " ")
				want := model.ProbeNone
				for _, r := range []model.ProbeResult{model.ProbeAccepted, model.ProbeUnreachable, model.ProbeTimeout} {
					if r.String() == tt.want {
						want = r
					}
				}
				tries(t, l, s, from+family+" "+to+family, want)
			})
		}
	}
}

// Without a way back a datagram arrives all the same, and a connection is never
// made.
func TestOneWay(t *testing.T) {
	t.Parallel()
	l, s := world(t, routed)
	fault(t, l, routed+"withdraw bob default\n")
	for _, f := range []string{"", "/6"} {
		from, to := placeOf(t, s, "ann/lan"+f), netip.AddrPortFrom(placeOf(t, s, "bob/far"+f), 5060)
		expect(t, l.Host("ann"), from, tcpTo(to), model.ProbeTimeout, "")
		expect(t, l.Host("ann"), from, udpTo(to), model.ProbeAccepted, "")
	}
}

// A renumbered host is found at its new address and not at the old one.
func TestRenumber(t *testing.T) {
	for _, to := range []string{"", "/6"} {
		l, s := world(t, routed)
		fault(t, l, routed+"renumber bob far"+to+" far"+to+".2\n")
		bob := l.Host("bob")
		now := placeOf(t, s, "bob/far"+to+".2")
		bob.serve(t, now)
		tries(t, l, s, "gate/far"+to+" bob/far"+to+".2", model.ProbeAccepted)
		tries(t, l, s, "gate/far"+to+" bob/far"+to, model.ProbeUnreachable)
		if got := fmt.Sprint(bob.Addrs()); !strings.Contains(got, now.String()) || strings.Contains(got, placeOf(t, s, "bob/far"+to).String()+" ") {
			t.Errorf("bob has %s", got)
		}
	}
}

// Who is given another address after the last one of a device knows all others
// there, and need not ask: a question could be lost.
func TestRenumberedKnowsTheOthers(t *testing.T) {
	l, s := world(t, routed)
	fault(t, l, routed+"renumber bob far far.2\n")
	gate := placeOf(t, s, "gate/far")
	known := false
	err := l.Host("bob").Do(func() error {
		list, err := netlink.NeighList(firstDevice, netlink.FAMILY_V4)
		for _, n := range list {
			known = known || n.IP.String() == gate.String() && n.State == netlink.NUD_PERMANENT
		}
		return err
	})
	if err != nil || !known {
		t.Errorf("bob does not know %s (%v)", gate, err)
	}
}

// pair is a connection between ann and bob over the router.
func pair(t *testing.T) (l *Lab, one, other *sock) {
	t.Helper()
	l = newLab(t, parse(t, routed))
	ln := listen(t, l.Host("bob"), netip.MustParseAddrPort("10.77.1.3:5060"))
	l.Own(ln.inode, "bob")
	one = dial(t, l.Host("ann"), ip("10.77.0.1"), ln.addr)
	other = ln.accept()
	l.Own(one.inode, "ann")
	l.Own(other.inode, "bob")
	return l, one, other
}

const elements = routed + "ua ann ann udp:5060\nua bob bob tcp:5060 udp:5060\n"

func (s *sock) write() error {
	_, err := unix.Write(s.fd, []byte("x"))
	return err
}

func (s *sock) read() error {
	if err := await(s.fd, unix.POLLIN, probeBound); err != nil {
		return err
	}
	_, err := unix.Read(s.fd, make([]byte, 9))
	return err
}

func TestFaultsOfConnections(t *testing.T) {
	for step, want := range map[string]struct{ reads error }{
		"disconnect ann bob": {unix.ECONNRESET}, "silence ann bob": {unix.ETIMEDOUT}, "reset ann bob": {unix.ETIMEDOUT},
	} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			l, one, other := pair(t)
			if err := one.write(); err != nil || other.read() != nil {
				t.Fatal(err)
			}
			fault(t, l, elements+step+"\n")
			if !strings.HasPrefix(step, "disconnect") {
				if err := one.write(); err != nil {
					t.Errorf("the first write: %v", err)
				}
			}
			if err := other.read(); !errors.Is(err, want.reads) {
				t.Errorf("bob reads: %v, want %v", err, want.reads)
			}
			if strings.HasPrefix(step, "reset") {
				if err := one.read(); !errors.Is(err, unix.ECONNRESET) {
					t.Errorf("ann, who has sent, reads: %v", err)
				}
			}
			// Others are not concerned.
			p := l.Host("ann").Probe(ip("10.77.0.1"), tcpTo(netip.MustParseAddrPort("10.77.1.3:5060")))
			if p.Result != model.ProbeAccepted || p.Owner != "bob" {
				t.Errorf("a new connection: %+v", p)
			}
		})
	}
}

// Two elements of a host may talk over loopback, where every host has the same
// addresses.
func TestSilenceOnLoopback(t *testing.T) {
	t.Parallel()
	const both = "net lan 6\nhost far lan\nhost box lan\nua ann box udp:5060\nua bob box tcp:5060\n"
	l := newLab(t, parse(t, both+"\n"))
	ln := listen(t, l.Host("box"), netip.MustParseAddrPort("[::1]:5060"))
	l.Own(ln.inode, "bob")
	one := dial(t, l.Host("box"), ip("::1"), ln.addr)
	other := ln.accept()
	l.Own(one.inode, "ann")
	l.Own(other.inode, "bob")
	if err := one.write(); err != nil || other.read() != nil {
		t.Fatal(err)
	}
	fault(t, l, both+"\nsilence ann bob\n")
	if err := one.write(); err != nil {
		t.Fatal(err)
	}
	if err := other.read(); !errors.Is(err, unix.ETIMEDOUT) {
		t.Errorf("bob reads: %v", err)
	}
}

// A UDP port that is filtered, or a flow that is silenced, accepts nothing,
// although a socket is there.
func TestLostDatagramsAreNotAccepted(t *testing.T) {
	t.Parallel()
	l, s := world(t, routed)
	to := udpTo(netip.MustParseAddrPort("10.77.1.3:5060"))
	if p := l.Host("ann").Probe(s.Addr("ann", "lan"), to); p.Result != model.ProbeAccepted {
		t.Fatalf("before: %+v", p)
	}
	if err := l.Host("bob").Filter(sip.CarrierUDP, 5060); err != nil {
		t.Fatal(err)
	}
	if p := l.Host("ann").Probe(s.Addr("ann", "lan"), to); p.Result != model.ProbeTimeout {
		t.Errorf("filtered: %+v", p)
	}
}

func TestFullBacklogDoesNotAnswer(t *testing.T) {
	t.Parallel()
	l := newLab(t, parse(t, routed))
	ln := listen(t, l.Host("bob"), netip.MustParseAddrPort("10.77.1.3:5060"))
	fault(t, l, elements+"fill bob\n")
	expect(t, l.Host("ann"), ip("10.77.0.1"), tcpTo(ln.addr), model.ProbeTimeout, "")
	ln.accept()
	expect(t, l.Host("ann"), ip("10.77.0.1"), tcpTo(ln.addr), model.ProbeAccepted, "")
	if err := l.Host("bob").FillBacklog(netip.MustParseAddrPort("10.77.1.3:5061")); !errors.Is(err, ErrNoListener) {
		t.Errorf("the backlog of nobody was filled: %v", err)
	}
}

func TestFrozenProcessesDoNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, parse(t, routed))
	h := l.Host("bob")
	p, err := h.Spawn(Spec{Owner: "bob", Argv: []string{"sh", "-c", "(while read x; do echo got $x; done) ; echo over"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Stdin().Write([]byte("one\n")); err != nil {
		t.Fatal(err)
	}
	said(t, p, "got one")
	fault(t, l, elements+"freeze bob\n")
	if _, err := p.Stdin().Write([]byte("two\n")); err != nil {
		t.Fatal(err)
	}
	for _, pid := range descendants(p.init.Pid) {
		if !stopped(pid) {
			t.Errorf("process %d runs", pid)
		}
	}
	if strings.Contains(string(p.Output()), "got two") {
		t.Error("a frozen process reads")
	}
	fault(t, l, elements+"thaw bob\n")
	said(t, p, "got two")
	fault(t, l, elements+"kill bob\n")
	if !p.isGone() {
		t.Error("a killed process lives")
	}
}

// What cannot be done says so, on what and why.
func TestFaultsThatCannotHappen(t *testing.T) {
	l := newLab(t, parse(t, routed))
	for want, err := range map[string]error{
		`netns: host ann: set link to network far down: it is not on a network "far"`: l.Host("ann").SetLink("far", false),
		`netns: host ann: withdraw route to lan: the scenario has no such route`:      l.Host("ann").Withdraw("lan", ""),
		`netns: silence flow 10.77.0.1:1: no host has 10.77.9.9`:                      l.Silence(Flow{Local: netip.MustParseAddrPort("10.77.0.1:1"), Remote: netip.MustParseAddrPort("10.77.9.9:1")}),
		`netns: host ann: remove address 10.77.0.9: cannot assign requested address`:  l.Host("ann").RemoveAddr(ip("10.77.0.9")),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := lacking(unix.EOPNOTSUPP); !strings.Contains(err.Error(), "nf_tables") {
		t.Errorf("without nftables: %v", err)
	}
	if known, err := l.Apply(&scenario.Scenario{}, scenario.Call{}); known || err != nil {
		t.Errorf("a call is a fault: %v, %v", known, err)
	}
}
