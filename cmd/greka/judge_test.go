package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/netns"
)

const ownCase = "../../corpus/baresip/contact-connection-port-200-invite-tcp.txtar"

// kept copies a case of the corpus and its observation, the one or the other
// changed, and returns the case's path.
func kept(t *testing.T, old, now string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.txtar")
	found := old == ""
	for from, to := range map[string]string{ownCase: path, beside(ownCase): beside(path)} {
		text, err := os.ReadFile(from)
		if err == nil {
			found = found || strings.Contains(string(text), old)
			err = os.WriteFile(to, []byte(strings.ReplaceAll(string(text), old, now)), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !found {
		t.Fatalf("no %q in %s", old, ownCase)
	}
	return path
}

func beside(path string) string { return strings.TrimSuffix(path, ".txtar") + ".observation" }

func TestJudge(t *testing.T) {
	same := kept(t, "", "")
	differs := kept(t, "ConnectionPort Finding Contact 200", "Closed Finding Contact 200")
	accepting := kept(t, `"result":"connection refused"`, `"result":"accepted"`)
	foreign := kept(t, "call     ann bob\n-- verdicts", "register bob\n-- verdicts")
	cut := kept(t, `"snapshots": [`, `"snapshots": [[`)
	for _, x := range []struct {
		files  []string
		status int
		want   []string
	}{
		{[]string{same}, 0, []string{"does not accept", "replay:  greka replay " + same, same + ": baresip 1.0.0: ", "verdicts, as they were kept\n"}},
		{[]string{beside(same)}, 0, []string{"does not accept", "verdicts, as they were kept\n  latent, nobody is hurt: ContactAccepts ConnectionPort Latent Contact 180"}},
		{[]string{differs}, 1, []string{"not as they were kept\n", "ContactAccepts Closed Finding", "ContactAccepts ConnectionPort Finding"}},
		{[]string{accepting, same}, 1, []string{"not as they were kept\n", "ContactAccepts Inconclusive", "verdicts, as they were kept\n"}},
		{[]string{foreign}, 2, []string{"the observation is not of this case's scenario"}},
		{[]string{same, cut}, 2, []string{"case.observation:", "found snapshots[0]: "}},
		{[]string{writeFile(t, "plain.txtar", foundingCase)}, 2, []string{"no observation is kept beside it (greka replay --observation FILE makes one)"}},
		{[]string{filepath.Join(t.TempDir(), "none")}, 2, []string{"no such file"}},
		{nil, 2, []string{"name at least one case or observation"}},
	} {
		status, out, errs := greka(t, "", append([]string{"judge"}, x.files...)...)
		for _, want := range x.want {
			if status != x.status || !strings.Contains(out+errs, want) {
				t.Errorf("%v: status %d, want %d and %q\n%s%s", x.files, status, x.status, want, out, errs)
			}
		}
		if again, twice, _ := greka(t, "", append([]string{"judge"}, x.files...)...); again != status || twice != out {
			t.Errorf("%v: another time: status %d\n%s", x.files, again, twice)
		}
		if (status == 2) != (strings.Count(errs, "\n") == 1 && out == "") {
			t.Errorf("%v: status %d, one line only:\n%s%s", x.files, status, out, errs)
		}
	}
}

// What a replay sees can be judged again, and is what was played.
func TestReplayObservation(t *testing.T) {
	netns.Require(t)
	file, to := writeFile(t, "case.txtar", foundingCase), filepath.Join(t.TempDir(), "seen")
	status, played, errs := greka(t, "", "replay", "--observation", to, file)
	if status != 0 {
		t.Fatalf("status %d\n%s%s", status, played, errs)
	}
	status, judged, errs := greka(t, "", "judge", to)
	finding, _, found := strings.Cut(judged, to)
	if status != 0 || errs != "" || !found || !strings.Contains(finding, "does not accept") {
		t.Fatalf("status %d\n%s%s", status, judged, errs)
	}
	replayLine := "  replay:  greka replay " + file + "\n"
	if !strings.HasPrefix(strings.Replace(played, replayLine, "", 1), strings.Replace(finding, "built-in", "built in", 1)) {
		t.Errorf("played:\n%s\njudged:\n%s", played, finding)
	}
	kernel := "../../corpus/kernel/time-wait-blocks.txtar"
	for _, x := range []struct {
		args []string
		want string
	}{
		{[]string{"--observation", to, file, file}, "--observation: name one case"},
		{[]string{"--observation", file, file}, "that is " + file + " itself"},
		{[]string{"--observation", to, "--pcap", to, file}, "that is " + to + " itself"},
		{[]string{"--observation", to, kernel}, "nothing of them is kept"},
	} {
		if status, _, errs := greka(t, "", append([]string{"replay"}, x.args...)...); status != 2 || !strings.Contains(errs, x.want) {
			t.Errorf("%v: status %d: %s", x.args, status, errs)
		}
	}
	if _, err := corpus.ReadObserved(to); err != nil {
		t.Errorf("it is gone: %v", err)
	}
}
