package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func TestHostsHaveTheScenariosAddresses(t *testing.T) {
	s := &scenario.Scenario{
		Nets: []scenario.Net{{Name: "lan", Family: 4}, {Name: "wan", Family: 6}, {Name: "empty", Family: 4}},
		Hosts: []scenario.Host{{Name: "ann", Nets: []string{"lan"}}, {Name: "gate", Nets: []string{"wan", "lan"}},
			{Name: "bob", Nets: []string{"wan"}}, {Name: "nowhere"}},
	}
	l := newLab(t, s)
	for host, want := range map[string]string{
		"ann":     "lo 127.0.0.1/8 ::1/128 eth0 10.77.0.1/24",
		"gate":    "lo 127.0.0.1/8 ::1/128 eth0 fd77:1::2/64 eth1 10.77.0.2/24",
		"bob":     "lo 127.0.0.1/8 ::1/128 eth0 fd77:1::3/64",
		"nowhere": "lo 127.0.0.1/8 ::1/128",
	} {
		var got []string
		err := l.Host(host).Do(func() error {
			all, err := net.Interfaces()
			for _, i := range all {
				if strings.HasPrefix(i.Name, "fabric") {
					continue
				}
				if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
					t.Errorf("%s: %s is not up and running: %v", host, i.Name, i.Flags)
				}
				got = append(got, i.Name)
				addrs, err := i.Addrs()
				if err != nil {
					return err
				}
				for _, a := range addrs {
					got = append(got, a.String())
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s has %s, want %s", host, g, want)
		}
	}
	if h := l.Host("nobody"); h != nil {
		t.Errorf("an unknown host is %v", h)
	}
}

// Listener ports lie below the range from which the kernel takes its own, or
// a probe of a closed port could end up connected to itself.
func TestEphemeralPortsStartAt32768(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	err := l.Host("a").Do(func() error {
		got, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
		if f := strings.Fields(string(got)); err == nil && (len(f) != 2 || f[0] != "32768" || f[1] != "60999") {
			t.Errorf("the range is %q, want 32768 60999", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// With socket tables of its own a host is listed a hundred times faster.
func TestHostsHaveSmallSocketTables(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	err := l.Host("a").Do(func() error {
		got, err := os.ReadFile("/proc/sys/net/ipv4/tcp_ehash_entries")
		if errors.Is(err, os.ErrNotExist) {
			t.Skip("this kernel shares one table (Linux 6.1 and newer don't)")
		}
		if strings.TrimSpace(string(got)) != "1024" {
			t.Errorf("the table has %q entries, want 1024 of its own", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Nobody has to ask for a hardware address: an answer may come late.
func TestHostsKnowTheirNeighbours(t *testing.T) {
	for _, f := range families {
		s := lan(f, "a", "b", "c")
		l := newLab(t, s)
		for _, h := range s.Hosts {
			known := map[string]bool{}
			err := l.Host(h.Name).Do(func() error {
				all, err := netlink.NeighList(firstDevice, int(family(s.Addr(h.Name, "lan"))))
				for _, n := range all {
					known[n.IP.String()] = n.State == netlink.NUD_PERMANENT
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range s.Hosts {
				if a := s.Addr(other.Name, "lan").String(); other.Name != h.Name && !known[a] {
					t.Errorf("%s does not know %s", h.Name, a)
				}
			}
		}
	}
}

// Labs with equal addresses, made and used side by side, do not see each
// other: in each the same port is somebody else's.
func TestLabsDoNotSeeEachOther(t *testing.T) {
	Require(t)
	for _, f := range families {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			var wait sync.WaitGroup
			for w := 0; w < 8; w++ {
				wait.Add(1)
				go func() {
					defer wait.Done()
					for n := 0; n < 5; n++ {
						if err := tryLab(f, uint16(5060+w)); err != nil {
							t.Errorf("worker %d, lab %d: %v", w, n, err)
						}
					}
				}()
			}
			wait.Wait()
		})
	}
}

// tryLab makes a lab of three hosts in which one port accepts and those of its
// neighbours' labs do not.
func tryLab(f scenario.Family, port uint16) error { return tryLabOf(New, f, port) }

func tryLabOf(make func(*scenario.Scenario) (*Lab, error), f scenario.Family, port uint16) (err error) {
	s := lan(f, "a", "b", "c")
	l, err := make(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	at := s.Addr("b", "lan")
	fd, err := l.Host("b").Socket(int(family(at)), unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, sockaddr(netip.AddrPortFrom(at, port))), unix.Listen(fd, 32)); err != nil {
		return err
	}
	for _, from := range []string{"a", "b", "c"} {
		for try := uint16(5060); try < 5068; try++ {
			want := model.ProbeRefused
			if try == port {
				want = model.ProbeAccepted
			}
			p := l.Host(from).Probe(s.Addr(from, "lan"), tcpTo(netip.AddrPortFrom(at, try)))
			if p.Result != want {
				return fmt.Errorf("%s probes port %d of b: %s (%s), want %s", from, try, p.Result, p.Detail, want)
			}
		}
	}
	return nil
}

// Everything works at once in a fresh lab: not one segment has to be sent
// twice, in any direction. (A link or address that is not in force yet costs
// exactly one second, and would go unnoticed otherwise.)
func TestFreshLabsLoseNothing(t *testing.T) {
	Require(t)
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	for _, f := range families {
		for n := 0; n < rounds; n++ {
			s := lan(f, "a", "b", "c")
			l, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range s.Hosts {
				for _, to := range s.Hosts {
					at := netip.AddrPortFrom(s.Addr(to.Name, "lan"), 5060)
					for _, target := range []sip.Target{tcpTo(at), udpTo(at)} {
						if p := l.Host(from.Name).Probe(s.Addr(from.Name, "lan"), target); p.Result != model.ProbeRefused {
							t.Errorf("lab %d: %s to %s over %s: %s (%s)", n, from.Name, to.Name, target.Transport, p.Result, p.Detail)
						}
					}
				}
				if got := retransmitted(t, l.Host(from.Name)); got != 0 {
					t.Errorf("lab %d: %s sent %d segments again", n, from.Name, got)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// The negative twin: where a segment is lost, the counter tells.
func TestLostSegmentsAreCounted(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	var b batch
	b.request(unix.RTM_NEWNEIGH, unix.NLM_F_REPLACE, "send b's packets nowhere")
	b.u8(unix.AF_INET, 0, 0, 0)
	b.u32(firstDevice)
	b.u16(unix.NUD_PERMANENT)
	b.u8(0, 0)
	b.attrAddr(unix.NDA_DST, s.Addr("b", "lan"))
	b.attr(unix.NDA_LLADDR, []byte{2, 0x77, 0, 0, 0, 99})
	if err := l.Host("a").route.do(&b); err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(s.Addr("b", "lan"), 5060)
	fd, err := l.Host("a").Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	_ = unix.Connect(fd, sockaddr(at))
	eventually(t, "a lost SYN is counted", func() bool { return retransmitted(t, l.Host("a")) > 0 })
}

// retransmitted reads how many TCP segments a host has sent again.
func retransmitted(t *testing.T, h *Host) (n int) {
	t.Helper()
	err := h.Do(func() error {
		file, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for _, line := range strings.Split(string(file), "\n") {
			f := strings.Fields(line)
			if len(f) == 0 || f[0] != "Tcp:" {
				continue
			}
			if names == nil {
				names = f
				continue
			}
			for i, name := range names {
				if name == "RetransSegs" {
					_, err := fmt.Sscan(f[i], &n)
					return err
				}
			}
		}
		return errors.New("no RetransSegs in /proc/net/snmp")
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestScenariosThatCannotBeBuilt(t *testing.T) {
	crowd := make([]string, scenario.MaxHosts+1)
	for i := range crowd {
		crowd[i] = fmt.Sprint("h", i)
	}
	for _, tt := range []struct {
		s    *scenario.Scenario
		want string
	}{
		{&scenario.Scenario{}, "1 to 1016 hosts"},
		{lan(scenario.IPv4, crowd...), "1 to 1016 hosts"},
		{lan(scenario.IPv4, "a", "a"), `two hosts are called "a"`},
		{lan(5, "a"), "family 5"},
		{&scenario.Scenario{Nets: lan(4).Nets, Hosts: lan(4, "a").Hosts, Routes: []scenario.HostRoute{{Host: "b", To: "lan"}}}, "no such host"},
		{&scenario.Scenario{Nets: lan(4).Nets, Hosts: lan(4, "a").Hosts, Addrs: []scenario.HostAddr{{Host: "a", Place: scenario.Place{Net: "far"}}}}, "no place"},
		{&scenario.Scenario{Hosts: []scenario.Host{{Name: "a", Nets: []string{"lan"}}}}, `no network is called "lan"`},
		{&scenario.Scenario{Nets: lan(scenario.IPv4).Nets, Hosts: []scenario.Host{{Name: "a", Nets: []string{"lan", "lan"}}}}, "twice"},
	} {
		l, err := New(tt.s)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "netns: ") {
			t.Errorf("New says %v, want %q", err, tt.want)
		}
		if l != nil {
			t.Error("New returns a lab with its error")
		}
	}
}

// Where the kernel lacks one kind of device the next is taken; where it lacks
// all, the error says which to load.
func TestFabricIsWhatTheKernelHas(t *testing.T) {
	l := newLab(t, &scenario.Scenario{Hosts: []scenario.Host{{Name: "bare"}}})
	c := l.Host("bare").route
	if kind, err := tryFabric(c, []string{"no-such-kind"}); err == nil || !strings.Contains(err.Error(), "modules macvlan and one of no-such-kind") {
		t.Errorf("without any: %q, %v", kind, err)
	}
	if kind, err := tryFabric(c, []string{"no-such-kind", mother.fabric}); err != nil || kind != mother.fabric {
		t.Errorf("without the first: %q, %v", kind, err)
	}
}

func TestClosedLabAnswersWithErrors(t *testing.T) {
	s := lan(scenario.IPv4, "a")
	l := newLab(t, s)
	h := l.Host("a")
	for i := 0; i < 2; i++ {
		if err := l.Close(); err != nil {
			t.Fatalf("close number %d: %v", i+1, err)
		}
	}
	if _, err := l.Snapshot(); err == nil {
		t.Error("Snapshot works on a closed lab")
	}
	if err := h.Do(func() error { return nil }); !errors.Is(err, errClosed) {
		t.Errorf("Do says %v", err)
	}
	if _, err := h.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); !errors.Is(err, errClosed) {
		t.Errorf("Socket says %v", err)
	}
	if _, err := h.Spawn(Spec{Owner: "x", Argv: []string{"true"}}); !errors.Is(err, errClosed) {
		t.Errorf("Spawn says %v", err)
	}
	if p := h.Probe(s.Addr("a", "lan"), tcpTo(netip.MustParseAddrPort("10.77.0.1:1"))); p.Result != model.ProbeError {
		t.Errorf("Probe says %v", p)
	}
	if _, err := l.Capture(nil); !errors.Is(err, errClosed) {
		t.Errorf("Capture says %v", err)
	}
}

// Do brings the thread back, also when f fails and when calls are nested.
func TestDoComesBack(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a", "b"))
	outside := threadNamespace(t)
	failed := errors.New("failed")
	err := l.Host("a").Do(func() error {
		inA := threadNamespace(t)
		if inA == outside {
			t.Error("Do stays outside")
		}
		_ = l.Host("b").Do(func() error {
			if ns := threadNamespace(t); ns == inA || ns == outside {
				t.Error("the inner Do does not enter its host")
			}
			return nil
		})
		if threadNamespace(t) != inA {
			t.Error("the inner Do does not come back")
		}
		return failed
	})
	if err != failed {
		t.Errorf("Do returns %v", err)
	}
	if threadNamespace(t) != outside {
		t.Error("Do does not come back")
	}
}

func threadNamespace(t *testing.T) string {
	t.Helper()
	ns, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// Several processes side by side, each with labs of the same addresses.
func TestProcessesDoNotSeeEachOther(t *testing.T) {
	Require(t)
	var wait sync.WaitGroup
	for i := 0; i < 3; i++ {
		cmd := ordinary(t, "lab")
		if i == 0 {
			cmd.SysProcAttr = nil // as who this test is
		}
		wait.Add(1)
		go func() {
			defer wait.Done()
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		}()
	}
	wait.Wait()
}
