package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/greka-sip/greka/sut"
)

// needBaresip skips a test that needs it, where it may be missing.
func needBaresip(t testing.TB) {
	t.Helper()
	stack, err := sut.Find("baresip")
	if err != nil {
		t.Fatal(err)
	}
	_, err = stack.Installed(context.Background())
	switch {
	case errors.Is(err, sut.ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	case err != nil:
		t.Fatal(err)
	}
}

// description is of a stack whose programs are given.
func description(version, start string) string {
	return `A stack for tests.

-- stack --
name           mine
debian         greka-no-such-package
version        ` + version + `
version-match  ^mine (\S+)
roles          caller callee
transports     udp tcp
families       4 6
listen         apart
start          ` + start + `
ready          listeners
-- register --
register
-- call --
call {{.To}}
-- hangup --
hangup
`
}

func TestInstallWhatIsThere(t *testing.T) {
	mine := remembered(t, writeFile(t, "mine.txtar", description("echo mine 7", "true")))
	status, out, errs := greka(t, "", "install", "peer", mine)
	if status != 0 || errs != "" || out != "peer built in\nmine 7\n" {
		t.Errorf("status %d, error %q, output %q", status, errs, out)
	}
}

// Without a yes nothing is installed, and the command is told all the same.
func TestInstallAsks(t *testing.T) {
	mine := remembered(t, writeFile(t, "mine.txtar", description("greka-no-such-program", "true")))
	const first = "to install mine:  apt-get install -y --no-install-recommends greka-no-such-package\nrun it? [y/N] "
	for _, answer := range []string{"", "\n", "n\n", "no\n", "yesterday\n"} {
		for _, args := range [][]string{{"install", mine}, {"hunt", "--install", mine}} {
			status, out, errs := greka(t, answer, args...)
			if status != 2 || out != "" || !strings.HasPrefix(errs, first) || !strings.Contains(errs, "mine is not installed (answer y, or give --yes") {
				t.Errorf("%q, %q: status %d, output %q, error %q", args, answer, status, out, errs)
			}
		}
	}
}

func TestHuntOfAStackThatIsNotInstalled(t *testing.T) {
	mine := remembered(t, writeFile(t, "mine.txtar", description("greka-no-such-program", "true")))
	status, out, errs := greka(t, "", "hunt", mine)
	if status != 2 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "greka install") {
		t.Errorf("status %d, output %q, error %q", status, out, errs)
	}
}
