package sut

import (
	"strings"

	"github.com/greka-sip/greka/model/plain"
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

// printable is what others wrote as one line of a bearable length, harmless on
// a terminal.
func printable(line string) string { return plain.Cut(line, maxLine) }
