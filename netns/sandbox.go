package netns

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Sandbox reports what this machine cannot give of the sandbox in which Spawn
// and RunAlone run commands: nil if it gives everything. Each entry is a phrase
// without a full stop, "a /proc of its own (mount: operation not permitted)".
// With anything missing both refuse to run a command unless its Spec says
// Insecure. It is found out once, at the first call, by building one.
func Sandbox() (missing []string) { return sandbox() }

var sandbox = sync.OnceValue(func() []string {
	o := orders{Rehearse: true, Memory: defaultMemory, Tasks: defaultTasks}
	o.confine("alone", nil, nil)
	p, err := launch(apart, "", o, new(ring))
	if err != nil {
		return []string{fmt.Sprintf("everything (%v)", err)}
	}
	_ = p.Kill()
	return p.missing
})

// ErrInsecure is what the errors of Spawn and RunAlone are when the sandbox
// lacks something and the Spec does not say Insecure.
var ErrInsecure = errors.New("the sandbox is not whole here")

// secure refuses a command that would have more of the machine than it may.
func (s Spec) secure() error {
	if missing := Sandbox(); missing != nil && !s.Insecure {
		return fmt.Errorf("%w: it lacks %s", ErrInsecure, strings.Join(missing, ", "))
	}
	return nil
}
