package netns

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// The floor is the least that a lab of three hosts can be made of: system
// calls and netlink messages that are there before the clock runs, on threads
// that stay where they are, with no error but the first one looked at. The
// messages are listed in testdata/floor.txt.

var update = flag.Bool("update", false, "rewrite testdata/floor.txt")

const floorHosts = 3

// floorMessages are one write to the first host's namespace, in which the
// descriptors of the others' are still to be filled in, and one to each.
func floorMessages(kind string, fds [floorHosts]int) (network *batch, hosts [floorHosts]*batch) {
	network = &batch{}
	newLink(network, fabricDevice, "fabric0", kind, nil)
	network.request(unix.RTM_NEWLINK, 0, "set device 100 up")
	linkHeader(network, fabricDevice, unix.IFF_UP, unix.IFF_UP)
	for i := range hosts {
		newLink(network, firstDevice, "eth0", attachment, func() {
			network.attrU32(unix.IFLA_LINK, fabricDevice)
			network.attrU32(unix.IFLA_NET_NS_FD, uint32(fds[i]))
			network.attr(unix.IFLA_ADDRESS, hardware(0, i))
		})
		b := &batch{}
		for _, device := range []uint32{loopbackDevice, firstDevice} {
			b.request(unix.RTM_NEWLINK, 0, fmt.Sprintf("set device %d up", device))
			linkHeader(b, device, unix.IFF_UP, unix.IFF_UP)
		}
		addAddress(b, firstDevice, address{floorAddr(i), scenario.Usable})
		for other := range hosts {
			if other != i {
				addNeighbour(b, firstDevice, floorAddr(other), hardware(0, other))
			}
		}
		hosts[i] = b
	}
	return network, hosts
}

func floorAddr(host int) netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, byte(host + 1)}) }

func TestFloorMessagesAreListed(t *testing.T) {
	Require(t)
	var out strings.Builder
	out.WriteString("The netlink messages of the floor that the benchmarks compare with: a lab of three hosts.\ngo test ./netns -run Floor -update rewrites it.\n")
	network, hosts := floorMessages(fabrics[0], [floorHosts]int{0x11, 0x22, 0x33})
	for i, b := range append([]*batch{network}, hosts[:]...) {
		fmt.Fprintf(&out, "\n-- write %d, to host %d --\n", i+1, max(i, 1))
		err := messages(b.bytes(), func(h unix.NlMsghdr, body []byte) {
			fmt.Fprintf(&out, "%s (type %d, flags %#x)\n%s", b.what[h.Seq-1], h.Type, h.Flags, hex.Dump(body))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const file = "testdata/floor.txt"
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(out.String()), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != out.String() {
		t.Errorf("%s is not what the floor sends (%v): go test ./netns -run Floor -update", file, err)
	}
}

// floorLab makes a lab, connects across it and closes it.
func floorLab() error {
	var fds, links [floorHosts]int
	for i := range fds {
		if err := errors.Join(enter(mother.ns), unix.Unshare(unix.CLONE_NEWNET)); err != nil {
			return err
		}
		var err error
		if links[i], err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE); err != nil {
			return err
		}
		ns, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(links[i]), unix.SIOCGSKNS, 0)
		if errno != 0 {
			return errno
		}
		fds[i] = int(ns)
		defer unix.Close(links[i])
		defer unix.Close(fds[i])
	}
	network, hosts := floorMessages(mother.fabric, fds)
	if err := floorSend(links[0], network.bytes()); err != nil {
		return err
	}
	for i, b := range hosts {
		if err := floorSend(links[i], b.bytes()); err != nil {
			return err
		}
	}
	if err := enter(fds[0]); err != nil {
		return err
	}
	return floorConnect()
}

func floorConnect() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: 5060, Addr: floorAddr(2).As4()}); err != unix.ECONNREFUSED {
		return fmt.Errorf("connect: %v", err)
	}
	return nil
}

// floorSend sends a batch and reads the one answer.
func floorSend(fd int, p []byte) error {
	if err := unix.Sendto(fd, p, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	var answer [1024]byte
	n, _, err := unix.Recvfrom(fd, answer[:], 0)
	if err == nil && n >= 20 && native.Uint32(answer[16:]) != 0 {
		err = unix.Errno(-int32(native.Uint32(answer[16:])))
	}
	return err
}

// floorReset is the least by which one knows that a lab which was used is as
// new, and uses it: of each host a look at its TCP sockets, at the count of all
// others, at what changed, at its routes, and TCP's memory emptied.
func floorReset(l *Lab, requests [][]byte) error {
	buf := make([]byte, dumpBuffer)
	for _, h := range l.hosts {
		for i, fd := range []int{h.diag.fd, h.route.fd, h.metrics.fd} {
			if err := floorAsk(fd, requests[i], buf); err != nil {
				return err
			}
		}
		for _, fd := range []int{h.stat, h.stat6} {
			if _, err := unix.Pread(fd, buf, 0); err != nil {
				return err
			}
		}
		if _, _, err := unix.Recvfrom(h.newsConn.fd, buf, unix.MSG_DONTWAIT); err != nil && err != unix.EAGAIN {
			return fmt.Errorf("news: %v", err)
		}
	}
	if err := enter(l.hosts[0].ns); err != nil {
		return err
	}
	return floorConnect()
}

// floorRequests are what floorReset asks: for sockets, for routes, and to
// forget.
func floorRequests() [][]byte {
	var tcp, routes, metrics batch
	dumpTCP(&tcp)
	tcp.finish()
	routes.request(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "")
	routes.u8(unix.AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0)
	routes.u32(0)
	routes.finish()
	id, _ := metricsFamily()
	metrics.request(id, 0, "")
	metrics.u8(metricsDelete, genlVersion, 0, 0)
	return [][]byte{tcp.buf, routes.buf, metrics.bytes()}
}

// floorAsk asks and reads until the end of the answer.
func floorAsk(fd int, request, buf []byte) error {
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return err
		}
		end := false
		err = messages(buf[:n], func(h unix.NlMsghdr, _ []byte) {
			end = end || h.Type == unix.NLMSG_DONE || h.Type == unix.NLMSG_ERROR
		})
		if err != nil || end {
			return err
		}
	}
}

// BenchmarkFloor compares in one run: what New costs and the floor of it, what
// a pool's lab costs and the floor of that.
func BenchmarkFloor(b *testing.B) {
	Require(b)
	s := lan(scenario.IPv4, "a", "b", "c")
	run := func(name string, floor bool, worker func() (one func() error)) {
		b.Run(name, func(b *testing.B) {
			before := processorTime(b)
			b.RunParallel(func(loop *testing.PB) {
				if floor {
					runtime.LockOSThread() // and never unlocked: it dies with its goroutine
				}
				for one := worker(); loop.Next(); {
					if err := one(); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "labs/s")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/lab")
		})
	}
	run("fresh/floor", true, func() func() error { return floorLab })
	run("fresh/New", false, func() func() error { return func() error { useLab(b, New, s); return nil } })
	var kept, pool Pool
	defer kept.Close()
	defer pool.Close()
	requests := floorRequests()
	run("reused/floor", true, func() func() error {
		l, err := kept.New(s)
		return func() error {
			if err != nil {
				return err
			}
			return floorReset(l, requests)
		}
	})
	run("reused/Pool", false, func() func() error { return func() error { useLab(b, pool.New, s); return nil } })
}

// processorTime is what this process has used of the processors: on a busy
// machine the better measure.
func processorTime(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkSnapshotAndSS compares in one run a snapshot of thirty sockets on
// three hosts, with their owners, and what a script would do.
func BenchmarkSnapshotAndSS(b *testing.B) {
	s := lan(scenario.IPv4, "a", "b", "c")
	l := newLab(b, s)
	for i := 0; i < 30; i++ {
		h := l.hosts[i%3]
		ln := listen(b, h, netip.AddrPortFrom(h.Addrs()[0], uint16(10000+i)))
		l.Own(ln.inode, "x")
	}
	b.Run("snapshot", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			if snap, err := l.Snapshot(); err != nil || len(snap.Hosts[2].Sockets) != 10 || snap.Hosts[2].Sockets[9].Owner != "x" {
				b.Fatal(snap, err)
			}
		}
	})
	ss, err := exec.LookPath("ss")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ss", func(b *testing.B) {
		for i := 0; i < b.N; i++ {
			for _, h := range l.hosts {
				err := h.Do(func() error {
					out, err := exec.Command(ss, "-tunap").Output()
					if n := strings.Count(string(out), "LISTEN"); n != 10 {
						return fmt.Errorf("ss lists %d sockets (%v)", n, err)
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

// BenchmarkThousandHosts is a lab of a thousand hosts on four networks, each of
// which a router joins to a fifth.
func BenchmarkThousandHosts(b *testing.B) {
	Require(b)
	s := crowd(250)
	for i := 0; i < b.N; i++ {
		l, err := New(s)
		if err != nil {
			b.Fatal(err)
		}
		if p := l.Host("h0-1").Probe(s.Addr("h0-1", "n0"), tcpTo(netip.AddrPortFrom(s.Addr("h3-249", "n3"), 5060))); p.Result != model.ProbeRefused {
			b.Errorf("%+v", p)
		}
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// crowd is four networks of n hosts each, the first of which routes.
func crowd(n int) *scenario.Scenario {
	s := &scenario.Scenario{Nets: []scenario.Net{{Name: "core", Family: scenario.IPv4}}}
	for net := range 4 {
		name := fmt.Sprint("n", net)
		s.Nets = append(s.Nets, scenario.Net{Name: name, Family: scenario.IPv4})
		for i := range n {
			h := scenario.Host{Name: fmt.Sprintf("h%d-%d", net, i), Nets: []string{name}}
			if i == 0 {
				h.Router, h.Nets = true, []string{name, "core"}
				for other := range 4 {
					if other != net {
						s.Routes = append(s.Routes, scenario.HostRoute{Host: h.Name, To: fmt.Sprint("n", other), Via: fmt.Sprintf("h%d-0", other), On: "core"})
					}
				}
			} else {
				s.Routes = append(s.Routes, scenario.HostRoute{Host: h.Name, To: scenario.ToAll, Via: fmt.Sprintf("h%d-0", net)})
			}
			s.Hosts = append(s.Hosts, h)
		}
	}
	return s
}

// A crowd works, and every far corner of it is reached.
func TestCrowd(t *testing.T) {
	n := 250
	if testing.Short() {
		n = 25
	}
	s := crowd(n)
	l := newLab(t, s)
	for from := range 4 {
		for to := range 4 {
			a, b := fmt.Sprintf("h%d-%d", from, n-1), fmt.Sprintf("h%d-%d", to, n-2)
			p := l.Host(a).Probe(s.Addr(a, fmt.Sprint("n", from)), tcpTo(netip.AddrPortFrom(s.Addr(b, fmt.Sprint("n", to)), 5060)))
			if p.Result != model.ProbeRefused {
				t.Errorf("%s to %s: %+v", a, b, p)
			}
		}
	}
}
