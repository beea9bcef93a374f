// Package plain makes what others wrote harmless to look at: a program's
// output, a version, the text of a message or of an error. Whatever of it is
// shown to a person goes through here, so that none of it reaches a terminal
// as a command.
//
// Next: package sip.
package plain

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is a text on one line, as a terminal would show it: what a carriage
// return overwrote and escape sequences are gone, white space is one blank,
// other control characters are left out, and bytes that are no UTF-8 are
// U+FFFD.
func Line(s string) string {
	var kept []string
	for _, l := range strings.FieldsFunc(s, func(r rune) bool {
		return r == '\n' || r == '\v' || r == '\f' || r == '\u0085' || r == '\u2028' || r == '\u2029'
	}) {
		if l = strings.Join(strings.Fields(shown(l)), " "); l != "" {
			kept = append(kept, l)
		}
	}
	return strings.Join(kept, " ")
}

// shown is a line without what a terminal would obey.
func shown(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	var b strings.Builder
	for len(line) > 0 {
		r, n := utf8.DecodeRuneInString(line)
		switch {
		case r == escape:
			n = sequence(line)
		case r == csi:
			n += parameters(line[n:])
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r): // U+FFFD is, too
			b.WriteRune(r)
		}
		line = line[n:]
	}
	return b.String()
}

const (
	escape = 0x1b
	csi    = 0x9b // ESC [ in one character (ECMA-48)
	bell   = 0x07
)

// sequence is the length of the escape sequence that a text begins with.
func sequence(s string) int {
	if len(s) < 2 {
		return len(s)
	}
	switch s[1] {
	case '[':
		return 2 + parameters(s[2:])
	case ']', 'P', '^', '_', 'X': // up to BEL or ESC \: titles, device strings
		for i := 2; i < len(s); i++ {
			if s[i] == bell {
				return i + 1
			}
			if s[i] == escape {
				return min(i+2, len(s))
			}
		}
		return len(s)
	}
	at := 1
	for at < len(s)-1 && s[at] >= 0x20 && s[at] <= 0x2f {
		at++ // which character set, and the like
	}
	_, n := utf8.DecodeRuneInString(s[at:])
	return at + n
}

// parameters is the length of a control sequence's rest, its last byte
// included.
func parameters(s string) int {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 0x40 && c <= 0x7e {
			return i + 1
		} else if c < 0x20 || c > 0x7e {
			return i
		}
	}
	return len(s)
}

// Cut is Line, of a bearable length: limit bytes, and an ellipsis.
func Cut(s string, limit int) string {
	s = Line(s)
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit] + "…"
}

// Spelled keeps every character of a text and spells out the ones that cannot
// be seen (\n, \u001b, \u202e, and \xff for a byte that is no UTF-8): for
// evidence, which must not be tidied. Tabs stay.
func Spelled(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, hidden) < 0 {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "\\x%02x", s[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case hidden(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
		s = s[n:]
	}
	return b.String()
}

func hidden(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }

// Unfit finds the first thing in a file that has no place in a text for people:
// a byte that is no UTF-8, or a control character other than tab and the end of
// a line. Without one, what is empty.
func Unfit(text []byte) (at int, what string) {
	for at < len(text) {
		r, n := utf8.DecodeRune(text[at:])
		switch {
		case r == utf8.RuneError && n == 1:
			return at, fmt.Sprintf("byte %#x", text[at])
		case r != '\n' && Control(r):
			return at, fmt.Sprintf("control character %U", r)
		}
		at += n
	}
	return at, ""
}

// Control reports whether a character has no place in a line: a control
// character other than tab, or one that separates lines.
func Control(r rune) bool {
	return r != '\t' && (unicode.IsControl(r) || r == '\u2028' || r == '\u2029')
}

// ShellWord quotes a word for a shell, where it needs it.
func ShellWord(s string) string {
	free := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/._-+@:,=", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !free(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
