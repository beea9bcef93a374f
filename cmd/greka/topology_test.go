package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A picture needs no privilege and plays nothing: it comes from the case and
// from the plain scenario alike.
func TestTopology(t *testing.T) {
	file, plain := writeFile(t, "case.txtar", foundingCase), writeFile(t, "plain", founding)
	for _, x := range []struct{ args, want string }{
		{file, "|   ESTAB  tcp 10.77.0.1:* -> p 10.77.0.1:5060   o--"},
		{plain, "| ua bob via=p [sut] "},
		{"--svg " + file, "</svg>\n"},
		{"--help", "Topology draws the scenario of a case"},
	} {
		status, out, errs := greka(t, "", append([]string{"topology"}, strings.Fields(x.args)...)...)
		if status != 0 || errs != "" || !strings.Contains(out, x.want) {
			t.Errorf("%s: status %d, error %q, want %q\n%s", x.args, status, errs, x.want, out)
		}
	}
}

// With -o the same goes into a file, and nothing to standard output.
func TestTopologyIntoAFile(t *testing.T) {
	plain, picture := writeFile(t, "plain", founding), filepath.Join(t.TempDir(), "box.svg")
	_, want, _ := greka(t, "", "topology", "--svg", plain)
	for range 2 {
		status, out, errs := greka(t, "", "topology", "--svg", "-o", picture, plain)
		if got, err := os.ReadFile(picture); status != 0 || out != "" || errs != "" || string(got) != want || err != nil {
			t.Fatalf("status %d, output %q, error %q, %v\n%s", status, out, errs, err, got)
		}
	}
	bad := writeFile(t, "bad", strings.Replace(founding, "tcp:5072", "tcp:x", 1))
	none := filepath.Join(t.TempDir(), "none.svg")
	for _, x := range []struct{ out, file, want string }{
		{none, bad, `found "tcp:x", want `},
		{"/dev/null", plain, "write /dev/null: not a regular file"},
		{filepath.Join(none, "x"), plain, "no such file or directory"},
		{"", plain, "--out: give a file"},
	} {
		status, out, errs := greka(t, "", "topology", "-o", x.out, x.file)
		if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, x.want) {
			t.Errorf("-o %s: status %d, output %q\ngot  %s\nwant %s", x.out, status, out, errs, x.want)
		}
	}
	if _, err := os.Lstat(none); err == nil {
		t.Errorf("%s is there", none)
	}
}

func TestTopologyOneClearLine(t *testing.T) {
	plain := writeFile(t, "plain", founding)
	for _, x := range []struct{ args, want string }{
		{"", "greka topology: name one case"},
		{plain + " " + plain, "greka topology: name one case"},
		{plain + ".none", plain + ".none"},
		{"--png " + plain, "unknown flag: --png (greka topology --help lists the flags)"},
	} {
		status, out, errs := greka(t, "", append([]string{"topology"}, strings.Fields(x.args)...)...)
		if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, x.want) {
			t.Errorf("%s: status %d, output %q\ngot  %s\nwant %s", x.args, status, out, errs, x.want)
		}
	}
}
