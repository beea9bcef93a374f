// Package honest tries to have honest programs accused: user agents that do
// what RFC 3261 allows, each odd in another way, written without package peer
// and without model's parsers. It has no code but tests.
package honest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

// agentVariable makes this test binary be one of them.
const agentVariable = "GREKA_ODD_AGENT"

func TestMain(m *testing.M) {
	if what := os.Getenv(childVariable); what != "" {
		beChild(what)
		return
	}
	if how := os.Getenv(agentVariable); how != "" {
		play(how, os.Args[1:])
		return
	}
	netns.Main(m)
}

const description = `One of the odd and honest.

-- stack --
name           odd
version        "VERSION"
version-match  ^odd (.*)
roles          caller callee
transports     udp tcp
families       4 6
listen         apart
env            GREKA_ODD_AGENT=HOW
start          "PROGRAM" {{.Name}} {{.Addr}} {{.UDP}} {{.TCP}}
ready          listeners
-- register --
register {{.Transport}} sip:{{.Via.Host}}:{{.Via.Port .Transport}};transport={{.Transport}}
-- call --
call {{.Transport}} {{.To}}{{with .Via}} sip:{{.Host}}:{{.Port $.Transport}};transport={{$.Transport}};lr{{end}}
-- hangup --
hangup
`

// describe is this test binary as a stack.
func describe(t *testing.T, how string) *sut.Stack {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	version := filepath.Join(dir, "version")
	// While it is written nobody may fork: see TestMain of package props.
	syscall.ForkLock.RLock()
	err = os.WriteFile(version, []byte("#!/bin/sh\necho odd 1\n"), 0o755)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "odd.txtar")
	text := strings.NewReplacer("VERSION", version, "PROGRAM", program, "HOW", how).Replace(description)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	stack, err := sut.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	stack.Allow()
	return stack
}

func number(variable string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return otherwise
}

// samples are the first scenarios of each trouble, with what was told and said:
// the directory is gone after the test.
func samples(out string) string {
	var all strings.Builder
	for _, kind := range []string{"*.txtar", "*.log"} {
		files, _ := filepath.Glob(filepath.Join(out, "*", "samples", kind))
		for _, f := range files {
			if text, err := os.ReadFile(f); err == nil {
				fmt.Fprintf(&all, "\n%s\n%s", filepath.Base(f), text)
			}
		}
	}
	return all.String()
}

// TestHonestPrograms: nothing is found in any of them, and nothing stays
// unexplained. GREKA_CHECKS says how many scenarios each plays.
func TestHonestPrograms(t *testing.T) {
	netns.Require(t)
	for _, how := range slices.Sorted(maps.Keys(habits)) {
		t.Run(how, func(t *testing.T) {
			n := number("GREKA_CHECKS", 10)
			out := t.TempDir()
			sum, err := props.Hunt(context.Background(), describe(t, how), props.Config{
				Seed: uint64(number("GREKA_SEED", 77)), Checks: n, Out: out, Workers: number("GREKA_WORKERS", 0)})
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%d scenarios, %.0f/s: %d findings, %d broken, %d inconclusive, %d latent, %d unexplained", sum.Cases, sum.CasesPerSecond,
				len(sum.Findings), sum.Broken, sum.Inconclusive, sum.Latent, sum.Unexplained)
			var said strings.Builder
			p := props.Printer{W: &said}
			p.Summary(sum)
			for _, f := range sum.Findings {
				p.Finding(f)
			}
			if len(sum.Findings) > 0 || sum.Broken > 0 || sum.Inconclusive*100 > n || sum.Unexplained > 0 || len(sum.Unconfirmed) > 0 {
				t.Errorf("\n%s%s", said.String(), samples(out))
			}
		})
	}
}
