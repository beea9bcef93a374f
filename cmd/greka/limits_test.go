package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/greka-sip/greka/netns"
)

// limited is a command line in a process of its own, below a limit of the shell's.
func limited(t testing.TB, limit string, args ...string) *exec.Cmd {
	t.Helper()
	c := command(t, args...)
	c.Args = append([]string{"/bin/sh", "-c", limit + "; exec \"$0\" \"$@\"", self(t)}, args...)
	c.Path = "/bin/sh"
	return c
}

// A hunt fits the descriptors that it may have; where there are too few even
// for one scenario it says so, and holds nothing against anybody.
func TestHuntWithFewDescriptors(t *testing.T) {
	netns.Require(t)
	for _, x := range []struct {
		descriptors, status int
		says                string
	}{
		{200, 0, "not given: queues that are filled (of 200 file descriptors (ulimit -n) a scenario needs 4097"},
		{40, 2, "all 40 file descriptors that this process may have are in use: raise the limit (ulimit -n)"},
	} {
		c := limited(t, fmt.Sprintf("ulimit -n %d", x.descriptors), "hunt", "--checks", "60", "--seed", "3", "peer")
		out, err := c.CombinedOutput()
		if status := c.ProcessState.ExitCode(); status != x.status || !strings.Contains(string(out), x.says) ||
			!strings.Contains(string(out), " 0 look-ups that disagree") {
			t.Errorf("with %d descriptors: %v\n%s", x.descriptors, err, out)
		}
	}
}
