package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/netns"
)

func TestReplay(t *testing.T) {
	netns.Require(t)
	file := writeFile(t, "case.txtar", foundingCase)
	plain := writeFile(t, "plain", founding)
	for _, x := range []struct {
		args   string
		status int
		want   string
	}{
		{file, 0, liar + " built in: 1 of 1 as expected (ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp)"},
		{"-n 3 " + file, 0, "3 of 3 as expected"},
		{"--expect clean " + file, 1, "0 of 1 as expected (clean)"},
		{"--stack peer " + file, 0, "peer built in: 1 of 1 as expected (clean)"},
		{"--stack peer --expect finding " + file, 1, "0 of 1 as expected (ContactAccepts ConnectionPort"},
		{"--stack mutant/contact-dead-port " + file, 1, "0 of 1 as expected (clean)"},
		{plain, 0, "peer built in: 1 of 1 as expected (clean)"},
		{"--stack " + liar + " --expect finding " + plain, 0, "1 of 1 as expected (any finding)"},
		{"--output " + plain, 0, "no programs: Greka plays every element itself"},
		{file + " " + plain, 0, "peer built in: 1 of 1"},
	} {
		t.Run(x.args, func(t *testing.T) {
			status, out, errs := greka(t, "", append([]string{"replay"}, strings.Fields(x.args)...)...)
			if status != x.status || !strings.Contains(out, x.want) || errs != "" {
				t.Errorf("status %d, want %d and %q\n%s%s", status, x.status, x.want, out, errs)
			}
			if found := strings.Contains(out, "does not accept"); found != strings.Contains(x.args, file) && !strings.Contains(x.args, "--stack") {
				t.Errorf("explained: %v\n%s", found, out)
			}
		})
	}
}

func TestReplayAsJSON(t *testing.T) {
	netns.Require(t)
	file := writeFile(t, "case.txtar", foundingCase)
	status, out, errs := greka(t, "", "replay", "--json", "-n", "2", file)
	all := objects(t, out)
	if status != 0 || errs != "" || len(all) != 3 {
		t.Fatalf("status %d, error %q\n%s", status, errs, out)
	}
	if f := all[0]; f["event"] != "finding" || f["class"] != "ConnectionPort" || f["case_file"] != file || f["scenario"] != founding {
		t.Errorf("finding: %v", f)
	}
	const sig = "ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp"
	shown, _ := all[1]["shown"].([]any)
	if len(shown) == 0 || shown[0] != any(sig) {
		t.Errorf("shown: %v", shown)
	}
	delete(all[1], "shown")
	if d := cmp.Diff(map[string]any{"event": "replay", "case_file": file, "stack": liar, "version": "built in", "expect": sig,
		"plays": 2.0, "as_expected": 2.0, "broken": 0.0, "inconclusive": 0.0}, all[1]); d != "" {
		t.Error(d)
	}
	if s := all[2]; s["event"] != "summary" || s["plays"] != 2.0 || len(s["findings"].([]any)) != 1 {
		t.Errorf("summary: %v", s)
	}
}

// A stack that never listens is broken: no verdict, and no clean end.
func TestReplayThatIsBroken(t *testing.T) {
	netns.Require(t)
	mine := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "false")))
	status, out, errs := greka(t, "", "replay", "--stack", mine, writeFile(t, "case.txtar", foundingCase))
	if status != 2 || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "1 of 1 plays were broken") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// The line that a finding ends with works as it is printed: from where the hunt
// was started, whatever the description file is called.
func TestTheReplayLineWorks(t *testing.T) {
	netns.Require(t)
	needBaresip(t)
	text, err := os.ReadFile("../../sut/stacks/baresip.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir)
	const file = "./it's my $HOME.txtar"
	if err := os.WriteFile(file, bytes.Replace(text, []byte("name           baresip"), []byte("name           mine"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	status, out, errs := greka(t, "", "hunt", "--yes", "--seed", "5", "--checks", "40", file)
	_, line, found := strings.Cut(out, "  replay:  greka ")
	line, _, _ = strings.Cut(line, "\n")
	if status != 1 || !found || !strings.HasPrefix(line, `replay --stack './it'\''s my $HOME.txtar' greka-out/mine/`) {
		t.Fatalf("status %d, %q\n%s%s", status, line, out, errs)
	}
	for _, x := range []struct {
		line string
		want string
	}{{line, "1 of 1 as expected (ContactAccepts"}, {strings.Replace(line, "--stack './it'\\''s my $HOME.txtar'", "", 1), "no stack mine is known"}} {
		c := command(t)
		c.Dir = dir
		c.Path, c.Args = "/bin/sh", []string{"sh", "-c", `greka() { "$0" "$@"; }; greka ` + x.line, self(t)}
		if out, _ := c.CombinedOutput(); !strings.Contains(string(out), x.want) {
			t.Errorf("%s: %s", x.line, out)
		}
	}
}
