package props

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// Check hunts a stack from a test with the zero Config: 200 scenarios, the same
// ones each time. See Config.Check.
func Check(t testing.TB, stack string) {
	t.Helper()
	Config{}.Check(t, stack)
}

// Check hunts a stack from a test, and fails the test with what it finds: each
// finding as greka hunt prints it, with the scenario and the line that replays
// it. A run that proves nothing fails it, too.
//
// The stack is a name that Greka knows, or the path of a description file.
// Cases go to testdata/greka unless c.Out says otherwise.
//
// The command line of go test is heard: -rapid.checks and -rapid.seed say how
// many scenarios of which seed, -short plays a fifth, and a hunt ends before
// -timeout would end the test, with a summary. An outcome is not taken from the
// cache if the stack's program has changed since.
//
// Where there can be no labs or the stack is not installed the test is
// skipped, with the command that would make it run; with CI=true in the
// environment it fails instead. The test's TestMain has to be netns.Main.
func (c Config) Check(t testing.TB, stack string) {
	t.Helper()
	netns.Require(t)
	s, err := findOrLoad(stack)
	if err != nil {
		t.Fatal(err)
	}
	dependOn(s.Files())
	c, ctx, cancel := c.asked().inTime(t)
	defer cancel()
	if _, err := s.Installed(ctx); err != nil {
		missing(t, err)
	}
	if c.Out == "" {
		c.Out = filepath.Join("testdata", "greka")
	}
	sum, err := Hunt(ctx, s, c)
	if err != nil {
		t.Fatal(err)
	}
	fail(t, sum)
	if sum.Interrupted && c.Time == 0 {
		t.Errorf("the deadline of the test (-timeout) ended the hunt after %d of %d scenarios; -rapid.checks says how many are played", sum.Cases, c.checks())
	}
}

// findOrLoad returns the stack that a test names. A test is a program already:
// whoever runs it has allowed what it runs, so a file is not asked about again.
func findOrLoad(nameOrPath string) (*sut.Stack, error) {
	if !sut.IsFile(nameOrPath) {
		return sut.Find(nameOrPath)
	}
	s, err := sut.Load(nameOrPath)
	if err != nil {
		return nil, err
	}
	s.Allow()
	return s, nil
}

// missing ends a test for want of a stack.
func missing(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, sut.ErrNotInstalled) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	t.Fatal(err)
}

// fail reports a hunt's findings, and why it proves nothing if that is so.
func fail(t testing.TB, sum *Summary) {
	t.Helper()
	for _, f := range append(slices.Clone(sum.Findings), sum.Puzzles...) {
		f.CaseFile, f.ReplayStack = fromUser(f.CaseFile), fromUser(f.ReplayStack)
	}
	var b strings.Builder
	p := &Printer{W: &b}
	p.Summary(sum)
	t.Log("\n" + b.String())
	for _, f := range sum.Findings {
		b.Reset()
		p.Finding(f)
		t.Error("\n" + b.String())
	}
	if sum.EmptyRun != "" {
		t.Error(map[bool]string{true: "the hunt proves nothing: ", false: "besides: "}[len(sum.Findings) == 0], sum.EmptyRun)
	}
	if sum.OutErr != nil {
		t.Error(sum.OutErr)
	}
}
