package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model/plain"
)

// textWidth is where the lines of an explanation are broken that no terminal
// breaks: in files, and where the output goes into one.
const textWidth = 100

// wrapped prints a line, broken at blanks where it is wider than the terminal.
func (p *Printer) wrapped(l string) {
	l = plain.Spelled(l)
	if p.Width <= 0 {
		fmt.Fprintln(p.W, l)
		return
	}
	for _, l := range wrap(l, p.Width) {
		fmt.Fprintln(p.W, l)
	}
}

// wrapText breaks every line of a text.
func wrapText(text string, width int) string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		out = append(out, wrap(l, width)...)
	}
	return strings.Join(out, "\n")
}

// wrap breaks a line at blanks. What follows a label ("probe from ann:  ") stays
// to the right of it. What has no blank is left whole: an address or a URI that
// is broken can't be searched for.
func wrap(l string, width int) (out []string) {
	hang := hanging(l) // of the whole line: what is left of it may have a colon, too
	if hang > width/2 {
		hang = width / 4
	}
	for columns(l) > width {
		cut := breakAt(l, hang, width)
		if cut < 0 {
			if cut = breakAfter(l, hang); cut < 0 {
				break
			}
		}
		if head := strings.TrimRight(l[:cut], " "); head != "" {
			out = append(out, head)
		}
		l = strings.Repeat(" ", hang) + strings.TrimLeft(l[cut:], " ")
	}
	return append(out, l)
}

// widestLabel is the column by which the text of a row begins, if its label is
// no longer than usual.
const widestLabel = 32

// hanging is the column at which what follows a label begins, or the line's
// own indent.
func hanging(l string) int {
	own := len(l) - len(strings.TrimLeft(l, " "))
	if label, rest, ok := cutLabel(l); ok && strings.TrimSpace(rest) != "" && columns(label) < widestLabel {
		return columns(label) + 1 + len(rest) - len(strings.TrimLeft(rest, " "))
	}
	return own
}

// cutLabel cuts a row at the end of its label: at a colon before a column of
// text, which begins after two blanks, or after one behind a label that is wider
// than its column.
func cutLabel(l string) (label, rest string, ok bool) {
	label, rest, ok = strings.Cut(l, ":")
	wide := strings.HasPrefix(l, "  ") && columns(label) >= labelColumn && strings.HasPrefix(rest, " ")
	if !ok || !wide && !strings.HasPrefix(rest, "  ") {
		return l, "", false
	}
	return label, rest, true
}

// labelColumn is how wide the labels of an explanation's rows are.
const labelColumn = 24

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

// breakAfter is the byte index of the first blank right of hang behind which
// there is more, -1 if there is none.
func breakAfter(l string, hang int) int {
	column := 0
	for i, r := range l {
		if r == ' ' && column > hang && strings.TrimSpace(l[i:]) != "" {
			return i
		}
		column++
	}
	return -1
}

func columns(s string) int { return len([]rune(s)) }
