package props

import (
	"os"
	"strconv"
	"testing"

	"github.com/greka-sip/greka/netns"
)

// The test binary plays the fake user agents too: see fakeua_test.go.
func TestMain(m *testing.M) {
	if how := os.Getenv(fakeVariable); how != "" {
		runFakeUA(how, os.Args[1:])
		return
	}
	netns.Main(m)
}

// checks is how many scenarios a test plays: n, or what GREKA_CHECKS says, for
// nightly runs.
func checks(n int) int {
	if v, err := strconv.Atoi(os.Getenv("GREKA_CHECKS")); err == nil {
		return v
	}
	return n
}

// seed is the seed of the tests' hunts: fixed, so that a test that passed
// passes again, or what GREKA_SEED says.
func seed() uint64 {
	if v, err := strconv.ParseUint(os.Getenv("GREKA_SEED"), 10, 64); err == nil {
		return v
	}
	return 2012
}
