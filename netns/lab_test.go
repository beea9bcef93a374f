package netns

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

func scenario(f model.Family, hosts ...string) *model.Scenario {
	s := &model.Scenario{Nets: []model.Net{{Name: "lan", Family: f}}}
	for _, h := range hosts {
		s.Hosts = append(s.Hosts, model.Host{Name: h, Nets: []string{"lan"}})
	}
	return s
}

func listen(t testing.TB, h *Host, addr string) net.Listener {
	t.Helper()
	var l net.Listener
	err := h.Do(func() (err error) { l, err = net.Listen("tcp", addr); return err })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestProbeAcrossHosts(t *testing.T) {
	for _, f := range []model.Family{4, 6} {
		for n := 0; n < 50; n++ {
			s := scenario(f, "a", "b", "c")
			l, err := New(s)
			if err != nil {
				t.Fatal(err)
			}
			at := netip.AddrPortFrom(s.Addr("b", "lan"), 5072)
			ln := listen(t, l.Host("b"), at.String())
			p := l.Host("a").Probe(s.Addr("a", "lan"), model.Target{Transport: model.TCP, Addr: at})
			if p.Result != model.ProbeAccepted {
				t.Fatalf("%d %d %+v", f, n, p)
			}
			p = l.Host("a").Probe(s.Addr("a", "lan"), model.Target{Transport: model.UDP, Addr: at})
			if p.Result != model.ProbeRefused {
				t.Fatalf("%d %d %+v", f, n, p)
			}
			if n == 0 {
				snap, err := l.Snapshot()
				fmt.Printf("%+v %v\n", snap, err)
			}
			ln.Close()
			l.Close()
		}
	}
}

func BenchmarkNew(b *testing.B) {
	for _, f := range []model.Family{4, 6} {
		for _, hosts := range [][]string{{"a"}, {"a", "b"}, {"a", "b", "c"}} {
			b.Run(fmt.Sprintf("v%d/%d", f, len(hosts)), func(b *testing.B) {
				s := scenario(f, hosts...)
				at := netip.AddrPortFrom(s.Addr(hosts[len(hosts)-1], "lan"), 5072)
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						l, err := New(s)
						if err != nil {
							b.Fatal(err)
						}
						p := l.Host("a").Probe(s.Addr("a", "lan"), model.Target{Transport: model.TCP, Addr: at})
						if p.Result != model.ProbeRefused {
							b.Fatal(p)
						}
						l.Close()
					}
				})
			})
		}
	}
}

var _ = os.Exit
var _ = unix.Close
