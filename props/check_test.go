package props

import (
	"fmt"
	"strings"
	"testing"
)

// recorder is a test that is expected to fail.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Error(args ...any) { r.errors = append(r.errors, fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) { r.Error(fmt.Sprintf(format, args...)) }

// Check fails a test for a stack that lies, and only then. The case that it
// names is to be found from elsewhere, too.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	cfg := Config{Checks: 200, Seed: 2, Out: "out"}
	for stack, want := range map[string]string{
		"peer":                           "",
		"mutant/contact-from-connection": "ConnectionPort: the Contact of",
	} {
		r := &recorder{TB: t}
		cfg.Check(r, stack)
		if (want == "") != (len(r.errors) == 0) {
			t.Errorf("%s: %d errors: %s", stack, len(r.errors), strings.Join(r.errors, "\n"))
		}
		for _, part := range []string{want, "scenario (7 lines)", "greka replay " + dir + "/out/"} {
			if want != "" && !strings.Contains(strings.Join(r.errors, "\n"), part) {
				t.Errorf("%s: %q is not in: %s", stack, part, r.errors)
			}
		}
	}
}
