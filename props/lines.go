package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model/plain"
)

// wrapped prints a line, broken at blanks where it is wider than the terminal.
// What follows a label ("probe from ann:  ") stays to the right of it.
func (p *Printer) wrapped(l string) {
	l = plain.Spelled(l)
	for p.Width > 0 && columns(l) > p.Width {
		hang := hanging(l)
		if hang > p.Width/2 {
			hang = p.Width / 4
		}
		cut := breakAt(l, hang, p.Width)
		if cut < 0 {
			break
		}
		fmt.Fprintln(p.W, strings.TrimRight(l[:cut], " "))
		l = strings.Repeat(" ", hang) + strings.TrimLeft(l[cut:], " ")
	}
	fmt.Fprintln(p.W, l)
}

// hanging is the column at which what follows a label begins, or the line's
// own indent.
func hanging(l string) int {
	own := len(l) - len(strings.TrimLeft(l, " "))
	if label, rest, ok := strings.Cut(l, ":  "); ok && strings.TrimSpace(rest) != "" {
		return columns(label) + len(":  ") + len(rest) - len(strings.TrimLeft(rest, " "))
	}
	return own
}

// breakAt is the byte index of the last blank, right of hang, before which the
// line fits the width; -1 if there is none.
func breakAt(l string, hang, width int) int {
	at, column := -1, 0
	for i, r := range l {
		if column > width {
			break
		}
		if r == ' ' && column > hang {
			at = i
		}
		column++
	}
	return at
}

func columns(s string) int { return len([]rune(s)) }
