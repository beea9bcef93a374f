package sut

import (
	"strings"
	"unicode"
)

// maxLine bounds one line of what others wrote, in bytes.
const maxLine = 250

// tail returns the last lines of a program's output, without empty ones and
// without what a terminal would not show.
func tail(out string, lines int) string {
	var list []string
	for _, l := range strings.Split(out, "\n") {
		if l = printable(l); l != "" {
			list = append(list, l)
		}
	}
	if len(list) > lines {
		list = list[len(list)-lines:]
	}
	return strings.Join(list, "\n")
}

// lastLine returns the last line that says something.
func lastLine(out string) string { return tail(out, 1) }

// printable is a line as it would look on a terminal: what a carriage return
// overwrote and escape sequences are gone. It is cut to a bearable length.
func printable(line string) string {
	line = strings.TrimRight(line, "\r")
	line = line[strings.LastIndexByte(line, '\r')+1:]
	var b strings.Builder
	escape := false
	for _, r := range line {
		switch {
		case escape:
			// ESC [ parameters letter
			escape = r == '[' || r == ';' || r >= '0' && r <= '9'
		case r == 0x1b:
			escape = true
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		}
		if b.Len() >= maxLine {
			b.WriteString("…")
			break
		}
	}
	return strings.TrimSpace(b.String())
}
