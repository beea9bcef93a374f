package plain

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "",
		"1.2.3":                             "1.2.3",
		"  two\twords \n":                   "two words",
		"one\ntwo\r\nthree":                 "one two three",
		"10%\r50%\r100%\r\n":                "100%",
		"\x1b[31mred\x1b[;m and \x00\x07":   "red and",
		"\x1b]0;owned\x07title":             "title",
		"\x1b]0;owned\x1b\\title":           "title",
		"\x1bPq\x1b\\device":                "device",
		"\x1b[?1049h\x1b[>4;2mscreen":       "screen",
		"\x1bcreset\x1b(Bcharset":           "resetcharset",
		"\u009b31mred":                      "red",
		"unfinished \x1b[31":                "unfinished",
		"unfinished \x1b":                   "unfinished",
		"unfinished \x1b]0;title":           "unfinished",
		"\xff\xfe":                          "\uFFFD\uFFFD",
		"right\u202eleft\u200b":             "rightleft",
		"\u2028separated\u2029by\u0085both": "separated by both",
		"grüße, 世界":                         "grüße, 世界",
	} {
		if got := Line(in); got != want {
			t.Errorf("Line(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, x := range []struct {
		in    string
		limit int
		want  string
	}{
		{"short", 5, "short"}, {"longer", 4, "long…"}, {"grüße", 3, "gr…"}, {"\x1b[31mred", 3, "red"},
	} {
		if got := Cut(x.in, x.limit); got != x.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", x.in, x.limit, got, x.want)
		}
	}
}

func TestSpelled(t *testing.T) {
	for in, want := range map[string]string{
		"as it is\t": "as it is\t", "a\nb\r\x1b[0m\x00": `a\nb\r\u001b[0m\u0000`, "\u202e\u2028": `\u202e\u2028`, "\xff\u0085": `\xff\u0085`,
	} {
		if got := Spelled(in); got != want {
			t.Errorf("Spelled(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{"a/b-c.txtar": "a/b-c.txtar", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "~x": "'~x'"} {
		if got := ShellWord(in); got != want {
			t.Errorf("ShellWord(%q) = %q, want %q", in, got, want)
		}
	}
}

// Whatever comes in, nothing that a terminal obeys comes out.
func FuzzPlain(f *testing.F) {
	f.Add("\x1b[31mred\x1b]0;x\x07\r\n\u009b\xff\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		for _, out := range []string{Line(s), Cut(s, 10), Spelled(s)} {
			if !utf8.ValidString(out) || strings.IndexFunc(out, func(r rune) bool { return r != '\t' && !unicode.IsPrint(r) }) >= 0 {
				t.Errorf("%q became %q", s, out)
			}
		}
	})
}
