package netns

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// watch counts the packets with addresses of labs that pass the machine's
// interfaces, loopback too, while f runs.
func watch(t *testing.T, f func()) (seen int) {
	t.Helper()
	all := int(uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8)
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	f()
	buf := make([]byte, 65536)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EAGAIN) {
			return seen
		}
		if err != nil {
			t.Fatal(err)
		}
		if ofALab(buf[:n]) {
			seen++
		}
	}
}

// ofALab reports whether a frame has an address of a lab, on any layer.
func ofALab(frame []byte) bool {
	text := string(frame[:min(len(frame), 80)])
	for _, mark := range []string{"\x02\x77\x00", "\x0a\x4d\x00", "\x0a\x4d\x01", "\xfd\x77\x00"} {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// No packet of a lab, of however many routers, passes an interface of the
// machine, and the machine's own namespace is as it was.
func TestNoPacketLeavesALab(t *testing.T) {
	Require(t)
	before := machine(t)
	seen := watch(t, func() {
		var pool Pool
		defer pool.Close()
		s := parse(t, routed)
		for range 5 {
			l := poolLab(t, &pool, s)
			for _, to := range []string{"10.77.1.3", "10.77.1.99", "192.0.2.1", "fd77:1::3", "2001:db8::1"} {
				from := choose(strings.Contains(to, ":"), "fd77::1", "10.77.0.1")
				for _, transport := range sip.Transports {
					l.Host("ann").Probe(ip(from), sip.Target{Transport: transport, Addr: netip.AddrPortFrom(ip(to), 5060)})
				}
			}
			if err := l.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	if seen != 0 {
		t.Errorf("%d packets of a lab were seen on the machine's interfaces", seen)
	}
	if after := machine(t); after != before {
		t.Errorf("the machine's own namespace has changed from\n%s\nto\n%s", before, after)
	}
}

// The negative twin: a packet with a lab's address is seen where it does pass.
func TestPacketsOfLabsWouldBeSeen(t *testing.T) {
	Require(t)
	seen := watch(t, func() {
		c, err := net.Dial("udp", "127.0.0.1:9")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{10, 77, 0, 1}); err != nil {
			t.Fatal(err)
		}
	})
	if seen == 0 {
		t.Error("a packet on the machine's loopback is not seen")
	}
}

// machine is what a lab could change in the machine's own namespace.
func machine(t *testing.T) string {
	t.Helper()
	all := []string{machineLinks(t)}
	for _, file := range []string{"route", "ipv6_route", "if_inet6", "fib_trie", "dev_mcast"} {
		content, err := os.ReadFile("/proc/net/" + file)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		for i := range lines { // the reference and use counts of IPv6 routes come and go
			if f := strings.Fields(lines[i]); file == "ipv6_route" && len(f) == 10 {
				f[6], f[7] = "-", "-"
				lines[i] = strings.Join(f, " ")
			}
		}
		all = append(all, file, strings.Join(lines, "\n"))
	}
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/conf/all/rp_filter", "ipv4/conf/default/rp_filter",
		"ipv4/icmp_ratemask", "ipv6/icmp/ratemask", "ipv6/conf/default/dad_transmits", "ipv4/tcp_child_ehash_entries"} {
		value, _ := os.ReadFile("/proc/sys/net/" + name)
		all = append(all, name+"="+string(value))
	}
	return strings.Join(all, "\n")
}
