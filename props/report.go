package props

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
)

// Printer writes findings and summaries for people. Its zero value, with W
// set, writes plain text.
type Printer struct {
	W     io.Writer
	Width int  // of the terminal in columns; 0 if it is none: lines are as long as they are
	Color bool // with the terminal's colours

	shown map[group]int // findings printed so far
}

// group is what findings are shown together by: who gave the address, in which
// part, and what is wrong with it.
type group struct {
	stack, role string
	class       model.Class
}

// pageWidth is where the right-hand side of a heading ends, unless the
// terminal is narrower.
const pageWidth = 88

// Finding prints a finding: the first of its giver and class in full, the
// others in two lines.
func (p *Printer) Finding(f *Finding) {
	if p.shown == nil {
		p.shown = map[group]int{}
	}
	g := group{f.Stack + "@" + f.Version, f.Role, f.Class}
	p.shown[g]++
	if p.shown[g] == 1 {
		p.full(f)
		return
	}
	p.heading(f.Title, f.Stack+" "+f.Version)
	p.line("  the same kind as above%s; its case explains it", over(f.Transport))
	p.replay(f)
	p.line("")
}

func over(transport string) string {
	if transport == "" {
		return ""
	}
	return ", over " + transport
}

func orSomebody(role string) string {
	if role == "" {
		return "the stack"
	}
	return "the " + role
}

// full prints everything that is known of a finding.
func (p *Printer) full(f *Finding) {
	p.heading(f.Title, f.Stack+" "+f.Version)
	p.line("")
	explained := strings.Trim(f.Explanation, "\n")
	if p.Width <= 0 {
		explained = wrapText(explained, textWidth)
	}
	for _, l := range strings.Split(explained, "\n") {
		p.wrapped(indent(l))
	}
	p.line("")
	p.scenario(f.Scenario)
	p.replay(f)
	p.line("")
}

// indent moves a line in by two, unless it is so already.
func indent(l string) string {
	if l == "" || strings.HasPrefix(l, "  ") {
		return l
	}
	return "  " + l
}

func (p *Printer) scenario(text string) {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	n := 0
	for _, l := range lines {
		if l != "" {
			n++
		}
	}
	p.line("  scenario (%d lines)", n)
	for _, l := range lines {
		if l != "" {
			l = "    " + l
		}
		p.whole("%s", l)
	}
}

func (p *Printer) replay(f *Finding) {
	if f.CaseFile != "" {
		command := "greka replay "
		if f.ReplayStack != "" {
			command += "--stack " + plain.ShellWord(f.ReplayStack) + " "
		}
		p.whole("  replay:  %s", command+plain.ShellWord(f.CaseFile))
	}
	if f.Kept {
		p.line("           (the case of an earlier hunt, smaller or the same: its ports are those of that hunt)")
	}
}

// heading prints a title, and at the right which stack it is about.
func (p *Printer) heading(title, stack string) {
	width := pageWidth
	if p.Width > 0 {
		width = min(width, p.Width)
	}
	title, stack = plain.Spelled(title), plain.Spelled(stack)
	gap := max(width-columns(title)-columns(stack), 2)
	if p.Width > 0 && columns(title)+gap+columns(stack) > p.Width {
		p.tall(title, stack)
		return
	}
	fmt.Fprintf(p.W, "%s%*s%s\n", p.bold(title), gap, "", stack)
}

// tall prints a heading that is too wide for one line of the terminal.
func (p *Printer) tall(title, stack string) {
	for i, l := range wrap(title, p.Width) {
		if i == 0 {
			l = p.bold(l)
		}
		fmt.Fprintln(p.W, l)
	}
	fmt.Fprintf(p.W, "%*s\n", max(p.Width, 0), stack)
}

// bold sets off the class of a title.
func (p *Printer) bold(title string) string {
	class, rest, ok := strings.Cut(title, ":")
	if !p.Color || !ok {
		return title
	}
	return "\x1b[1;31m" + class + ":\x1b[0;1m" + rest + "\x1b[0m"
}

// line prints one line, broken where it is wider than the terminal; nothing that
// a stack put into it reaches the terminal as a command.
func (p *Printer) line(format string, args ...any) { p.wrapped(fmt.Sprintf(format, args...)) }

// whole is line for what is copied: it is never broken.
func (p *Printer) whole(format string, args ...any) {
	fmt.Fprintln(p.W, plain.Spelled(fmt.Sprintf(format, args...)))
}

// Summary prints what a hunt saw.
func (p *Printer) Summary(s *Summary) {
	p.line("%s %s: %s", s.Stack, s.Version, s.verdict())
	p.line("  played:   %d scenarios and %d direct twins, %d steps, in %.1f s (%.1f a second without minimising), seed %d",
		s.Cases, s.Twins, s.Steps, s.Seconds, s.CasesPerSecond, s.Seed)
	for _, l := range s.judgedLines() {
		p.wrapped(l)
	}
	for _, l := range notGivenLines(s.NotGiven) {
		p.wrapped(l)
	}
	p.line("  trouble:  %d broken, %d inconclusive, %d look-ups that disagree with their probe", s.Broken, s.Inconclusive, s.LookupDisagreements)
	if s.EmptyRun != "" && len(s.Findings) > 0 {
		p.wrapped("  besides:  " + plain.Line(s.EmptyRun) + ". The findings stand; what else there may be is not known")
	}
	p.puzzles(s)
	p.signatures("  latent:   %d verdicts; the rule is broken, but nobody in these scenarios is hurt", s.Latent, s.Latents)
	for _, sig := range s.Unconfirmed {
		p.line("  seen, but not confirmed: %s", corpus.FormatSignature(sig))
	}
	p.groups(s.Findings)
}

// verdict is the one thing to know of a hunt.
func (s *Summary) verdict() string {
	found := "nothing found"
	switch n := len(s.Findings); {
	case n == 1:
		found = "1 finding"
	case n > 1:
		found = fmt.Sprintf("%d findings", n)
	}
	switch {
	case s.EmptyRun != "" && len(s.Findings) == 0:
		return found + ", and the run proves nothing: " + plain.Line(s.EmptyRun)
	case s.Interrupted:
		return found + " until it was interrupted"
	}
	return found
}

// puzzles lists what differs for no reason that is known.
func (p *Printer) puzzles(s *Summary) {
	if s.Unexplained == 0 {
		return
	}
	p.line("  unexplained: %d calls fared otherwise than their twins, and no obligation of the stack is known to be broken", s.Unexplained)
	for _, f := range s.Puzzles {
		parts := slices.DeleteFunc([]string{string(f.Class), f.Message, f.Role, f.CaseFile}, func(s string) bool { return s == "" })
		p.line("            %s", strings.Join(parts, "  "))
	}
}

// judgedLines tells how often each claim was judged, over which transports, of
// whom.
func (s *Summary) judgedLines() []string {
	var lines []string
	label := "  judged:   "
	for _, c := range model.Claims {
		var parts []string
		total := 0
		for _, k := range s.judgedKeys() {
			if k.Claim != c.Name {
				continue
			}
			total += s.Judged[k]
			if k.Role != "" {
				parts = append(parts, fmt.Sprintf("%s %s %d", k.Transport, k.Role, s.Judged[k]))
			}
		}
		if total == 0 {
			continue
		}
		l := fmt.Sprintf("%s%s %d", label, c.Name, total)
		if len(parts) > 0 {
			l += " (" + strings.Join(parts, ", ") + ")"
		}
		lines = append(lines, l)
		label = strings.Repeat(" ", len(label))
	}
	return lines
}

func (s *Summary) judgedKeys() []JudgedKey {
	keys := make([]JudgedKey, 0, len(s.Judged))
	for k := range s.Judged {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b JudgedKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

func (p *Printer) signatures(format string, n int, list []Count) {
	if n == 0 {
		return
	}
	p.line(format, n)
	for _, c := range list {
		p.line("            %5d  %s", c.Times, corpus.FormatSignature(c.Signature))
	}
}

// groups lists the findings by giver and class.
func (p *Printer) groups(fs []*Finding) {
	var order []group
	members := map[group][]*Finding{}
	for _, f := range fs {
		g := group{f.Stack, f.Role, f.Class}
		if members[g] == nil {
			order = append(order, g)
		}
		members[g] = append(members[g], f)
	}
	for _, g := range order {
		p.line("  found:    %s, of %s", g.class, orSomebody(g.role))
		for _, f := range members[g] {
			parts := slices.DeleteFunc([]string{f.Header, f.Message, f.Transport, f.CaseFile}, func(s string) bool { return s == "" })
			p.line("            %s", strings.Join(parts, "  "))
		}
	}
}
