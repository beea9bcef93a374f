package props

import (
	"fmt"
	"slices"
	"sync"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// A hunt fits what its process may have. What it runs short of all the same
// (netns.Scarce) makes the plays of that moment Broken: nothing that was seen or
// not seen in them speaks against a stack.

const (
	// playDescriptors are enough for one scenario that is being played: eight
	// hosts, a dozen elements with their connections, and the pipes of programs.
	playDescriptors = 160
	// playProcesses are enough for one program: the threads of its init, its own
	// (baresip has four), and those that wait for both in this process.
	playProcesses = 24
	// fullQueue is how many connections fill a queue of the longest backlog
	// that the kernel gives without being told to (net.core.somaxconn).
	fullQueue = 4096 + 1
)

// fitting is how many scenarios can be played at once, one at the least. A pool
// of labs takes the other half of the descriptors.
func fitting(wanted int) int {
	return max(min(wanted, netns.Descriptors()/2/playDescriptors, processesLeft()/playProcesses), 1)
}

// processesLeft is asked once: while labs are there some of them are taken.
var processesLeft = sync.OnceValue(func() int {
	left, _ := netns.ProcessesLeft()
	return left
})

// canFill reports whether queues can be filled beside what that many workers do.
func canFill(workers int) bool {
	return netns.Descriptors()/2/workers >= playDescriptors+fullQueue
}

// noFill is why there is no fill step in a hunt, "" if there may be.
func noFill(workers int) string {
	if canFill(workers) {
		return ""
	}
	return fmt.Sprintf("of %d file descriptors (ulimit -n) a scenario needs %d for it", netns.Descriptors(), fullQueue)
}

// withoutFill takes out the steps that fill queues. What is left is a scenario
// that is drawn as well.
func withoutFill(s *scenario.Scenario) {
	s.Steps = slices.DeleteFunc(s.Steps, fills)
}

// fills reports whether a step fills a queue.
func fills(st scenario.Step) bool {
	_, fill := st.(scenario.FillBacklog)
	return fill
}

// scarcity watches what this process runs out of.
type scarcity int

func newScarcity() scarcity {
	times, _ := netns.Shortages()
	return scarcity(times)
}

// since is what it ran out of since then, nil if nothing.
func (s scarcity) since() error {
	if times, last := netns.Shortages(); times != int(s) {
		return last
	}
	return nil
}
