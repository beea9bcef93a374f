package scenario

import (
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/sip"
)

// textLine is one line of a scenario, split into words, and how far it is
// read. The first failure sticks, and everything after it reads nothing.
type textLine struct {
	row    int // its number, from 1
	words  []textWord
	length int // in bytes, without blanks and comment at its end
	next   int // index of the word to read next
	err    *ParseError
}

type textWord struct {
	text   string
	column int // from 1
}

// splitLine splits a line at blanks, tabs and the CR of a foreign line end.
func splitLine(row int, raw string) *textLine {
	l := &textLine{row: row}
	for at := 0; at < len(raw); {
		if strings.IndexByte(" \t\r", raw[at]) >= 0 {
			at++
			continue
		}
		if raw[at] == '#' {
			break
		}
		n := strings.IndexAny(raw[at:], " \t\r")
		if n < 0 {
			n = len(raw) - at
		}
		l.words = append(l.words, textWord{raw[at : at+n], at + 1})
		at += n
		l.length = at
	}
	return l
}

// more reports whether there are words left.
func (l *textLine) more() bool { return l.err == nil && l.next < len(l.words) }

// peek is the next word, "" if there is none.
func (l *textLine) peek() string {
	if !l.more() {
		return ""
	}
	return l.words[l.next].text
}

// take takes the next word, "" if there is none.
func (l *textLine) take(want string) string {
	if !l.more() {
		l.fail(want)
		return ""
	}
	l.next++
	return l.words[l.next-1].text
}

// name takes a name.
func (l *textLine) name(want string) string {
	w := l.take(want)
	if !validName(w) {
		l.back(want + " (" + nameRule + ")")
	}
	return w
}

// transport takes a transport if one stands here, and is 0 otherwise.
func (l *textLine) transport() sip.Transport {
	t, ok := sip.ParseTransport(l.peek())
	if ok {
		l.next++
	}
	return t
}

// carrier takes the name of a carrier if one comes next, and returns 0 if not.
func (l *textLine) carrier() sip.Carrier {
	c, ok := sip.ParseCarrier(l.peek())
	if ok {
		l.next++
	}
	return c
}

// fail complains about the next word.
func (l *textLine) fail(want string) {
	if l.err != nil {
		return
	}
	l.err = &ParseError{Line: l.row, Column: l.length + 1, Found: "the end of the line", Want: want}
	if l.next < len(l.words) {
		l.err.Column = l.words[l.next].column
		l.err.Found = plain.Quote(l.words[l.next].text)
	}
}

// back complains about the word taken last.
func (l *textLine) back(want string) {
	if l.err == nil {
		l.next--
		l.fail(want)
	}
}

// end demands that no word is left.
func (l *textLine) end() {
	if l.more() {
		l.fail("the end of the line")
	}
}

// textOption is a word that may stand once, anywhere behind the fixed words.
type textOption struct {
	usage string            // "sut", "over=flow", "via=PROXY", "deliver=flow|contact"
	set   func(string) bool // takes what stands behind "="; false if it is not as usage says
}

// options takes the rest of the line.
func (l *textLine) options(known ...textOption) {
	var seen []int
	for l.more() {
		i := slices.IndexFunc(known, func(o textOption) bool { return o.fits(l.peek()) })
		switch {
		case i < 0:
			l.fail(optionNames(known) + " or the end of the line")
		case slices.Contains(seen, i):
			l.fail(known[i].usage + " only once")
		case !known[i].takes(l.peek()):
			l.fail(known[i].usage)
		}
		seen = append(seen, i)
		l.next++
	}
}

func (o textOption) fits(word string) bool {
	key, _, _ := strings.Cut(o.usage, "=")
	name, _, _ := strings.Cut(word, "=")
	return key == name
}

// takes sets the option. A word that usage prints in full has to be just that.
func (o textOption) takes(word string) bool {
	_, form, hasForm := strings.Cut(o.usage, "=")
	_, value, hasValue := strings.Cut(word, "=")
	if hasForm != hasValue || hasForm && strings.ToLower(form) == form && !slices.Contains(strings.Split(form, "|"), value) {
		return false
	}
	return o.set(value)
}

func optionNames(known []textOption) string {
	var names []string
	for _, o := range known {
		names = append(names, o.usage)
	}
	return strings.Join(names, ", ")
}
