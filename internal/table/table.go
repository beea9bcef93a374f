// Package table plays tables that stand in testdata: an input to a line, and
// below it, indented, what becomes of it. A test run with -update rewrites them.
package table

import (
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite what the tables in testdata expect")

// Run plays a table in testdata: in each file of the archive an input
// stands on a line of its own (as a Go string behind "go:" if it has odd bytes)
// and what becomes of it, indented, below.
func Run(t *testing.T, name string, got func(file, input string) string) {
	path := filepath.Join("testdata", name)
	table, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for i := range table.Files {
		f := &table.Files[i]
		t.Run(f.Name, func(t *testing.T) {
			out, n := playFile(t, string(f.Data), func(in string) string { return got(f.Name, in) })
			f.Data, rows = []byte(out), rows+n
		})
	}
	if rows < 10 {
		t.Fatalf("only %d rows", rows)
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func playFile(t *testing.T, text string, got func(string) string) (out string, rows int) {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := 0; i < len(lines); {
		in, want := lines[i], ""
		for i++; i < len(lines) && strings.HasPrefix(lines[i], "    "); i++ {
			want += strings.TrimSpace(lines[i]) + "\n"
		}
		result := got(input(t, in))
		if result+"\n" != want && !*update {
			t.Errorf("%s\ngot  %swant %s", in, result+"\n", want)
		}
		out += in + "\n    " + strings.ReplaceAll(result, "\n", "\n    ") + "\n"
		rows++
	}
	return out, rows
}

func input(t *testing.T, in string) string {
	quoted, ok := strings.CutPrefix(in, "go:")
	if !ok {
		return in
	}
	s, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s: %v", in, err)
	}
	return s
}

// Inputs lists the inputs of a table: seeds for a fuzz target.
func Inputs(f *testing.F, name string) (inputs []string) {
	table, err := txtar.ParseFile(filepath.Join("testdata", name))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range table.Files {
		for _, line := range strings.Split(string(file.Data), "\n") {
			if line == "" || strings.HasPrefix(line, "    ") {
				continue
			}
			if s, err := strconv.Unquote(strings.TrimPrefix(line, "go:")); err == nil {
				line = s
			}
			inputs = append(inputs, line)
		}
	}
	return inputs
}

// OneLine demands that an error is one short line without control characters.
func OneLine(t *testing.T, err error) {
	t.Helper()
	if s := err.Error(); len(s) > 400 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Errorf("not one short clean line: %q", s)
	}
}
