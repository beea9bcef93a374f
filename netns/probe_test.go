package netns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// expect probes and compares result and owner.
func expect(t *testing.T, h *Host, from netip.Addr, to sip.Target, want model.ProbeResult, owner string) {
	t.Helper()
	p := h.Probe(from, to)
	if p.Result != want || p.Owner != owner {
		t.Errorf("%s probes %s %s: %s by %q (%s), want %s by %q", h.Name(), to.Transport, to.Addr, p.Result, p.Owner, p.Detail, want, owner)
	}
	if p.Target != to.Addr || p.Carrier != to.Transport.Carrier() {
		t.Errorf("the probe of %v says that it is one of %s %s", to, p.Carrier, p.Target)
	}
	if want == model.ProbeAccepted && (p.Source.Addr() != from || p.Source.Port() < 32768) {
		t.Errorf("the probe came from %s, want a fresh port of %s", p.Source, from)
	}
	if want != model.ProbeAccepted && want != model.ProbeSelf && p.Detail == "" {
		t.Errorf("a probe that was not accepted gives no reason")
	}
}

func TestProbe(t *testing.T) {
	for _, f := range families {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			s := lan(f, "a", "b")
			l := newLab(t, s)
			a, b := s.Addr("a", "lan"), s.Addr("b", "lan")
			at := func(h netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(h, port) }

			ln := listen(t, l.Host("b"), at(b, 5072))
			l.Own(ln.inode, "bob")
			dgram := open(t, l.Host("b"), unix.SOCK_DGRAM, at(b, 5072))
			l.Own(dgram.inode, "bob's other")
			listen(t, l.Host("b"), at(b, 5073)) // nobody's

			// The founding case: the port of a connection, seen from outside.
			registrar := listen(t, l.Host("a"), at(a, 5060))
			l.Own(registrar.inode, "p")
			flow := dial(t, l.Host("b"), b, at(a, 5060))
			l.Own(flow.inode, "bob")
			registrar.accept()

			// A datagram socket that talks to one peer takes nobody else's.
			choosy := open(t, l.Host("b"), unix.SOCK_DGRAM, at(b, 5074))
			choosy.must(unix.Connect(choosy.fd, sockaddr(at(a, 5999))))

			for _, from := range []struct {
				host string
				addr netip.Addr
			}{{"a", a}, {"b", b}} {
				h := l.Host(from.host)
				expect(t, h, from.addr, tcpTo(at(b, 5072)), model.ProbeAccepted, "bob")
				expect(t, h, from.addr, udpTo(at(b, 5072)), model.ProbeAccepted, "bob's other")
				expect(t, h, from.addr, tcpTo(at(b, 5073)), model.ProbeAccepted, "")
				expect(t, h, from.addr, tcpTo(flow.addr), model.ProbeRefused, "")
				expect(t, h, from.addr, udpTo(flow.addr), model.ProbeRefused, "")
				expect(t, h, from.addr, tcpTo(at(b, 5074)), model.ProbeRefused, "")
				expect(t, h, from.addr, udpTo(at(b, 5074)), model.ProbeRefused, "")
			}
		})
	}
}

// What a probe meets is its owner's even if that one was quick: has accepted it
// and said nothing, or closed it already.
func TestProbeOfAQuickListener(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	at := netip.AddrPortFrom(s.Addr("b", "lan"), 5072)
	ln := netListen(t, l.Host("b"), at.String())
	snap, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	l.Own(snap.Host("b").Sockets[0].Inode, "bob")
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	for i := 0; i < 200; i++ {
		p := l.Host("a").Probe(s.Addr("a", "lan"), tcpTo(at))
		if p.Result != model.ProbeAccepted || p.Owner != "bob" {
			t.Fatalf("probe %d: %+v", i, p)
		}
	}
}

// Strange targets are answered, not dialled: no panic, no error of the probe.
func TestProbeOfStrangeTargets(t *testing.T) {
	for _, f := range families {
		s := lan(f, "a")
		l := newLab(t, s)
		a := s.Addr("a", "lan")
		for _, target := range []string{
			"0.0.0.0:5060", "[::]:5060", "10.77.0.1:0", "[fd77::1]:0", "224.0.0.1:5060", "[ff02::1]:5060",
			"[::ffff:10.77.0.1]:5060", "255.255.255.255:5060", "10.77.0.255:5060", "192.0.2.1:5060",
			"[2001:db8::1]:5060", "[fe80::1]:5060", "[fe80::1%eth0]:5060", "10.77.0.99:5060", "[fd77::99]:5060", "240.0.0.1:5060",
		} {
			for _, transport := range sip.Transports {
				p := l.Host("a").Probe(a, sip.Target{Transport: transport, Addr: netip.MustParseAddrPort(target)})
				if p.Result != model.ProbeUnreachable || p.Detail == "" {
					t.Errorf("IPv%d: %s %s: %s (%s), want unreachable", f, transport, target, p.Result, p.Detail)
				}
			}
		}
		for _, bad := range []struct {
			from   netip.Addr
			target sip.Target
		}{
			{netip.Addr{}, tcpTo(netip.AddrPortFrom(a, 5060))},
			{a.Next(), tcpTo(netip.AddrPortFrom(a, 5060))}, // not an address of the host
			{a, sip.Target{Addr: netip.AddrPortFrom(a, 5060)}},
			{a, sip.Target{Transport: 99, Addr: netip.AddrPortFrom(a, 5060)}},
		} {
			if p := l.Host("a").Probe(bad.from, bad.target); p.Result != model.ProbeError || p.Detail == "" {
				t.Errorf("from %s to %v: %s (%s), want an error of the probe", bad.from, bad.target, p.Result, p.Detail)
			}
		}
		if p := l.Host("a").Probe(a, sip.Target{Transport: sip.TCP}); p.Result != model.ProbeUnreachable {
			t.Errorf("no address at all: %+v", p)
		}
	}
}

// Where nobody answers the probe ends by itself.
func TestProbeTimesOut(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	full := listen(t, l.Host("b"), netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	full.must(unix.Listen(full.fd, 0)) // room for one
	dial(t, l.Host("a"), s.Addr("a", "lan"), full.addr)
	expect(t, l.Host("a"), s.Addr("a", "lan"), tcpTo(full.addr), model.ProbeTimeout, "")
}

// A connection to oneself is no acceptance. It takes a port range of one port
// to make the kernel do it on purpose.
func TestProbeOfItself(t *testing.T) {
	s := lan(scenario.IPv4, "a")
	l := newLab(t, s)
	a := s.Addr("a", "lan")
	err := l.Host("a").Do(func() error {
		return writeSysctl("ipv4/ip_local_port_range", "40001 40001")
	})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, l.Host("a"), a, tcpTo(netip.AddrPortFrom(a, 40001)), model.ProbeSelf, "")
	expect(t, l.Host("a"), a, udpTo(netip.AddrPortFrom(a, 40001)), model.ProbeSelf, "")
}

// A probe leaves nothing behind on its own host.
func TestProbeLeavesNoSocket(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	ln := listen(t, l.Host("b"), netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	for i := 0; i < 5; i++ {
		expect(t, l.Host("a"), s.Addr("a", "lan"), tcpTo(ln.addr), model.ProbeAccepted, "")
	}
	if got := lines(t, l, "a"); len(got) != 0 {
		t.Errorf("probes left %q", got)
	}
	if got := lines(t, l, "b"); len(got) != 1 {
		t.Errorf("probes left %q", got)
	}
}

// The kernel sends few ICMP errors a second to one address. A closed port is
// found closed all the same, without a wait for the error that does not come.
func TestProbeDoesNotDependOnICMP(t *testing.T) {
	for _, f := range families {
		s := lan(f, "a", "b")
		l := newLab(t, s)
		silent := 0
		for i := 0; i < 50; i++ {
			p := l.Host("a").Probe(s.Addr("a", "lan"), udpTo(netip.AddrPortFrom(s.Addr("b", "lan"), 5060)))
			if p.Result != model.ProbeRefused {
				t.Fatalf("IPv%d: probe %d: %s (%s)", f, i, p.Result, p.Detail)
			}
			if strings.HasPrefix(p.Detail, "no socket") {
				silent++
			}
		}
		if silent == 0 {
			t.Logf("IPv%d: every one of 50 errors came", f)
		}
	}
}

// A datagram socket that talks to the probe's port only, and is nobody's,
// accepts it all the same.
func TestProbeOfAConnectedDatagramSocket(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	err := l.Host("a").Do(func() error {
		return writeSysctl("ipv4/ip_local_port_range", "40001 40001")
	})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Addr("a", "lan")
	dgram := open(t, l.Host("b"), unix.SOCK_DGRAM, netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	dgram.must(unix.Connect(dgram.fd, sockaddr(netip.AddrPortFrom(a, 40001))))
	expect(t, l.Host("a"), a, udpTo(dgram.addr), model.ProbeAccepted, "")
	dgram.must(unix.Connect(dgram.fd, sockaddr(netip.AddrPortFrom(a, 40002))))
	expect(t, l.Host("a"), a, udpTo(dgram.addr), model.ProbeRefused, "")
}
