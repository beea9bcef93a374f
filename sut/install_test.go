package sut

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/program"
)

// withApt puts a shell script in apt-get's place. What it is called with is
// written to the file that is returned, a line each.
func withApt(t *testing.T, script string) (log string) {
	t.Helper()
	dir := t.TempDir()
	log = filepath.Join(dir, "log")
	if script != "" {
		text := "#!/bin/sh\necho \"$@\" >>" + log + "\n" + script + "\n"
		program.Write(t, filepath.Join(dir, "apt-get"), text)
	}
	t.Setenv("PATH", dir+":/bin")
	if script == "" {
		t.Setenv("PATH", dir)
	}
	return log
}

const installBaresip = "install -y --no-install-recommends baresip-core\n"

func TestInstall(t *testing.T) {
	s, err := Find("baresip")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, script, calls, want string }{
		{"at once", "exit 0", installBaresip, ""},
		{"lists are missing",
			`[ "$1" = update ] && touch "$0.updated"; [ -e "$0.updated" ] || { echo "E: Unable to locate package baresip-core" >&2; exit 100; }`,
			installBaresip + "update\n" + installBaresip, ""},
		{"no such package",
			`[ "$1" = update ] || { echo "E: Unable to locate package baresip-core" >&2; exit 100; }`,
			installBaresip + "update\n" + installBaresip,
			"sut: install baresip: `apt-get install -y --no-install-recommends baresip-core` failed: Unable to locate package baresip-core"},
		{"no network",
			`echo "Err:1 http://x bookworm InRelease"; echo "E: Failed to fetch http://x  Temporary failure resolving 'x'"; echo "E: more"; exit 100`,
			installBaresip + "update\n",
			"sut: install baresip: `apt-get update` failed: Err:1 http://x bookworm InRelease"},
		{"somebody else installs",
			`echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12"; exit 100`,
			installBaresip,
			"sut: install baresip: `apt-get install -y --no-install-recommends baresip-core` failed: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 12"},
		{"without a word", `exit 9`, installBaresip,
			"sut: install baresip: `apt-get install -y --no-install-recommends baresip-core` failed: exit status 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log := withApt(t, c.script)
			var out bytes.Buffer
			err := s.install(background, &out, true)
			if got := errorText(err); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if calls, _ := os.ReadFile(log); string(calls) != c.calls {
				t.Errorf("apt-get was called with\n%swant\n%s", calls, c.calls)
			}
			if c.want != "" && strings.Contains(c.script, "echo") && out.Len() == 0 {
				t.Error("what apt-get said was not shown")
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestInstallCannotBegin(t *testing.T) {
	s, err := Find("baresip")
	if err != nil {
		t.Fatal(err)
	}
	log := withApt(t, "exit 0")
	want := "sut: install baresip: apt-get needs root; run: sudo apt-get install -y --no-install-recommends baresip-core"
	if got := errorText(s.install(background, os.Stderr, false)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if calls, err := os.ReadFile(log); err == nil {
		t.Errorf("apt-get was called: %s", calls)
	}
	withApt(t, "")
	want = "sut: install baresip: there is no apt-get here; install these packages in this system's way: baresip-core"
	if got := errorText(s.install(background, os.Stderr, true)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = "sut: install fake: its description names no Debian packages"
	if got := errorText(fakeStack(t, "good").install(background, os.Stderr, true)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
