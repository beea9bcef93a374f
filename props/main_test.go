package props

import (
	"flag"
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
	manyAtOnce()
	netns.Main(m)
}

// manyAtOnce lets more of the parallel tests run than there are processors, unless
// -parallel says how many: most of their time they wait, for programs and for the
// kernel to make and end namespaces.
func manyAtOnce() {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "test.parallel" })
	if !said {
		_ = flag.Set("test.parallel", "4")
	}
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
