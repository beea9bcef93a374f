package netns

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// leaks are things done in a lab of the scenario routed, each of which would
// be seen by the next user if the reset forgot it.
var leaks = []struct {
	name string
	do   func(t *testing.T, l *Lab) error
}{
	{"nothing", func(*testing.T, *Lab) error { return nil }},
	{"connections of every state", leaveConnections},
	{"a neighbour that nobody is", func(t *testing.T, l *Lab) error {
		l.Host("ann").Probe(ip("10.77.0.1"), tcpTo(netip.MustParseAddrPort("10.77.0.99:1")))
		l.Host("ann").Probe(ip("fd77::1"), tcpTo(netip.MustParseAddrPort("[fd77::99]:1")))
		return nil
	}},
	{"a neighbour that nobody asks for", func(t *testing.T, l *Lab) error { return l.Nobody(nil, "lan", ip("10.77.0.99")) }},
	{"link down", func(t *testing.T, l *Lab) error { return l.Host("ann").SetLink("lan", false) }},
	{"link down and up", func(t *testing.T, l *Lab) error {
		return errors.Join(l.Host("gate").SetLink("lan", false), l.Host("gate").SetLink("lan", true))
	}},
	{"address added", func(t *testing.T, l *Lab) error { return l.Host("ann").Assign("lan", ip("10.77.0.101")) }},
	{"address removed", func(t *testing.T, l *Lab) error { return l.Host("bob").Unassign(ip("fd77:1::3")) }},
	{"address removed unnoticed", func(t *testing.T, l *Lab) error { return l.Host("bob").RemoveAddr(ip("10.77.1.3")) }},
	{"renumbered", func(t *testing.T, l *Lab) error {
		return l.Host("ann").Renumber("lan", ip("10.77.0.1"), ip("10.77.0.101"))
	}},
	{"route withdrawn", func(t *testing.T, l *Lab) error { return l.Host("ann").Withdraw(scenario.ToAll, "") }},
	{"forwarding off", func(t *testing.T, l *Lab) error { return l.Host("gate").SetForwarding(false) }},
	{"filter", func(t *testing.T, l *Lab) error { return l.Host("bob").Filter(sip.CarrierUDP, 5060) }},
	{"flow cut", func(t *testing.T, l *Lab) error {
		f := Flow{Carrier: sip.CarrierTCP, Local: netip.MustParseAddrPort("10.77.0.1:5060"), Remote: netip.MustParseAddrPort("10.77.1.3:5060")}
		return errors.Join(l.Silence(f), l.ResetFlow(f))
	}},
	{"somebody's own route, rule, address and table", func(t *testing.T, l *Lab) error {
		h := l.Host("ann")
		var b batch
		r := route{family: 4, kind: scenario.BlackholeRoute, dst: netip.MustParsePrefix("192.0.2.0/24"), src: netip.MustParsePrefix("10.77.0.0/24"), table: 7}
		addRoutes(&b, []route{r})
		addAddress(&b, firstDevice, address{ip("fd77::77"), scenario.Usable})
		return h.route.do(&b)
	}},
	{"a path MTU", learnPathMTU},
	{"a TCP Fast Open cookie", askForCookie},
	{"owners", func(t *testing.T, l *Lab) error { l.Own(12345, "ann"); return nil }},
	{"a capture", func(t *testing.T, l *Lab) error { _, err := l.Capture(io.Discard); return err }},
	{"a process", func(t *testing.T, l *Lab) (err error) {
		leftProcess, err = l.Host("ann").Spawn(Spec{Owner: "ann", Argv: []string{"sleep", "1000"}})
		return err
	}},
	{"a backlog", func(t *testing.T, l *Lab) error {
		s := listen(t, l.Host("ann"), netip.MustParseAddrPort("10.77.0.1:5060"))
		defer s.close()
		return l.Host("ann").FillBacklog(s.addr)
	}},
	{"a fragment", leaveFragment},
	{"a setting", func(t *testing.T, l *Lab) error {
		return l.Host("ann").Do(func() error { return writeSysctl("ipv4/ip_default_ttl", "9") })
	}},
	{"a socket that is still held", func(t *testing.T, l *Lab) error {
		open(t, l.Host("ann"), unix.SOCK_DGRAM, netip.MustParseAddrPort("10.77.0.1:5060"))
		return nil
	}},
}

// leftProcess is for the test to kill if a reset does not.
var leftProcess *Process

var ip = netip.MustParseAddr

// Nothing of one scenario reaches the next: after each of leaks, a lab of the
// pool cannot be told from a fresh one.
func TestNothingLeaksThroughAPool(t *testing.T) {
	s := parse(t, routed)
	want := freshObservation(t, s)
	reused := 0
	for _, leak := range leaks {
		kept, got := afterLeak(t, s, leak.do, "")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s is seen by the next user (- fresh, + reused):\n%s", leak.name, diff)
		}
		if kept {
			reused++
		}
	}
	if reused < len(leaks)-5 {
		t.Errorf("only %d of %d labs were used again", reused, len(leaks))
	}
}

// betrayed names for each item of a reset one of leaks that betrays its
// absence.
var betrayed = map[string]string{
	"captures": "a capture", "processes": "a process", "ports": "a process", "settings": "a setting", "backlogs": "a backlog",
	"filters": "filter", "sockets": "connections of every state", "fragments": "a fragment",
	"metrics": "a TCP Fast Open cookie", "configuration": "route withdrawn", "exceptions": "a path MTU", "owners": "owners",
}

// The negative twin: a reset that forgets any one item is found out, by what
// the next user sees or by another item that then refuses the lab.
func TestAForgottenItemLeaks(t *testing.T) {
	s := parse(t, routed)
	want := freshObservation(t, s)
	for _, item := range resetItems {
		for _, leak := range leaks {
			if leak.name != betrayed[item.name] {
				continue
			}
			keptWhole, _ := afterLeak(t, s, leak.do, "")
			kept, got := afterLeak(t, s, leak.do, item.name)
			if kept == keptWhole && cmp.Diff(want, got) == "" {
				t.Errorf("a reset without %q is not found out by %s", item.name, leak.name)
			}
		}
		if betrayed[item.name] == "" {
			t.Errorf("nothing betrays a reset without %q", item.name)
		}
	}
}

// afterLeak does something in a lab of a pool and observes the next one. kept
// tells whether it is the same.
func afterLeak(t *testing.T, s *scenario.Scenario, do func(*testing.T, *Lab) error, forget string) (kept bool, seen []string) {
	t.Helper()
	pool := &Pool{forget: forget}
	defer pool.Close()
	defer func() {
		if leftProcess != nil {
			_ = leftProcess.Kill()
		}
	}()
	ok := t.Run("case", func(t *testing.T) {
		l, err := pool.New(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := do(t, l); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if !ok {
		t.FailNow()
	}
	l, err := pool.New(s)
	if err != nil {
		t.Fatal(err)
	}
	seen = observe(t, l)
	for _, h := range l.hosts {
		h.touched.Store(true) // the observer has sockets that come late to their end
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return pool.Count().Fresh == 1, seen
}

func freshObservation(t *testing.T, s *scenario.Scenario) []string {
	t.Helper()
	Require(t)
	var pool Pool // it has some sockets of its own
	defer pool.Close()
	l, err := pool.New(s)
	if err != nil {
		t.Fatal(err)
	}
	defer l.destroy()
	return observe(t, l)
}

// observe lists everything that can be seen in a lab, with tools that have
// nothing to do with the reset.
func observe(t *testing.T, l *Lab) (all []string) {
	t.Helper()
	snap, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, fmt.Sprint("owners ", l.owners.of), fmt.Sprint("snapshot ", snap))
	for _, h := range l.hosts {
		say := func(format string, args ...any) { all = append(all, h.name+": "+fmt.Sprintf(format, args...)) }
		err := h.inside(func() error { return observeHost(say) })
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []model.ProbeResult{h.Probe(h.Addrs()[0], tcpTo(netip.AddrPortFrom(h.Addrs()[0], 5060))).Result} {
			say("probe %v", p)
		}
	}
	return all
}

func observeHost(say func(string, ...any)) error {
	stat, err := os.ReadFile("/proc/thread-self/net/sockstat")
	if err != nil {
		return err
	}
	say("%d processes", processesHere())
	say("tw %d frag %d", number(stat, " tw "), number(stat, "FRAG: inuse "))
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		a := l.Attrs()
		say("link %s %v mtu %d promisc %d", a.Name, a.Flags, a.MTU, a.Promisc)
		addrs, err := netlink.AddrList(l, netlink.FAMILY_ALL)
		if err != nil {
			return err
		}
		for _, a := range addrs {
			say("addr %v flags %#x for %d", a, a.Flags, a.PreferedLft)
		}
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return err
	}
	var lines []string
	for _, r := range routes {
		lines = append(lines, fmt.Sprintf("route %v type %d proto %d flags %#x mtu %d", r, r.Type, r.Protocol, r.Flags, r.MTU))
	}
	neighbours, err := netlink.NeighList(0, 0)
	if err != nil {
		return err
	}
	for _, n := range neighbours {
		if n.State != netlink.NUD_NOARP {
			lines = append(lines, fmt.Sprintf("neighbour %v dev %d %v state %d", n.IP, n.LinkIndex, n.HardwareAddr, n.State))
		}
	}
	rules, err := netlink.RuleList(netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for _, r := range rules {
		lines = append(lines, fmt.Sprintf("rule %v", r))
	}
	lines = append(lines, observeFiles()...)
	sort.Strings(lines)
	for _, line := range lines {
		say("%s", line)
	}
	return observeNetlink(say)
}

// processesHere counts the other processes in the thread's network namespace.
func processesHere() (n int) {
	here, _ := os.Readlink("/proc/thread-self/ns/net")
	all, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, path := range all {
		if ns, err := os.Readlink(path); err == nil && ns == here && !strings.HasPrefix(path, fmt.Sprintf("/proc/%d/", os.Getpid())) {
			n++
		}
	}
	return n
}

// observeFiles reads all settings and what /proc lists.
func observeFiles() (lines []string) {
	_ = filepath.WalkDir("/proc/sys/net", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "tcp_fastopen_key" {
			value, err := os.ReadFile(path)
			lines = append(lines, fmt.Sprintf("setting %s = %q %v", path, value, err))
		}
		return nil
	})
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet", "nf_conntrack", "nf_conntrack_expect", "igmp6", "dev_mcast", "psched"} {
		file, err := os.ReadFile("/proc/thread-self/net/" + name)
		for _, line := range strings.Split(strings.TrimSpace(string(file)), "\n") {
			if !strings.Contains(line, "sl  local") && name != "igmp6" {
				lines = append(lines, fmt.Sprintf("%s %s %v", name, line, errors.Is(err, fs.ErrNotExist)))
			}
		}
	}
	return lines
}

// observeNetlink lists what only netlink tells of.
func observeNetlink(say func(string, ...any)) error {
	for _, part := range []struct {
		name  string
		proto int
		ask   func(b *batch) error
	}{
		{"packet filter tables", unix.NETLINK_NETFILTER, func(b *batch) error {
			b.request(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, "")
			b.u8(unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0)
			return nil
		}},
		{"learned routes", unix.NETLINK_ROUTE, func(b *batch) error {
			b.request(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "")
			b.u8(unix.AF_INET, 0, 0, 0, 0, 0, 0, 0)
			b.u32(unix.RTM_F_CLONED)
			return nil
		}},
		{"TCP metrics", unix.NETLINK_GENERIC, func(b *batch) error {
			id, err := metricsFamily()
			b.request(id, unix.NLM_F_DUMP, "")
			b.u8(1, genlVersion, 0, 0) // TCP_METRICS_CMD_GET
			return err
		}},
	} {
		var b batch
		n := 0
		c, err := newConn(part.proto)
		if err == nil {
			defer c.close()
			err = errors.Join(part.ask(&b), c.query(&b, true, func(body []byte) {
				if part.proto != unix.NETLINK_ROUTE || native.Uint32(body[8:])&unix.RTM_F_CLONED != 0 {
					n++
				}
			}))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		say("%s: %d", part.name, n)
	}
	return nil
}

// leaveConnections leaves sockets that nobody holds in the states that last.
func leaveConnections(t *testing.T, l *Lab) error {
	for _, from := range []string{"10.77.0.1 10.77.1.3", "fd77::1 fd77:1::3"} {
		a, b, _ := strings.Cut(from, " ")
		ln := listen(t, l.Host("bob"), netip.AddrPortFrom(ip(b), 5060))
		one := dial(t, l.Host("ann"), ip(a), ln.addr)
		other := ln.accept()
		one.close() // FIN-WAIT-2 and CLOSE-WAIT
		two := dial(t, l.Host("ann"), ip(a), ln.addr)
		third := ln.accept()
		two.close()
		third.close() // TIME-WAIT
		dial(t, l.Host("ann"), ip(a), ln.addr).close()
		defer other.close()
		ln.close()
	}
	return nil
}

// learnPathMTU makes ann believe that bob is reached with 1000 bytes only.
func learnPathMTU(t *testing.T, l *Lab) error {
	s := open(t, l.Host("ann"), unix.SOCK_DGRAM, netip.MustParseAddrPort("10.77.0.1:5060"))
	defer s.close()
	if err := unix.Connect(s.fd, sockaddr(netip.MustParseAddrPort("10.77.1.3:5060"))); err != nil {
		return err
	}
	raw, err := l.Host("gate").Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if err != nil {
		return err
	}
	defer unix.Close(raw)
	icmp := []byte{3, 4, 0, 0, 0, 0, 1000 >> 8, 1000 & 255,
		0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 77, 0, 1, 10, 77, 1, 3,
		5060 >> 8, 5060 & 255, 5060 >> 8, 5060 & 255, 0, 8, 0, 0}
	var sum uint32
	for i := 0; i < len(icmp); i += 2 {
		sum += uint32(icmp[i])<<8 | uint32(icmp[i+1])
	}
	sum = sum&0xffff + sum>>16
	sum = ^(sum + sum>>16)
	icmp[2], icmp[3] = byte(sum>>8), byte(sum)
	return unix.Sendto(raw, icmp, 0, sockaddr(netip.MustParseAddrPort("10.77.0.1:0")))
}

// askForCookie connects with TCP Fast Open, of which the kernel remembers.
func askForCookie(t *testing.T, l *Lab) error {
	ln := listen(t, l.Host("bob"), netip.MustParseAddrPort("10.77.1.3:5060"))
	defer ln.close()
	s := open(t, l.Host("ann"), unix.SOCK_STREAM, netip.MustParseAddrPort("10.77.0.1:0"))
	defer s.close()
	if err := unix.Sendto(s.fd, []byte("x"), unix.MSG_FASTOPEN, sockaddr(ln.addr)); err != nil && err != unix.EINPROGRESS {
		return err
	}
	s.wait(unix.POLLOUT)
	return nil
}

// leaveFragment sends ann the first half of a datagram.
func leaveFragment(t *testing.T, l *Lab) error {
	raw, err := l.Host("gate").Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW)
	if err != nil {
		return err
	}
	defer unix.Close(raw)
	packet := append([]byte{0x45, 0, 0, 28, 7, 7, 0x20, 0, 64, unix.IPPROTO_UDP, 0, 0, 10, 77, 0, 2, 10, 77, 0, 1}, make([]byte, 8)...)
	return unix.Sendto(raw, packet, 0, sockaddr(netip.MustParseAddrPort("10.77.0.1:0")))
}
