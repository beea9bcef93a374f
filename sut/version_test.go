package sut

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/greka-sip/greka/internal/program"
)

// versionStack describes a stack whose version is told by a shell script.
func versionStack(t *testing.T, script string) *Stack {
	t.Helper()
	text := describeFake("true", "version")
	text = strings.Replace(text, "version        true", "version        {{.Dir}}/version "+versionMark, 1)
	s := loadStack(t, text)
	file := filepath.Join(s.Description.dir, "version")
	program.Write(t, file, "#!/bin/sh\n"+script+"\n")
	return s
}

func TestInstalled(t *testing.T) {
	for script, want := range map[string]string{
		"echo fake 1.2": "1.2",
		"echo hello; echo; echo fake 1.3; exit 7": "1.3", // some complain when they are asked
		"echo fake 1.4 >&2":                       "1.4",
		// What it leaves behind holds nothing up.
		"setsid sleep " + aLongSleep + " & echo fake 1.5": "1.5",
	} {
		s := versionStack(t, script)
		got, err := s.Installed(background)
		if err != nil || got != want || s.Version != want {
			t.Errorf("%s: %q, %v, want %q", script, got, err, want)
		}
	}
	nothingOfVersionsLeft(t)
}

func TestNotInstalled(t *testing.T) {
	text := strings.Replace(describeFake("true", "version"), "version        true", "version        no-such-stack-anywhere -v", 1)
	_, err := loadStack(t, text).Installed(background)
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "no-such-stack-anywhere") {
		t.Errorf("got %v", err)
	}
	text = strings.Replace(text, "\nroles", "\ndebian no-such\nroles", 1)
	s := loadStack(t, text)
	_, err = s.Installed(background)
	if want := "sut: fake is not installed; run: greka install " + s.File; !errors.Is(err, ErrNotInstalled) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestBadVersionCommands(t *testing.T) {
	for script, want := range map[string]string{
		"exit 3":              "exited with status 3",
		"echo something else": `printed nothing that matches (?m)^fake (.*), but "something else"`,
	} {
		badVersion(t, script, time.Minute, want)
	}
	for _, script := range []string{
		"sleep 1000",
		"trap '' TERM; while :; do :; done",
		"yes noise",
		"setsid sleep " + aLongSleep + " & wait",
	} {
		badVersion(t, script, 300*time.Millisecond, "did not print its version within 300ms")
	}
	nothingOfVersionsLeft(t)
}

func badVersion(t *testing.T, script string, bound time.Duration, want string) {
	t.Helper()
	d := versionStack(t, script).Description
	version, err := d.askVersion(background, false, bound)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %q, %v, want %q", script, version, err, want)
		return
	}
	if errors.Is(err, ErrNotInstalled) {
		t.Errorf("%s: it is there: %v", script, err)
	}
	oneLine(t, err)
}

// nothingOfVersionsLeft looks for the scripts and for what they started.
func nothingOfVersionsLeft(t *testing.T) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(list) == 0 {
		t.Fatalf("no processes to be seen: %v", err)
	}
	for _, path := range list {
		line, err := os.ReadFile(path)
		if err == nil && (bytes.Contains(line, []byte(versionMark)) || bytes.Contains(line, []byte(aLongSleep))) {
			t.Errorf("left behind: %s %q", path, line)
		}
	}
}

// aLongSleep is unlike any other's, and versionMark too.
var (
	aLongSleep  = fmt.Sprintf("100042.%d", os.Getpid())
	versionMark = fmt.Sprintf("-a-version-script-of-%d", os.Getpid())
)

func TestVersionCanBeStopped(t *testing.T) {
	over, cancel := context.WithCancel(background)
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := versionStack(t, "sleep 1000").Installed(over); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
