package props

import (
	"strings"
	"testing"

	"github.com/greka-sip/greka/sut"
)

// What a program wrote is kept as text, whatever it is.
func TestProgramLogIsText(t *testing.T) {
	var l programLog
	if l.bytes() != nil {
		t.Error("there is a log where there are no programs")
	}
	l.add("bob", "x", "x -f .", []sut.Said{{Told: true, Text: "call sip:ann"}, {Text: "\x1b[31mringing\x00\xff"}, {Text: strings.Repeat("é", maxLogLine+1)}})
	l.add("ann", "y", "y\n", nil)
	want := "== bob, played by x: x -f .\n> call sip:ann\n  \\u001b[31mringing\\u0000\\xff\n  " + strings.Repeat("é", maxLogLine) + "… (4002 bytes)\n" +
		"== ann, played by y: y\n  (it was told nothing and wrote nothing)\n"
	if got := string(l.bytes()); got != want {
		t.Errorf("%q", got)
	}
}

func TestPrintedFindingOfAKeptCase(t *testing.T) {
	f := aFinding()
	f.Kept = true
	if out := printed(0, false, f); !strings.Contains(out, "the case of an earlier hunt") {
		t.Error(out)
	}
	if out := printed(0, false, aFinding()); strings.Contains(out, "earlier hunt") {
		t.Error(out)
	}
}

func TestLastWordsAreTheProgramsOwn(t *testing.T) {
	var l programLog
	l.add("bob", "x", "x", []sut.Said{{Text: "ringing"}, {Text: "\x1b[31mcall failed"}, {Text: " "}, {Told: true, Text: "quit"}})
	if got := lastWords(l.bytes()); got != "\\u001b[31mcall failed" {
		t.Errorf("%q", got)
	}
	var silent programLog
	silent.add("bob", "x", "x", nil)
	for _, log := range [][]byte{nil, silent.bytes()} {
		if got := lastWords(log); got != "" {
			t.Errorf("%q", got)
		}
	}
	if got := withWords(ResultInconclusive, "no answer", l.bytes()); got != "no answer; the program's last words: \\u001b[31mcall failed" {
		t.Errorf("%q", got)
	}
	if got := withWords(ResultBroken, "no answer", l.bytes()); got != "no answer" {
		t.Errorf("%q", got) // it has them already
	}
}
