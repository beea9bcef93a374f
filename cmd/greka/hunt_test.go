package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/netns"
)

const liar = "mutant/contact-from-connection"

// What it finds is told as JSON, for people, and as a case that replays.
func TestHuntTellsEverythingAsJSON(t *testing.T) {
	netns.Require(t)
	out := t.TempDir()
	status, stdout, stderr := greka(t, "", "hunt", "--json", "--seed", "5", "--out", out, liar)
	if status != 1 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	events := map[any][]map[string]any{}
	all := objects(t, stdout)
	for _, o := range all {
		events[o["event"]] = append(events[o["event"]], o)
	}
	last := all[len(all)-1]
	if len(events["scenario"]) != 200 || len(events["finding"]) != 1 || len(events["summary"]) != 1 || last["event"] != "summary" {
		t.Fatalf("%d scenarios, %d findings, %d summaries", len(events["scenario"]), len(events["finding"]), len(events["summary"]))
	}
	f := events["finding"][0]
	want := map[string]any{
		"event": "finding", "stack": liar, "version": "built in",
		"claim": "ContactAccepts", "class": "ConnectionPort", "severity": "Finding", "header": "Contact",
		"message": "200 INVITE", "role": "callee", "transport": "tcp", "scenario": founding, "seed": 5.0,
		"title":     "ConnectionPort: the Contact of bob's 200 INVITE does not accept",
		"case_file": filepath.Join(out, liar, "contact-connection-port-200-invite-tcp.txtar"),
	}
	for name, value := range want {
		if d := cmp.Diff(value, f[name]); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if d := cmp.Diff([]any{f}, last["findings"]); d != "" {
		t.Errorf("the summary's finding differs: %s", d)
	}
	if last["seed"] != 5.0 || last["cases"] != 200.0 || last["broken"] != 0.0 || last["lookup_disagreements"] != 0.0 {
		t.Errorf("summary: %v", last)
	}
	for i, o := range events["scenario"] {
		if o["index"] != float64(i) {
			t.Fatalf("scenario %d has index %v", i, o["index"])
		}
	}
	if status, stdout, stderr = greka(t, "", "replay", "-n", "5", f["case_file"].(string)); status != 0 || !strings.Contains(stdout, "5 of 5 as expected") {
		t.Errorf("replay: status %d, %s%s", status, stdout, stderr)
	}
}

func TestHuntForPeople(t *testing.T) {
	netns.Require(t)
	out := t.TempDir()
	status, stdout, stderr := greka(t, "", "hunt", "--seed", "5", "--out", out, liar)
	first, more, _ := strings.Cut(stderr, "\n")
	if status != 1 || first != "hunting "+liar+" built in: 200 scenarios, seed 5" {
		t.Errorf("status %d, %q", status, stderr)
	}
	// How far it is is said now and then if it takes long.
	if !regexp.MustCompile(`^(` + liar + `: \d+/200 scenarios, .*\n)*$`).MatchString(more) {
		t.Errorf("it says more: %q", more)
	}
	for _, want := range []string{
		"ConnectionPort: the Contact of bob's 200 INVITE does not accept  " + liar + " built in\n",
		"  scenario (7 lines)\n    net   lan 4\n",
		"  replay:  greka replay " + out,
		"\n" + liar + " built in: 1 finding\n",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is not in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout+stderr, "\x1b") || strings.Contains(stdout+stderr, "\r") {
		t.Error("terminal codes where there is no terminal")
	}
}

func TestHuntOfTheHonest(t *testing.T) {
	netns.Require(t)
	out := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := greka(t, "", "hunt", "--out", out, "peer")
	if status != 0 || !strings.HasPrefix(stdout, "peer built in: nothing found\n") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("nothing was found, and %s is there: %v", out, err)
	}
}

// Several stacks: each has its summary, and the worst decides.
func TestHuntOfSeveral(t *testing.T) {
	netns.Require(t)
	status, stdout, _ := greka(t, "", "hunt", "--json", "--seed", "5", "--out", t.TempDir(), liar, "peer")
	var stacks []any
	for _, o := range objects(t, stdout) {
		if o["event"] == "summary" {
			stacks = append(stacks, o["stack"])
		}
	}
	if status != 1 || !cmp.Equal(stacks, []any{liar, "peer"}) {
		t.Errorf("status %d, summaries of %v", status, stacks)
	}
}

// A stack that never works is no clean stack: the run is empty, and says why.
func TestHuntOfAStackThatNeverWorks(t *testing.T) {
	netns.Require(t)
	mine := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "false")))
	status, stdout, stderr := greka(t, "", "hunt", "--out", t.TempDir(), mine)
	if status != 2 || !strings.Contains(stderr, "greka: mine: the run proves nothing: ") || strings.Count(stderr, "greka: ") != 1 || !strings.Contains(stdout, "0 direct twins") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

// Two hunts into one directory: both find, and one case is left.
func TestTwoHuntsAtOnce(t *testing.T) {
	netns.Require(t)
	out := t.TempDir()
	var both [2]struct {
		err  error
		text []byte
	}
	done := make(chan int)
	for i := range both {
		c := command(t, "hunt", "--seed", fmt.Sprint(5+i), "--out", out, liar)
		go func() {
			both[i].text, both[i].err = c.CombinedOutput()
			done <- i
		}()
	}
	<-done
	<-done
	for _, b := range both {
		if b.err == nil || b.err.Error() != "exit status 1" {
			t.Errorf("%v\n%s", b.err, b.text)
		}
	}
	files, err := filepath.Glob(filepath.Join(out, liar, "*.*"))
	if err != nil || len(files) != 3 || filepath.Ext(files[0]) != ".observation" || filepath.Ext(files[1]) != ".pcapng" { // the case, its observation and its packets
		t.Fatal(files, err)
	}
	if _, err := corpus.ReadFile(files[2]); err != nil {
		t.Error(err)
	}
}

// interrupted runs a hunt that would take an hour and interrupts it as soon as
// wait has seen enough of its output.
func interrupted(t *testing.T, wait func(*bufio.Reader), args ...string) (status int, rest string) {
	t.Helper()
	c := command(t, append([]string{"hunt", "--time", "1h", "--json", "--out", t.TempDir()}, args...)...)
	var errs bytes.Buffer
	c.Stderr = &errs
	pipe, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(pipe)
	wait(r)
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	return c.ProcessState.ExitCode(), string(data)
}

// until reads lines up to the first that contains something.
func until(t *testing.T, what string) func(*bufio.Reader) {
	return func(r *bufio.Reader) {
		for {
			l, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("%v before %s", err, what)
			}
			if strings.Contains(l, what) {
				return
			}
		}
	}
}

func TestInterruptedHunt(t *testing.T) {
	netns.Require(t)
	for _, x := range []struct {
		stack, after string
		status       int
	}{
		{"peer", `"event":"scenario"`, 130},
		{liar, `"event":"finding"`, 1},
	} {
		status, rest := interrupted(t, until(t, x.after), "--seed", "5", x.stack)
		all := objects(t, rest)
		last := all[len(all)-1]
		if status != x.status || last["event"] != "summary" || last["interrupted"] != true {
			t.Errorf("%s: status %d, last %v", x.stack, status, last)
		}
	}
}
