package props

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/program"
)

const tellStanding = "GREKA_TEST_TELL_STANDING"

// TestTellStanding is the test that a go command runs in the one below.
func TestTellStanding(t *testing.T) {
	if path := os.Getenv(tellStanding); path != "" {
		fmt.Printf("path: %s\n", fromUser(path))
	}
}

// The path of a test's case is one that the person who ran go test can use.
func TestPathsFromWhereTheUserStands(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	top := t.TempDir()
	pkg := filepath.Join(top, "pkg")
	if err := os.MkdirAll(filepath.Join(pkg, "out"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	goCommand := filepath.Join(t.TempDir(), "go") // it starts the test, as go test does
	program.Write(t, goCommand, string(shell))
	for _, x := range []struct{ user, goes, command, path, want string }{
		{top, top, goCommand, "out/x", "pkg/out/x"},
		{top, top, goCommand, "/elsewhere/x", "/elsewhere/x"},
		{top, top, "/bin/sh", "out/x", pkg + "/out/x"},
		{"/", top, goCommand, "out/x", pkg + "/out/x"}, // go -C
		{pkg, pkg, goCommand, "out/x", "out/x"},
		{pkg, pkg, goCommand, "../x", top + "/x"},
	} {
		test := fmt.Sprintf("(cd %s; %s -test.run=^TestTellStanding$ -test.v); true", pkg, self)
		c := exec.Command("/bin/sh", "-c", fmt.Sprintf("cd %s; (cd %s; exec %s -c '%s'); true", x.user, x.goes, x.command, test))
		c.Env = append(os.Environ(), tellStanding+"="+x.path)
		out, err := c.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "path: "+x.want+"\n") {
			t.Errorf("%+v: %v\n%s", x, err, out)
		}
	}
}
