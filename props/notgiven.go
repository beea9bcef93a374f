package props

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut"
)

// NotGiven is something that no scenario of a hunt has, and why: what a hunt has
// not looked at it says nothing about.
type NotGiven struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// notGiven lists what the scenarios of a hunt could have and never do, for this
// stack and these restrictions.
func notGiven(s *sut.Stack, cfg *Config) []NotGiven {
	var out absences
	sp := SpaceOf(s, cfg.Transport, cfg.Role)
	described := s.Description != nil
	for _, r := range model.Roles {
		out.unless(sp.has(r), "the part of a "+r.String(), whyNarrow(slices.Contains(s.Roles, r), "--role "+cfg.Role, described && r == model.RoleProxy))
	}
	for _, t := range sip.Transports {
		out.unless(slices.Contains(sp.Transports, t), t.String(), whyNarrow(slices.Contains(s.Transports, t), "--transport "+cfg.Transport, false))
	}
	for _, f := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
		out.unless(slices.Contains(sp.Families, f), fmt.Sprintf("IPv%d", f), whyNarrow(false, "", false))
	}
	out.unless(!sp.SamePort, "unequal ports for its transports", `"listen same"`)
	for i, b := range everyBind {
		out.unless(slices.Contains(sp.Binds, b), "a listener on "+[]string{"its address", "0.0.0.0", "::", ":: for IPv6 only"}[i],
			missingWord("bind", []string{"address", "0.0.0.0", "::", "v6only"}[i]))
	}
	out.unless(sp.Several.Interfaces, "a host with several interfaces", missingWord("several", "interfaces"))
	out.unless(sp.Several.Addresses, "a host with several addresses on an interface", missingWord("several", "addresses"))
	out.unless(sp.Several.Families, "a host with IPv4 and IPv6", missingWord("several", "families"))
	out.unless(sp.Accounts, "a second account", missingWord("accounts", "many"))
	out.unless(!sp.Program, "connections that are cut (silence, reset)", "which of its connections a program tries first, and when it gives one up, is its own business")
	why := noFill(cfg.workers())
	out.unless(why == "", "queues that are filled", why)
	return out
}

type absences []NotGiven

func (a *absences) unless(given bool, what, why string) {
	if !given {
		*a = append(*a, NotGiven{what, why})
	}
}

// missingWord says which word a description would have to say.
func missingWord(field, word string) string {
	return fmt.Sprintf("its description does not say %q", field+" "+word)
}

// whyNarrow says why a stack's role, transport or family is not there.
func whyNarrow(has bool, flag string, never bool) string {
	switch {
	case has:
		return flag
	case never:
		return "described stacks are user agents"
	}
	return "not among what the stack can do"
}

// notGivenLines tells it to people: what has one reason is said together.
func notGivenLines(list []NotGiven) (lines []string) {
	var order []string
	what := map[string][]string{}
	for _, n := range list {
		if what[n.Why] == nil {
			order = append(order, n.Why)
		}
		what[n.Why] = append(what[n.Why], n.What)
	}
	label := "  not given: "
	for _, why := range order {
		lines = append(lines, label+strings.Join(what[why], ", ")+" ("+why+")")
		label = strings.Repeat(" ", len(label))
	}
	return lines
}
