package sut

import (
	"strings"
	"testing"
	"time"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// BenchmarkBaresip measures what one real stack adds to a scenario, in
// milliseconds each: from nothing to its sockets being there, one
// registration, and taking it down.
func BenchmarkBaresip(b *testing.B) {
	s, err := Find("baresip")
	if err != nil {
		b.Fatal(err)
	}
	sc, err := scenario.Parse(strings.ReplaceAll(withProxy, "FAMILY", "4"))
	if err != nil {
		b.Fatal(err)
	}
	var lab, start, end time.Duration
	for range b.N {
		begin := time.Now()
		l, err := netns.New(&sc)
		if err != nil {
			b.Fatal(err)
		}
		made := time.Now()
		p, err := s.Start(background, l, &sc, "bob")
		if err != nil {
			b.Fatal(err)
		}
		started := time.Now()
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		end += time.Since(started)
		lab += made.Sub(begin)
		start += started.Sub(made)
		l.Close()
	}
	for name, d := range map[string]time.Duration{"lab": lab, "start": start, "end": end} {
		b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), name+"-ms/op")
	}
}
