package sut

import (
	"testing"

	"github.com/greka-sip/greka/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }
