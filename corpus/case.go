package corpus

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
)

// Case is a minimal scenario with what is expected of it.
type Case struct {
	Comment     string // where it comes from; free text
	Scenario    scenario.Scenario
	Expect      []Expectation // at least one; each stack and version once
	Found       *Found        // nil for a case that was written by hand
	Explanation string        // for people; free text
}

// Expectation is what one stack in one version is expected to show.
type Expectation struct {
	Stack, Version string
	Signature      model.Signature // the zero value: clean
}

// Clean reports whether nothing is expected to be found.
func (e Expectation) Clean() bool { return e.Signature == model.Signature{} }

// Found says how to find the case again.
type Found struct {
	Seed   uint64 // of the hunt
	Index  int    // of the scenario in that hunt, before it was minimised
	Kernel string // release of the kernel, as uname -r prints it
	Greka  string // Greka's version
	// Evidence is the mark in the names of the files that were written with
	// the case: its packets and its log. "" if there are none.
	Evidence string
}

// Expected returns the signature that the case expects of a stack in a
// version, and whether it expects one at all: a version that is not listed is
// expected to be clean.
func (c *Case) Expected(stack, version string) (sig model.Signature, finding bool) {
	for _, e := range c.Expect {
		if e.Stack == stack && e.Version == oneWord(version) {
			return e.Signature, !e.Clean()
		}
	}
	return model.Signature{}, false
}

// Normal returns the case in the form that Parse gives back: free text
// without what the file format cannot hold. A line of it that would read as a
// section's marker is indented, control characters become spaces, blanks at
// the ends of lines and empty lines around the text go; in versions and in
// Found, white space becomes "-".
func (c *Case) Normal() *Case {
	n := *c
	n.Comment, n.Explanation = freeText(c.Comment), freeText(c.Explanation)
	n.Expect = make([]Expectation, len(c.Expect))
	for i, e := range c.Expect {
		e.Version = oneWord(e.Version)
		n.Expect[i] = e
	}
	if c.Found != nil {
		f := *c.Found
		f.Kernel, f.Greka = oneWord(f.Kernel), oneWord(f.Greka)
		n.Found = &f
	}
	return &n
}

func oneWord(s string) string {
	s = strings.Join(strings.FieldsFunc(printable(s), unicode.IsSpace), "-")
	if s == "" {
		return absent
	}
	return s
}

func freeText(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		l = strings.TrimRight(printable(l), " \t")
		if isMarker(l) {
			l = " " + l
		}
		lines[i] = l
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}

// printable replaces what could not be shown: control characters other than
// tab by spaces, bytes that are no UTF-8 by U+FFFD.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if plain.Control(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// isMarker reports whether txtar takes a line for the start of a file.
func isMarker(line string) bool {
	const start, end = "-- ", " --"
	return len(line) >= len(start)+len(end) && strings.HasPrefix(line, start) && strings.HasSuffix(line, end) &&
		strings.TrimSpace(line[len(start):len(line)-len(end)]) != ""
}

// quote shows a piece of somebody's text in an error's one line.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
