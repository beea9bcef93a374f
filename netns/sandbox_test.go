package netns

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/scenario"
)

// Where the sandbox is not whole nothing is started, unless it was asked for.
func TestSpawnRefusesAHalfSandbox(t *testing.T) {
	h := newLab(t, lan(scenario.IPv4, "a")).Host("a")
	whole := sandbox
	sandbox = func() []string { return []string{"this", "that"} }
	defer func() { sandbox = whole }()
	spec := Spec{Owner: "x", Argv: []string{"echo", "ran"}}
	spawn := func() error {
		p, err := h.Spawn(spec)
		if err == nil {
			err = p.Kill()
		}
		return err
	}
	_, err := RunAlone(context.Background(), spec, 20)
	for _, err := range []error{spawn(), err} {
		if !errors.Is(err, ErrInsecure) || !strings.Contains(err.Error(), "it lacks this, that") || strings.Contains(err.Error(), "\n") {
			t.Errorf("in half a sandbox: %v", err)
		}
	}
	spec.Insecure = true
	out, err := RunAlone(context.Background(), spec, 20)
	if err := errors.Join(err, spawn()); err != nil || string(out) != "ran\n" {
		t.Errorf("insecure: %q, %v", out, err)
	}
}
