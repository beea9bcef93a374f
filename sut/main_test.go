package sut

import (
	"os"
	"testing"

	"github.com/greka-sip/greka/netns"
)

// The test binary plays the bad stacks too: see fake_test.go.
func TestMain(m *testing.M) {
	if how := os.Getenv(fakeVariable); how != "" {
		fake(how)
		return
	}
	netns.Main(m)
}
