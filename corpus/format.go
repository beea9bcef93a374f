package corpus

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model/scenario"
)

// The sections of a case, in their order.
const (
	secScenario    = "scenario"
	secExpect      = "expect"
	secFound       = "found"
	secExplanation = "explanation"
)

var sections = []string{secScenario, secExpect, secFound, secExplanation}

// Format writes a case. Parse reads it back as c.Normal().
func Format(c *Case) []byte {
	c = c.Normal()
	a := &txtar.Archive{Files: []txtar.File{
		{Name: secScenario, Data: []byte(scenario.Format(c.Scenario))},
	}}
	if len(c.Expect) > 0 {
		a.Files = append(a.Files, txtar.File{Name: secExpect, Data: formatExpect(c.Expect)})
	}
	if c.Comment != "" {
		a.Comment = []byte(c.Comment + "\n\n")
	}
	if c.Found != nil {
		a.Files = append(a.Files, txtar.File{Name: secFound, Data: formatFound(c.Found)})
	}
	if c.Explanation != "" {
		a.Files = append(a.Files, txtar.File{Name: secExplanation, Data: []byte(c.Explanation)})
	}
	return txtar.Format(a)
}

func formatExpect(es []Expectation) []byte {
	names := make([]string, len(es))
	widest := 0
	for i, e := range es {
		names[i] = e.Stack + "@" + e.Version
		widest = max(widest, len(names[i]))
	}
	var b bytes.Buffer
	for i, e := range es {
		fmt.Fprintf(&b, "%-*s %s\n", widest, names[i], formatExpected(e))
	}
	return b.Bytes()
}

// clean is what stands in place of a signature where nothing is to be found.
const clean = "clean"

func formatExpected(e Expectation) string {
	if e.Clean() {
		return clean
	}
	return FormatSignature(e.Signature)
}

func formatFound(f *Found) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "seed   %d\nindex  %d\nkernel %s\ngreka  %s\n", f.Seed, f.Index, f.Kernel, f.Greka)
	if f.Evidence != "" {
		fmt.Fprintf(&b, "files  %s\n", f.Evidence)
	}
	return []byte(b.String())
}
