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

// nightly is n, or what GREKA_CHECKS says.
func nightly(n int) int {
	if v, err := strconv.Atoi(os.Getenv("GREKA_CHECKS")); err == nil {
		return v
	}
	return n
}

// checks is how many scenarios a test plays of which it expects nothing but that
// nothing is found: n, or what the command line asks for.
func checks(n int) int { return Config{Checks: nightly(n)}.asked().Checks }

// enough is how many one plays that has to find something: not fewer than n.
func enough(n int) int { return max(n, checks(n)) }

// seed is the seed of the tests' hunts: fixed, so that a test that passed
// passes again, or what GREKA_SEED or -rapid.seed says.
func seed() uint64 {
	fixed := uint64(2012)
	if v, err := strconv.ParseUint(os.Getenv("GREKA_SEED"), 10, 64); err == nil {
		fixed = v
	}
	return Config{Seed: fixed}.asked().Seed
}
