package netns

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// BenchmarkPool is one lab that was used before, with one real connection
// across it, and its full reset, on all processors at once.
func BenchmarkPool(b *testing.B) {
	Require(b)
	for _, f := range []scenario.Family{scenario.IPv4, scenario.IPv6, scenario.DualStack} {
		b.Run(fmt.Sprint("IPv", f), func(b *testing.B) {
			s := lan(f, "a", "b", "c")
			var pool Pool
			defer pool.Close()
			b.RunParallel(func(loop *testing.PB) {
				for loop.Next() {
					useLab(b, pool.New, s)
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "labs/s")
			if c := pool.Count(); c.Fresh > 16 || c.Discarded > 0 {
				b.Errorf("%+v", c)
			}
		})
	}
}

// useLab makes one lab, connects once across it and gives it back.
func useLab(b testing.TB, make func(*scenario.Scenario) (*Lab, error), s *scenario.Scenario) {
	l, err := make(s)
	if err != nil {
		b.Error(err)
		return
	}
	at := netip.AddrPortFrom(s.Addr("c", "lan"), 5060)
	if p := l.Host("a").Probe(s.Addr("a", "lan"), tcpTo(at)); p.Result != model.ProbeRefused {
		b.Errorf("%+v", p)
	}
	if err := l.Close(); err != nil {
		b.Error(err)
	}
}
