package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// inStep says which step a message is of, as in " in step 2", where it could be
// of several by what is said of it; "" where only one could be meant.
func inStep(sc *scenario.Scenario, step int, could func(scenario.Step) bool) string {
	for i, st := range sc.Steps {
		if i != step && could(st) {
			return fmt.Sprintf(" in step %d", step+1)
		}
	}
	return ""
}

// sends says in which steps an element sends a message: "REGISTER", "BYE", "200
// INVITE". A proxy may pass on every message of a call.
func sends(sc *scenario.Scenario, element, message string) func(scenario.Step) bool {
	return func(st scenario.Step) bool {
		if r, ok := st.(scenario.Register); ok {
			return message == "REGISTER" && r.UA == element
		}
		c, ok := st.(scenario.Call)
		if !ok || message == "REGISTER" {
			return false
		}
		if x := sc.Element(element); x != nil && x.Kind == scenario.Proxy {
			return true
		}
		return sender(c, message) == element
	}
}

// comesTo says in which steps a message comes to an element.
func comesTo(sc *scenario.Scenario, element, message string) func(scenario.Step) bool {
	return func(st scenario.Step) bool {
		x := sc.Element(element)
		proxy := x != nil && x.Kind == scenario.Proxy
		registers := strings.HasSuffix(message, "REGISTER")
		if r, ok := st.(scenario.Register); ok {
			return registers && (proxy && sc.Registrar(r) == element || r.UA == element)
		}
		c, ok := st.(scenario.Call)
		if !ok || registers {
			return false
		}
		if proxy {
			return true
		}
		from := sender(c, message)
		return from == c.From && element == c.To || from == c.To && element == c.From
	}
}

// sender is which side of a call a message is from.
func sender(c scenario.Call, message string) string {
	status, method, response := strings.Cut(message, " ")
	if !response {
		method = status
	}
	from, to := c.From, c.To
	if method == "BYE" && c.Hangup == scenario.Callee {
		from, to = to, from
	}
	if response {
		return to
	}
	return from
}
