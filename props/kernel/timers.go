package kernel

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// The model holds while no retransmission timer fires: the shortest is 200 ms
// (TCP_RTO_MIN), and a scenario takes some 5 ms. On a machine that stalls one may
// fire all the same. What is judged then is not the clock but the kernel's own
// count of what its timers sent.

// patience is how long no timer can have fired: up to then none is asked.
const patience = 190 * time.Millisecond

// stalls is how often in a row a scenario may be hit by its timers.
const stalls = 10

// timerCounters are the kernel's counters of what timers of TCP do.
var timerCounters = map[string]bool{"RetransSegs": true, "TCPTimeouts": true, "TCPLossProbes": true,
	"TCPRetransFail": true, "TCPAbortOnTimeout": true}

// timersFired counts what timers have done in a lab since it was made.
func timersFired(lab *netns.Lab, s *scenario.Scenario) (n int, err error) {
	for _, h := range s.Hosts {
		err = lab.Host(h.Name).Do(func() error {
			for _, file := range []string{"snmp", "netstat"} {
				text, err := os.ReadFile("/proc/thread-self/net/" + file)
				if err != nil {
					return err
				}
				n += countTimers(string(text))
			}
			return nil
		})
		if err != nil {
			return 0, fmt.Errorf("kernel: which timers have fired on host %s: %w", h.Name, err)
		}
	}
	return n, nil
}

// countTimers reads a file of pairs of lines: one of names, one of numbers.
func countTimers(text string) (n int) {
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i += 2 {
		names, numbers := strings.Fields(lines[i]), strings.Fields(lines[i+1])
		for k := range min(len(names), len(numbers)) {
			if value, err := strconv.Atoi(numbers[k]); err == nil && timerCounters[names[k]] {
				n += value
			}
		}
	}
	return n
}
