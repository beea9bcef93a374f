package props

import (
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Without fill what was drawn can be played, and is otherwise as it was drawn.
func TestWithoutFill(t *testing.T) {
	filled := 0
	for i := range 1000 {
		s := Draw(1, i, Space{Roles: model.Roles, Transports: sip.Transports, Families: []scenario.Family{scenario.IPv4, scenario.IPv6}})
		before := len(s.Steps)
		withoutFill(&s)
		if before == len(s.Steps) {
			continue
		}
		filled++
		if err := s.Validate(); err != nil {
			t.Fatalf("%v\n%s", err, scenario.Format(s))
		}
	}
	if filled == 0 {
		t.Error("none had a fill step")
	}
}
