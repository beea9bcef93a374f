package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/greka-sip/greka/netns"
)

// No output replaces an input, under whatever name.
func TestOutputsAreNoInputs(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	mine := description("echo mine 7", "false")
	for name, text := range map[string]string{"case.txtar": foundingCase, "mine.txtar": mine} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"case.txtar", "mine.txtar"} {
		if err := os.Link(name, "hard-"+name); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(name, "soft-"+name); err != nil {
			t.Fatal(err)
		}
	}
	for _, out := range []string{"case.txtar", "./case.txtar", filepath.Join(dir, "case.txtar"), "hard-case.txtar", "soft-case.txtar"} {
		for _, args := range [][]string{
			{"replay", "--pcap", out, "case.txtar"}, {"topology", "-o", out, "case.txtar"},
			{"replay", "--stack", "mine.txtar", "--pcap", strings.Replace(out, "case", "mine", 1), "case.txtar"},
		} {
			status, stdout, errs := greka(t, "", args...)
			if status != 2 || stdout != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "itself (choose another name)") {
				t.Errorf("%q: status %d, output %q, error %q", args, status, stdout, errs)
			}
		}
	}
	for name, text := range map[string]string{"case.txtar": foundingCase, "mine.txtar": mine} {
		if got, err := os.ReadFile(name); err != nil || string(got) != text {
			t.Errorf("%s is another: %v\n%s", name, err, got)
		}
	}
}

// The same with another name writes it.
func TestOutputs(t *testing.T) {
	netns.Require(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("case.txtar", []byte(foundingCase), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"replay", "--pcap", "x", "case.txtar"}, {"topology", "-o", "y", "case.txtar"}} {
		if status, _, errs := greka(t, "", args...); status != 0 {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
		if st, err := os.Stat(args[2]); err != nil || st.Size() == 0 {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Where cases cannot be written is known before the hunt.
func TestOutIsTriedFirst(t *testing.T) {
	netns.Require(t)
	file, dir := writeFile(t, "file", ""), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "peer"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{file: "not a directory", filepath.Join(file, "below"): "not a directory",
		"/proc/greka": "/proc/greka", dir: "not a directory"} {
		start := time.Now()
		status, stdout, errs := greka(t, "", "hunt", "--time", "1h", "--out", out, "peer")
		if status != 2 || stdout != "" || strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "greka: --out: ") || !strings.Contains(errs, want) {
			t.Errorf("--out %s: status %d after %v, output %q, error %q", out, status, time.Since(start), stdout, errs)
		}
	}
}

// Completion and suggestions work.
func TestCompletion(t *testing.T) {
	for line, want := range map[string]string{
		"completion bash":                  "complete ",
		"__complete hunt bar":              "baresip\t",
		"__complete hunt mutant/contact-d": "mutant/contact-dead-port\t",
		"__complete replay --stack bar":    "baresip\t",
		"__complete replay x":              "txtar\n:8",
		"__complete re":                    "replay\t",
	} {
		if status, out, errs := greka(t, "", strings.Fields(line)...); status != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %q\n%s", line, status, errs, out)
		}
	}
	if status, _, errs := greka(t, "", "hnut"); status != 2 || errs != "greka: unknown command \"hnut\" for \"greka\" Did you mean this? hunt\n" {
		t.Errorf("hnut: status %d, %q", status, errs)
	}
}

// What others wrote is harmless on a terminal, and no error spells a line's end
// out where it can be told on one line.
func TestForeignTextIsHarmless(t *testing.T) {
	netns.Require(t)
	file := remembered(t, writeFile(t, "mine.txtar", description(`printf "mine 7\033[31m\033]0;owned\007\n"`, "false")))
	if status, out, errs := greka(t, "", "stacks", file); status != 0 || strings.Contains(out, "\x1b") || !strings.Contains(out, "  mine   7   ") {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	named := writeFile(t, "\x1b[31mred", foundingCase)
	if status, out, errs := greka(t, "", "replay", "--stack", "peer", named); status != 0 || strings.Contains(out+errs, "\x1b") || !strings.Contains(out, `\u001b[31mred: peer`) {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	for _, args := range [][]string{{"hunt", "a\nb"}, {"hunt\nb"}, {"hunt", "--only", "a\nb\x1b[31m", "peer"}, {"replay", "no\n\x1b[31mfile"},
		{"hunt", "--transport", "a\nb", "peer"}, {"hunt", "--out", "/proc/a\nb\x1b", "peer"}, {"hunt", "./a\n\x1b.txtar"}, {"--a\nb"}} {
		status, out, errs := greka(t, "", args...)
		if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "\x1b") || strings.Contains(errs, `\u000a`) {
			t.Errorf("%q: status %d, output %q, error %q", args, status, out, errs)
		}
	}
}
