package props

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/sut"
)

// programLog is what was written to the programs of a play and what they wrote,
// for people: each line is text, whatever it is made of.
type programLog struct{ b strings.Builder }

// maxLogLine is how many characters of one line of a program are kept.
const maxLogLine = 2000

// add writes what passed between us and one program. Lines that it was told
// begin with ">".
func (l *programLog) add(element, stack, command string, said []sut.Said) {
	fmt.Fprintf(&l.b, "== %s, played by %s: %s\n", element, plain.Line(stack), plain.Line(command))
	for _, s := range said {
		mark := " "
		if s.Told {
			mark = ">"
		}
		fmt.Fprintf(&l.b, "%s %s\n", mark, cut(plain.Spelled(s.Text), maxLogLine))
	}
	if len(said) == 0 {
		l.b.WriteString("  (it was told nothing and wrote nothing)\n")
	}
}

// lastWords is the last line that a program wrote in a play, "" if none did.
func lastWords(log []byte) string {
	lines := strings.Split(string(log), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if words, said := strings.CutPrefix(lines[i], "  "); said && strings.TrimSpace(words) != "" && !strings.HasPrefix(words, "(it was told") {
			return cut(strings.TrimSpace(words), maxWords)
		}
	}
	return ""
}

// maxWords is how many characters of a program's last words are told.
const maxWords = 200

func (l *programLog) bytes() []byte {
	if l.b.Len() == 0 {
		return nil
	}
	return []byte(l.b.String())
}

// cut shortens a text to so many characters, and says so.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return fmt.Sprintf("%s… (%d bytes)", string(r[:most]), len(s))
	}
	return s
}
