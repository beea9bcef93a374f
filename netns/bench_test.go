package netns

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// BenchmarkNew is one lab from nothing to nothing with one real connection
// across it, on all processors at once.
func BenchmarkNew(b *testing.B) {
	Require(b)
	for _, f := range families {
		for n := 1; n <= 4; n++ {
			b.Run(fmt.Sprintf("IPv%d/hosts=%d", f, n), func(b *testing.B) {
				s := lan(f, []string{"a", "b", "c", "d"}[:n]...)
				to := s.Hosts[n-1].Name
				b.RunParallel(func(loop *testing.PB) {
					for loop.Next() {
						l, err := New(s)
						if err != nil {
							b.Fatal(err)
						}
						at := netip.AddrPortFrom(s.Addr(to, "lan"), 5060)
						if p := l.Host("a").Probe(s.Addr("a", "lan"), tcpTo(at)); p.Result != model.ProbeRefused {
							b.Errorf("%+v", p)
						}
						if err := l.Close(); err != nil {
							b.Fatal(err)
						}
					}
				})
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "labs/s")
			})
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for _, sockets := range []int{10, 1000} {
		b.Run(fmt.Sprint("sockets=", sockets), func(b *testing.B) {
			s := lan(scenario.IPv4, "a", "b", "c")
			l := newLab(b, s)
			for i := 0; i < sockets; i++ {
				ln := listen(b, l.hosts[i%3], netip.AddrPortFrom(l.hosts[i%3].addrs[0], uint16(10000+i)))
				l.Own(ln.inode, "x")
			}
			b.ResetTimer()
			for i := 0; i < b.N; i++ {
				if _, err := l.Snapshot(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkProbe(b *testing.B) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(b, s)
	at := netip.AddrPortFrom(s.Addr("b", "lan"), 5060)
	ln := listen(b, l.Host("b"), at)
	l.Own(ln.inode, "bob")
	for name, target := range map[string]sip.Target{
		"accepted":    tcpTo(at),
		"refused":     tcpTo(netip.AddrPortFrom(at.Addr(), 5061)),
		"udp-refused": udpTo(at),
	} {
		b.Run(name, func(b *testing.B) {
			for i := 0; i < b.N; i++ {
				p := l.Host("a").Probe(s.Addr("a", "lan"), target)
				if p.Result == model.ProbeAccepted {
					ln.accept().close()
				}
				if (p.Result == model.ProbeAccepted) != (name == "accepted") {
					b.Fatalf("%+v", p)
				}
			}
		})
	}
}

func BenchmarkSocket(b *testing.B) {
	l := newLab(b, lan(scenario.IPv4, "a"))
	for i := 0; i < b.N; i++ {
		open(b, l.Host("a"), 1, netip.AddrPortFrom(l.hosts[0].addrs[0], 0)).close()
	}
}

// BenchmarkSpawn is one stack's process from nothing to nothing.
func BenchmarkSpawn(b *testing.B) {
	l := newLab(b, lan(scenario.IPv4, "a"))
	for i := 0; i < b.N; i++ {
		p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{"cat"}})
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			b.Fatal(err)
		}
	}
}
