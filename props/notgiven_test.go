package props

import (
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut"
)

// TestNotGiven: what is said not to be given is never drawn, and what is drawn is
// not said.
func TestNotGiven(t *testing.T) {
	one := fakeUAStack(t, "plain")
	plain := *one.Description
	plain.Binds, plain.Several, plain.Accounts = nil, sut.Several{}, false
	narrow := &sut.Stack{Name: "narrow", Kind: sut.Real, Description: &plain, SamePort: true,
		Roles: []model.Role{model.RoleCallee}, Transports: sip.Transports, Families: []scenario.Family{scenario.IPv4}}
	for _, c := range []struct {
		stack *sut.Stack
		cfg   Config
		want  string
	}{
		{find(t, "peer"), Config{}, ""},
		{one, Config{}, "the part of a proxy; connections that are cut (silence, reset)"},
		{one, Config{Transport: "tcp", Role: "callee"}, "the part of a caller; the part of a proxy; udp; connections that are cut (silence, reset)"},
		{narrow, Config{}, "the part of a caller; the part of a proxy; IPv6; unequal ports for its transports; a listener on 0.0.0.0; a listener on ::; " +
			"a listener on :: for IPv6 only; a host with several interfaces; a host with several addresses on an interface; a host with IPv4 and IPv6; " +
			"a second account; connections that are cut (silence, reset)"},
	} {
		var what []string
		for _, n := range notGiven(c.stack, &c.cfg) {
			what = append(what, n.What)
			if n.Why == "" {
				t.Errorf("%s: no reason for %s", c.stack.Name, n.What)
			}
		}
		if got := strings.Join(what, "; "); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.stack.Name, got, c.want)
		}
	}
}

// TestProgramsAreGivenWhatTheyCan: a program whose description has the words is
// put on hosts with several interfaces, bound to wildcards, registered twice; one
// without them never is.
func TestProgramsAreGivenWhatTheyCan(t *testing.T) {
	t.Parallel()
	s := fakeUAStack(t, "plain")
	const n = 3000
	share := func(s *sut.Stack) map[string]float64 {
		out := map[string]float64{}
		for _, w := range Weights(SpaceOf(s, "", ""), seed(), n) {
			if w.Dimension == "scenarios with" {
				out[w.Value] = w.Percent
			}
		}
		return out
	}
	all := share(s)
	plain := *s.Description
	plain.Binds, plain.Several, plain.Accounts = nil, sut.Several{}, false
	bare := *s
	bare.Description = &plain
	none := share(&bare)
	for _, f := range featureNames {
		wide := strings.HasPrefix(f, "sut: ")
		if wide && all[f] < 4 {
			t.Errorf("with the words, %s: %.1f %%", f, all[f])
		}
		if wide && !strings.HasSuffix(f, "again") && !strings.HasSuffix(f, "another transport") && none[f] != 0 {
			t.Errorf("without them, %s: %.1f %%", f, none[f])
		}
	}
	if none["link-local"] < 5 {
		t.Errorf("link-local networks: %.1f %%", none["link-local"])
	}
}
