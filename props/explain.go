package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/plain"
)

// Explain writes what an experienced engineer would say of a verdict: what was
// given away, who uses it, what is really there, and what comes of it. stack
// is the name of the judged element's stack.
func Explain(p *Played, v model.Verdict, stack string) string {
	e := &explanation{p: p, v: v, stack: stack}
	switch {
	case v.Advert >= 0 && v.Use >= 0:
		e.a, e.u = &p.Obs.Adverts[v.Advert], &p.Obs.Uses[v.Use]
		e.advert()
	case v.Class == model.SocketsDiffer:
		e.differing()
	default:
		e.line("%s", v.Detail)
		e.duty()
		e.ending()
		e.fairnessToSender()
	}
	return strings.TrimRight(e.b.String(), "\n")
}

// duty says which obligation is broken, or that none is known to be.
func (e *explanation) duty() {
	switch c, ok := model.ClaimNamed(e.v.Claim); {
	case !ok:
	case e.v.Severity == model.Puzzle:
		e.line("nothing that was seen explains the difference: it is kept for people, and accuses nobody")
	default:
		e.line("%s: %s (%s)", dutyLabel(c), c.Text, c.SectionFor(e.v.About.Message))
	}
}

// dutyLabel tells what a rule demands from what we expect.
func dutyLabel(c model.Claim) string {
	if strings.HasPrefix(c.Section, "RFC") {
		return "owed"
	}
	return "expected"
}

type explanation struct {
	p     *Played
	v     model.Verdict
	stack string
	a     *model.Advert
	u     *model.Use
	b     strings.Builder
}

// line writes one line; who prints it breaks it where it has to be (wrapped).
func (e *explanation) line(format string, args ...any) {
	fmt.Fprintf(&e.b, "  %s\n", fmt.Sprintf(format, args...))
}

// row writes a label and what belongs to it. An empty label continues the row
// above.
func (e *explanation) row(label, format string, args ...any) {
	if label != "" {
		label += ":"
	}
	e.line("%-*s %s", labelColumn, label, fmt.Sprintf(format, args...))
}

func (e *explanation) advert() {
	if e.a.Value != "" {
		e.line("%s%s: %s", e.a.Header, e.which(), foreign(e.value()))
	} else {
		e.line("no %s at all", e.a.Header)
	}
	e.line("%s", e.who())
	if e.v.Detail != "" && e.a.Value != "" && e.v.Class != model.ConnectionPort && e.v.Detail != linux.RuleNone {
		e.line("%s", e.v.Detail)
	}
	e.b.WriteByte('\n')
	e.sockets()
	e.tried()
	e.row("so", "%s", e.fate())
	e.answers("the call", e.u.Request, e.outcome(e.u.Step))
	e.direct()
	e.fairness()
}

// maxForeign is how many characters of what a stack said are shown.
const maxForeign = 400

// foreign shows what a stack said: without what a terminal would act upon, and
// not more than anybody would read. The capture beside the case has all of it.
func foreign(s string) string {
	shown := []rune(plain.Spelled(s))
	if len(shown) <= maxForeign {
		return string(shown)
	}
	return fmt.Sprintf("%s… (%d bytes)", string(shown[:maxForeign]), len(s))
}
