package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
)

// fileCommands are the command lines that run what a description file says, and
// what they print when they have.
func fileCommands(t *testing.T, file string) map[string]string {
	t.Helper()
	return map[string]string{
		"stacks " + file:  "installed",
		"install " + file: "mine 7",
		"hunt --checks 1 --out " + t.TempDir() + " " + file:                       "mine 7: ",
		"replay --stack " + file + " " + writeFile(t, "case.txtar", foundingCase): "mine 7: 0 of 1 as expected",
	}
}

const asked = "was not run before in this form; in a sandbox it will run `echo mine 7` and `false`"

// Nothing of a description file runs before somebody has said yes to its
// content; then it is remembered until the content is another.
func TestAsksBeforeAFileIsRun(t *testing.T) {
	netns.Require(t)
	for line, ran := range fileCommands(t, "FILE") {
		t.Run(strings.Fields(line)[0], func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", t.TempDir())
			file := writeFile(t, "mine.txtar", description("echo mine 7", "false"))
			args := strings.Fields(strings.Replace(line, "FILE", file, 1))
			refused := func(when string) {
				t.Helper()
				status, out, errs := greka(t, "y\n", args...)
				if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "greka: "+file+" "+asked) || !strings.Contains(errs, "--yes") {
					t.Errorf("%s: status %d, output %q, error %q", when, status, out, errs)
				}
			}
			runs := func(when string, tells bool, args ...string) {
				t.Helper()
				_, out, errs := greka(t, "", args...)
				if !strings.Contains(out, ran) || strings.Contains(errs, asked) != tells {
					t.Errorf("%s: output %q, error %q", when, out, errs)
				}
			}
			refused("at first")
			refused("and again, since a refusal is not remembered")
			runs("with --yes", true, append(args, "--yes")...)
			runs("remembered", false, args...)
			text := description("echo mine 7", "false") + "\n"
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			refused("with another content")
		})
	}
}

// On a terminal a person is asked, and only a yes is one.
func TestAsksOnATerminal(t *testing.T) {
	netns.Require(t)
	file := writeFile(t, "mine.txtar", description("echo mine 7", "false"))
	for _, x := range []struct {
		answer string
		yes    bool
	}{{"n\n", false}, {"\n", false}, {"y\n", true}, {"", true}} { // at last it is remembered
		out := answered(t, x.answer, "stacks", file)
		if strings.Contains(out, "Run it? [y/N] ") != (x.answer != "") || strings.Contains(out, "7   ") != x.yes {
			t.Errorf("%q: %s", x.answer, out)
		}
		if !x.yes && !strings.Contains(out, "greka: not run, as you say (answer y, or give --yes") {
			t.Errorf("%q: %s", x.answer, out)
		}
	}
}

// answered runs a command on a terminal on which somebody has typed.
func answered(t *testing.T, typed string, args ...string) string {
	t.Helper()
	c := command(t, args...)
	far, near := terminal(t, 200)
	c.Stdin, c.Stdout, c.Stderr = near, near, near
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	near.Close()
	if _, err := io.WriteString(far, typed); err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(far) // EIO: the other end is closed
	_ = c.Wait()
	return string(text)
}

// A memory that others could have written proves nothing; one that cannot be
// kept is said, and nothing else changes.
func TestMemoryIsPrivate(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	file := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "false")))
	path, err := memoryPath()
	if err != nil {
		t.Fatal(err)
	}
	if status, _, errs := greka(t, "", "stacks", file); status != 0 || errs != "" {
		t.Errorf("remembered: status %d, %s", status, errs)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if status, _, errs := greka(t, "", "stacks", file); status != 2 || !strings.Contains(errs, asked) {
		t.Errorf("anybody can write it: status %d, %s", status, errs)
	}
	if status, _, errs := greka(t, "", "stacks", "--yes", file); status != 0 || !strings.Contains(errs, "this will be asked again: "+path) {
		t.Errorf("with --yes: status %d, %s", status, errs)
	}
}

// No case and no scenario leads to a file, even if there is one of that name;
// the command line does.
func TestCasesNameNoFiles(t *testing.T) {
	netns.Require(t)
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("mine.txtar", []byte(description("echo mine 7", "false")), 0o644); err != nil {
		t.Fatal(err)
	}
	mine := remembered(t, filepath.Join(dir, "mine.txtar")) // not even if it was allowed
	const told = "only the command line can name a file"
	for text, want := range map[string]string{
		strings.Replace(foundingCase, "mutant/contact-from-connection@", "./mine.txtar@", 1): told,
		strings.Replace(foundingCase, "mutant/contact-from-connection@", mine+"@", 1):        told,
		strings.Replace(foundingCase, "mutant/contact-from-connection@", "mine.txtar@", 1):   told,
		strings.Replace(foundingCase, "mutant/contact-from-connection@", "mine@", 1):         "no stack mine is known",
		strings.Replace(foundingCase, "via=p\n", "via=p stack=./mine.txtar\n", 1):            told,
		strings.Replace(foundingCase, "via=p\n", "via=p stack=mine.txtar\n", 1):              told,
		strings.Replace(foundingCase, "via=p\n", "via=p stack=mine\n", 1):                    `"mine"`,
	} {
		file := writeFile(t, "case.txtar", text)
		status, out, errs := greka(t, "", "replay", file)
		if !strings.Contains(out+errs, want) || status != 2 {
			t.Errorf("status %d\n%s%s, want %s in\n%s", status, out, errs, want, text)
		}
	}
	status, out, errs := greka(t, "", "replay", "--stack", "mine.txtar", writeFile(t, "case.txtar", foundingCase))
	if status != 2 || !strings.Contains(out, "mine 7: ") {
		t.Errorf("--stack: status %d\n%s%s", status, out, errs)
	}
}

// What the machine cannot give of the sandbox is said before anything is run,
// and only --insecure goes on.
func TestInsecure(t *testing.T) {
	netns.Require(t)
	whole := sandbox
	sandbox = func() []string { return []string{"this (it is \x1b[31mred)", "that"} }
	defer func() { sandbox = whole }()
	file := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "false")))
	const lacks = "greka: the sandbox of stacks is not whole on this machine: it lacks this (it is red), that"
	for line, ran := range fileCommands(t, file) {
		args := strings.Fields(line)
		if args[0] != "hunt" && args[0] != "replay" {
			continue
		}
		status, out, errs := greka(t, "", args...)
		if want := lacks + " (--insecure runs them all the same)\n"; status != 2 || out != "" || errs != want {
			t.Errorf("%s: status %d, output %q, error %q", args[0], status, out, errs)
		}
		_, out, errs = greka(t, "", append(args, "--insecure")...)
		if !strings.HasPrefix(errs, lacks+"\n") || !strings.Contains(out, ran) {
			t.Errorf("%s --insecure: output %q, error %q", args[0], out, errs)
		}
	}
	// Greka's own elements need none.
	if status, _, errs := greka(t, "", "hunt", "--checks", "1", "--out", t.TempDir(), "peer"); strings.Contains(errs, "sandbox") {
		t.Errorf("peer: status %d, %s", status, errs)
	}
}

func TestWorse(t *testing.T) {
	const clean, found, noWork, stopped = props.ExitClean, props.ExitFindings, props.ExitNoWork, props.ExitInterrupted
	for _, x := range [][3]int{{clean, clean, clean}, {clean, found, found}, {clean, noWork, noWork}, {clean, stopped, stopped},
		{found, noWork, found}, {found, stopped, found}, {noWork, stopped, noWork}, {found, found, found}} {
		if a, b := worse(x[0], x[1]), worse(x[1], x[0]); a != x[2] || b != x[2] {
			t.Errorf("of %d and %d: %d, %d, want %d", x[0], x[1], a, b, x[2])
		}
	}
}

// A stack that cannot be hunted hides no finding of another, in either order.
func TestFindingsStand(t *testing.T) {
	netns.Require(t)
	mine := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "false")))
	for _, stacks := range [][]string{{mine, liar}, {liar, mine}} {
		args := append([]string{"hunt", "--checks", "60", "--seed", "5", "--out", t.TempDir()}, stacks...)
		status, out, errs := greka(t, "", args...)
		if status != 1 || !strings.Contains(out, liar+" built in: 1 finding\n") || !strings.Contains(errs, "greka: mine: the run proves nothing") {
			t.Errorf("status %d\n%s%s", status, out, errs)
		}
	}
}
