package netns

import (
	"fmt"
	"net/netip"
	"sort"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// lines renders a host's sockets without numbers that the kernel picks.
func lines(t *testing.T, l *Lab, host string) []string {
	t.Helper()
	snap, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	h := snap.Host(host)
	all := []string{}
	for _, s := range h.Sockets {
		v6 := ""
		if s.V6 {
			v6 = " v6"
		}
		if s.V6Only {
			v6 += "only"
		}
		all = append(all, fmt.Sprintf("%s%s %s %s %s %s", s.Carrier, v6, s.State, end(s.Local), end(s.Remote), s.Owner))
	}
	sort.Strings(all)
	return all
}

// end prints an address, and a port only where it is a listener's.
func end(a netip.AddrPort) string {
	switch {
	case !a.IsValid():
		return "-"
	case a.Port() >= 32768:
		return a.Addr().String()
	}
	return a.String()
}

func TestSnapshotShowsEverySocket(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	a, b := s.Addr("a", "lan"), s.Addr("b", "lan")
	at := netip.AddrPortFrom(b, 5072)
	ln := listen(t, l.Host("b"), at)
	l.Own(ln.inode, "bob")
	got, want := lines(t, l, "b"), []string{"tcp LISTEN 10.77.0.2:5072 - bob"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("a listener: -want +got\n%s", diff)
	}

	caller := dial(t, l.Host("a"), a, at)
	l.Own(caller.inode, "ann")
	want = []string{"tcp ESTAB 10.77.0.2:5072 10.77.0.1 bob", "tcp LISTEN 10.77.0.2:5072 - bob"}
	if diff := cmp.Diff(want, lines(t, l, "b")); diff != "" {
		t.Fatalf("a connection that nobody accepted: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tcp ESTAB 10.77.0.1 10.77.0.2:5072 ann"}, lines(t, l, "a")); diff != "" {
		t.Fatalf("its other end: -want +got\n%s", diff)
	}

	callee := ln.accept()
	if diff := cmp.Diff(want, lines(t, l, "b")); diff != "" {
		t.Fatalf("accepted by somebody who has not said so: -want +got\n%s", diff)
	}
	l.Own(callee.inode, "bob's worker")
	want[0] = "tcp ESTAB 10.77.0.2:5072 10.77.0.1 bob's worker"
	if diff := cmp.Diff(want, lines(t, l, "b")); diff != "" {
		t.Fatalf("accepted: -want +got\n%s", diff)
	}

	caller.close()
	want[0] = "tcp CLOSE-WAIT 10.77.0.2:5072 10.77.0.1 bob's worker"
	if diff := cmp.Diff(want, lines(t, l, "b")); diff != "" {
		t.Fatalf("the other end closed: -want +got\n%s", diff)
	}
	// The acknowledgement of its FIN may be delayed.
	eventually(t, "a closed socket is nobody's", func() bool {
		return cmp.Equal([]string{"tcp FIN-WAIT-2 10.77.0.1 10.77.0.2:5072 "}, lines(t, l, "a"))
	})

	callee.close()
	if diff := cmp.Diff([]string{"tcp TIME-WAIT 10.77.0.1 10.77.0.2:5072 "}, lines(t, l, "a")); diff != "" {
		t.Fatalf("closed on both ends: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tcp LISTEN 10.77.0.2:5072 - bob"}, lines(t, l, "b")); diff != "" {
		t.Fatalf("the listener is left: -want +got\n%s", diff)
	}
}

func TestSnapshotOfOtherKinds(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	h, any4, any6 := l.Host("a"), netip.IPv4Unspecified(), netip.IPv6Unspecified()
	open(t, h, unix.SOCK_DGRAM, netip.AddrPortFrom(any4, 5060))
	open(t, h, unix.SOCK_DGRAM, netip.AddrPortFrom(any6, 5061))
	connected := open(t, h, unix.SOCK_DGRAM, netip.AddrPortFrom(s.Addr("a", "lan"), 5062))
	connected.must(unix.Connect(connected.fd, sockaddr(netip.MustParseAddrPort("10.77.0.2:5060"))))
	listen(t, h, netip.AddrPortFrom(any6, 5060))
	fd, err := h.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	six := adopt(t, fd)
	six.must(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1))
	six.must(unix.BindToDevice(fd, "eth0"))
	six.must(unix.Bind(fd, sockaddr(netip.AddrPortFrom(any6, 5063))))
	six.must(unix.Listen(fd, 3))
	want := []string{
		"tcp v6 LISTEN [::]:5060 - ",
		"tcp v6only LISTEN [::]:5063 - ",
		"udp UNCONN 0.0.0.0:5060 - ",
		"udp ESTAB 10.77.0.1:5062 10.77.0.2:5060 ",
		"udp v6 UNCONN [::]:5061 - ",
	}
	sort.Strings(want)
	if diff := cmp.Diff(want, lines(t, l, "a")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	snap, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range snap.Host("a").Sockets {
		if got.Inode == six.inode && (got.Device != firstDevice || got.Backlog != 3) {
			t.Errorf("the listener on eth0 has device %d and backlog %d, want %d and 3", got.Device, got.Backlog, firstDevice)
		}
	}
	if diff := cmp.Diff([]string{}, lines(t, l, "b")); diff != "" {
		t.Errorf("the other host has sockets: %s", diff)
	}
}

// A wildcard listener that takes IPv6 only is not the owner of an IPv4 child.
func TestListenerOf(t *testing.T) {
	listener := func(owner, at string, v6, only bool) linux.Socket {
		return linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, V6: v6, V6Only: only,
			Local: netip.MustParseAddrPort(at), Owner: owner}
	}
	all := []linux.Socket{
		listener("six", "[::]:5060", true, true),
		listener("four", "0.0.0.0:5060", false, false),
		listener("one", "10.77.0.1:5060", false, false),
		listener("both", "[::]:5061", true, false),
	}
	for at, want := range map[string]string{
		"10.77.0.1:5060": "one", "10.77.0.2:5060": "four", "[fd77::1]:5060": "six",
		"[::ffff:10.77.0.1]:5061": "both", "[fd77::1]:5061": "both", "10.77.0.1:5062": "",
	} {
		got := ""
		if l := linux.ListenerOf(all, &linux.Socket{Carrier: sip.CarrierTCP, Local: netip.MustParseAddrPort(at)}); l != nil {
			got = l.Owner
		}
		if got != want {
			t.Errorf("the listener of %s is %q, want %q", at, got, want)
		}
	}
}

// Somebody else's reader of sock_diag sees the same.
func TestSnapshotAgreesWithNetlinkLibrary(t *testing.T) {
	for _, f := range families {
		s := lan(f, "a", "b")
		l := newLab(t, s)
		at := netip.AddrPortFrom(s.Addr("b", "lan"), 5060)
		ln := listen(t, l.Host("b"), at)
		for i := 0; i < 20; i++ {
			dial(t, l.Host("a"), s.Addr("a", "lan"), at)
			if i%2 == 0 {
				ln.accept()
			}
		}
		snap, err := l.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range snap.Hosts {
			var want, got []string
			for _, s := range host.Sockets {
				got = append(got, fmt.Sprint(uint8(s.State), s.Local, s.Remote.Port(), s.Inode, s.Cookie))
			}
			h := l.Host(host.Host)
			ns, err := h.diag.namespace()
			if err != nil {
				t.Fatal(err)
			}
			handle, err := netlink.NewHandleAt(vnetns.NsHandle(ns), unix.NETLINK_INET_DIAG)
			if err != nil {
				t.Fatal(err)
			}
			all, err := handle.SocketDiagTCP(family(at.Addr()))
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range all {
				ip, _ := netip.AddrFromSlice(s.ID.Source)
				local := netip.AddrPortFrom(ip.Unmap(), s.ID.SourcePort)
				cookie := uint64(s.ID.Cookie[0]) | uint64(s.ID.Cookie[1])<<32
				want = append(want, fmt.Sprint(s.State, local, s.ID.DestinationPort, s.INode, cookie))
			}
			handle.Close()
			unix.Close(ns)
			sort.Strings(want)
			sort.Strings(got)
			if len(want) < 20 {
				t.Errorf("the library lists only %d sockets of %s", len(want), host.Host)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("host %s: -library +ours\n%s", host.Host, diff)
			}
		}
	}
}

// A dump of more than one read is whole.
func TestSnapshotOfThousands(t *testing.T) {
	s := lan(scenario.IPv4, "a")
	l := newLab(t, s)
	const many = 2000
	for i := 0; i < many; i++ {
		ln := listen(t, l.Host("a"), netip.AddrPortFrom(s.Addr("a", "lan"), uint16(10000+i)))
		l.Own(ln.inode, fmt.Sprint("owner ", 10000+i))
	}
	snap, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint16]bool{}
	for _, s := range snap.Host("a").Sockets {
		seen[s.Local.Port()] = true
		if want := fmt.Sprint("owner ", s.Local.Port()); s.Owner != want {
			t.Errorf("port %d belongs to %q", s.Local.Port(), s.Owner)
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d listeners are in the snapshot", len(seen), many)
	}
}

func TestSocketInode(t *testing.T) {
	for link, want := range map[string]uint64{"socket:[1234]": 1234, "pipe:[1234]": 0, "socket:[]": 0, "socket:[x]": 0, "": 0, "/dev/null": 0} {
		got, ok := socketInode(link)
		if got != want || ok != (want != 0) {
			t.Errorf("socketInode(%q) = %d, %v", link, got, ok)
		}
	}
}
