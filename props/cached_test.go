package props

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// outside names a file that the test below depends on.
const outside = "GREKA_TEST_OUTSIDE"

func TestDependsOnAFileOutside(t *testing.T) {
	if file := os.Getenv(outside); file != "" {
		dependOn([]string{file})
	}
}

// What go test remembers of a test is shown as long as the program that it
// played is the same, and not any longer.
func TestNoOldOutcomeOfAnotherProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	write := func(text string) {
		// go test remembers nothing of files that were written just now.
		old := time.Now().Add(-time.Hour)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	for i, x := range []struct {
		change func()
		cached bool
	}{
		{func() {}, false},
		{func() {}, true},
		{func() { write("another") }, false},
	} {
		x.change()
		cmd := exec.Command("go", "test", "-run", "^TestDependsOnAFileOutside$", ".")
		cmd.Env = append(os.Environ(), outside+"="+file, "GOFLAGS=-buildvcs=false")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if cached := strings.Contains(string(out), "(cached)"); cached != x.cached {
			t.Errorf("run %d: cached: %v\n%s", i+1, cached, out)
		}
	}
}
