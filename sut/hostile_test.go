package sut

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model/plain"
)

// badCase is a description that differs from testdata/good.txtar, and what is
// wrong with it.
type badCase struct{ name, old, new, want string }

// line reads one line of a case.
func (c *badCase) line(t *testing.T, l string) {
	t.Helper()
	kind, rest, _ := strings.Cut(l, " ")
	switch kind {
	case "-":
		c.old += rest + "\n"
	case "+":
		c.new += rest + "\n"
	case "q": // as Go quotes it
		text, err := strconv.Unquote(rest)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		c.new += text + "\n"
	case "*", "*n": // so many times what is quoted; # is a number; on one line, or on many
		times, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(times)
		if err == nil {
			text, err = strconv.Unquote(text)
		}
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		var all strings.Builder
		for i := range n {
			all.WriteString(strings.ReplaceAll(text, "#", strconv.Itoa(i)))
			if kind == "*n" {
				all.WriteByte('\n')
			}
		}
		c.new += all.String()
	case "!":
		c.want = rest
	}
}

func badCases(t *testing.T) (cases []badCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range strings.Split(string(data), "\n") {
		if name, ok := strings.CutPrefix(l, "case "); ok {
			cases = append(cases, badCase{name: name})
		} else if len(cases) > 0 {
			cases[len(cases)-1].line(t, l)
		}
	}
	return cases
}

func hostileCases(t *testing.T) (cases []badCase) {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/hostile.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		c := badCase{name: f.Name}
		for _, l := range strings.Split(string(f.Data), "\n") {
			c.line(t, l)
		}
		cases = append(cases, c)
	}
	return cases
}

func TestBadDescriptions(t *testing.T) {
	base := good(t)
	for _, c := range badCases(t) {
		t.Run(c.name, func(t *testing.T) { c.refused(t, base) })
	}
}

// maxAlloc bounds what reading and rehearsing a description may take in all,
// in bytes: time without allocating is bounded by the steps.
const maxAlloc = 200 << 20

// Whatever a stranger writes, reading it comes to an end, takes a bounded
// amount of memory, and says in one line what is wrong.
func TestHostileDescriptions(t *testing.T) {
	base := good(t)
	cases := hostileCases(t)
	if len(cases) < 30 {
		t.Errorf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.refused(t, base)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > maxAlloc {
				t.Errorf("it took %d MB", got>>20)
			}
		})
	}
}

func (c *badCase) refused(t *testing.T, base string) {
	t.Helper()
	if c.old == "" || c.want == "" || strings.Count(base, c.old) != 1 {
		t.Fatalf("the case is wrong: %+v", c)
	}
	_, err := parse("my.txtar", "/d", []byte(strings.Replace(base, c.old, c.new, 1)))
	if err == nil {
		t.Fatalf("no error, want %q", c.want)
	}
	if got := err.Error(); !strings.HasPrefix(got, "my.txtar:") || !strings.Contains(got, c.want) {
		t.Errorf("got  %s\nwant %s", got, c.want)
	}
	oneLine(t, err)
}

// What is harmless when it is rehearsed, and not in the hunt: there it is
// refused, too.
func TestHostileInTheHunt(t *testing.T) {
	for _, evil := range []string{`{{range 1000000000}}{{end}}`, `{{range 2000}}{{printf "%999d" 1}}{{end}}`} {
		for _, at := range []string{"address {{.Addr}}\n", "bye\n"} {
			text := strings.Replace(good(t), at, at+`{{if eq .Name "ann"}}`+evil+"{{end}}\n", 1)
			d, err := parse("my.txtar", "/d", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			data := d.rehearsals()[0]
			fill := func() error {
				_, err := d.spec(data)
				_, endErr := d.control["hangup"].expand(data)
				return errors.Join(err, endErr)
			}
			if err := fill(); err != nil {
				t.Errorf("for bob: %v", err)
			}
			data.Name = "ann"
			if err := fill(); err == nil || !strings.Contains(err.Error(), "my.txtar:") {
				t.Errorf("%s: %v", evil, err)
			} else {
				oneLine(t, err)
			}
		}
	}
}

// What is usual has room.
func TestModestDescriptions(t *testing.T) {
	for _, more := range []string{
		`{{range 1000}}route {{.}}` + "\n{{end}}", `{{printf "%-20s|%05d|%.2f|%[1]q" .Name 7 1.5}}`,
		`{{html "<"}}{{js "'"}}{{urlquery " "}}{{print 1 2}}{{println .Transports}}`, strings.Repeat("(text)\n", 20_000),
		strings.Repeat("{{if .Via}}a{{else}}b{{end}}", 500),
	} {
		if _, err := parse("my.txtar", "/d", []byte(strings.Replace(good(t), "address {{.Addr}}\n", more+"\n", 1))); err != nil {
			t.Errorf("%.60s: %v", more, err)
		}
	}
}

func FuzzDescription(f *testing.F) {
	base := good(f)
	f.Add(base)
	f.Add(strings.ReplaceAll(base, "\n", "\r\n"))
	for _, evil := range []string{`{{range 99}}{{range 9999}}{{end}}{{end}}`, `{{$x := "xx"}}{{range 99}}{{$x = print $x $x}}{{end}}`,
		`{{printf "%9999d" 1}}`, `{{define "x"}}{{template "x" .}}{{end}}{{template "x" .}}`} {
		f.Add(strings.Replace(base, "bye\n", evil+"\n", 1))
	}
	for _, s := range All() {
		data, err := files.ReadFile("stacks/" + s.Name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parse("my.txtar", "/d", []byte(text))
		if err != nil {
			var placed *SyntaxError
			if !errors.As(err, &placed) {
				t.Errorf("%T has no place: %v", err, err)
			}
			harmless(t, err)
			return
		}
		if runs := d.Runs(); plain.Spelled(runs) != runs {
			t.Errorf("what a person is asked: %q", runs)
		}
		for _, data := range d.rehearsals() {
			spec, err := d.spec(data)
			if err != nil {
				t.Errorf("it was accepted, and then: %v", err)
			}
			total := 0
			for _, content := range spec.Files {
				total += len(content)
			}
			if total > maxExpansion {
				t.Errorf("its files have %d bytes", total)
			}
		}
	})
}

func harmless(t *testing.T, err error) {
	t.Helper()
	oneLine(t, err)
	if text := err.Error(); plain.Spelled(text) != text {
		t.Errorf("not for a terminal: %q", text)
	}
}
