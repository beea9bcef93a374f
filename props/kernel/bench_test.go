package kernel

import (
	"testing"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// BenchmarkModel is the model alone, on the scenarios that TestKernel plays.
func BenchmarkModel(b *testing.B) {
	var scenarios []scenario.Scenario
	for i := range 500 {
		scenarios = append(scenarios, Draw(1, i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	done := 0
	for i := 0; done < b.N; i++ {
		s := &scenarios[i%len(scenarios)]
		m := linux.NewPorts(s)
		for _, st := range s.Steps {
			m.Apply(st, 0)
			done++
		}
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkKernel is what a step costs when it is played and compared.
func BenchmarkKernel(b *testing.B) {
	netns.Require(b)
	rig := NewRig()
	defer rig.Close()
	done := 0
	for i := 0; done < b.N; i++ {
		got := rig.Play(Draw(1, i), linux.NoMistake, nil)
		if !got.goOn() {
			b.Fatal(got.Difference, got.Undecided, got.Broken)
		}
		done += got.Steps
	}
	b.ReportMetric(float64(done)/b.Elapsed().Seconds(), "steps/s")
}
