package netns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRunAlone(t *testing.T) {
	Require(t)
	for _, tt := range []struct {
		script, want string
		exit         Exit
	}{
		{"cat; echo out; echo err >&2", "out\nerr\n", Exit{}},
		{"echo no; exit 3", "no\n", Exit{Status: 3}},
		{"kill -9 $$", "", Exit{Signal: syscall.SIGKILL}},
		{"head -c 1000 /dev/zero | tr '\\0' x; echo end", strings.Repeat("x", 20), Exit{}},
		{"tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; cat /proc/net/route | wc -l", "lo\n1\n", Exit{}},
	} {
		out, err := RunAlone(context.Background(), Spec{Owner: "x", Argv: []string{"sh", "-c", tt.script}}, 20)
		var exit Exit
		if e := (*Exit)(nil); errors.As(err, &e) {
			exit = *e
		} else if err != nil {
			t.Fatal(err)
		}
		if string(out) != tt.want || exit != tt.exit {
			t.Errorf("%s: %q, %v", tt.script, out, err)
		}
	}
	for _, bad := range []Spec{{}, {Argv: []string{"no-such-command"}}, {Argv: []string{"true"}, Reads: []string{"/tmp/no-such-file"}}} {
		if out, err := RunAlone(context.Background(), bad, 20); err == nil || out != nil {
			t.Errorf("%v: %q, %v", bad, out, err)
		}
	}
}

// What does not end is ended with the context, with all that it started.
func TestRunAloneEndsWithItsContext(t *testing.T) {
	Require(t)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	started := 0
	initStarted = func(pid int) { started = pid }
	defer func() { initStarted = nil }()
	out, err := RunAlone(ctx, Spec{Owner: "x", Argv: []string{"sh", "-c", "echo here; setsid sleep 1000 & sleep 1000"}}, 20)
	if string(out) != "here\n" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%q, %v", out, err)
	}
	if err := unix.Kill(started, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process %d is still there", started)
	}
}

// What a Spec reads is visible, as a file or a directory, and nothing beside it.
func TestSpawnReads(t *testing.T) {
	Require(t)
	dir, err := os.MkdirTemp("/tmp", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"desc/x", "data/a", "data/b", "keys/mine", "keys/theirs"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	script := "cd " + dir + "; find . -type f | sort; echo x >> keys/mine; rm data/a"
	out, err := RunAlone(context.Background(), Spec{Owner: "x", Argv: []string{"sh", "-c", script},
		Dir: dir + "/desc", Reads: []string{"../data", dir + "/keys/mine"}}, 1000)
	if !strings.HasPrefix(string(out), "./data/a\n./data/b\n./desc/x\n./keys/mine\n") || strings.Count(string(out), "Read-only") != 2 {
		t.Errorf("%q, %v", out, err)
	}
}

// What is shown below a link is made inside, and not on the machine where the
// link leads to.
func TestSpawnReadsBehindALink(t *testing.T) {
	Require(t)
	before, err := os.ReadDir("/run")
	if err != nil || len(before) == 0 {
		t.Fatal("there is nothing in /run to show", err)
	}
	shown := "/var/run/" + before[0].Name()
	out, err := RunAlone(context.Background(), Spec{Argv: []string{"sh", "-c", "ls -d /var/run/*"}, Reads: []string{shown}}, 1000)
	if err != nil || !strings.Contains(string(out), shown+"\n") || len(before) > 3 && strings.Count(string(out), "\n") != 3 {
		t.Errorf("%v, %q", err, out)
	}
	if after, err := os.ReadDir("/run"); err != nil || len(after) != len(before) {
		t.Errorf("/run has %d entries and not %d: %v", len(after), len(before), err)
	}
}

// Settings of packages are shown as the machine has them: what only root may
// read there a stranger may not, while Dir is his as it is this process's. What
// is not there is left out.
func TestSpawnSeesSettings(t *testing.T) {
	Require(t)
	dir, err := os.MkdirTemp("/var/tmp", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, mode := range map[string]os.FileMode{"etc/open": 0o644, "etc/secret": 0o600, "own/secret": 0o600} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(name+"\n"), mode)); err != nil {
			t.Fatal(err)
		}
	}
	// root in a namespace is its user outside, and so are his stacks.
	want := "etc/open\nown/secret\n"
	if !stranger().chosen {
		want = "etc/open\netc/secret\nown/secret\n"
	}
	script := "cd " + dir + "; cat etc/open etc/secret own/secret 2>/dev/null"
	out, err := RunAlone(context.Background(), Spec{Argv: []string{"sh", "-c", script + "; true"},
		Dir: dir + "/own", Settings: []string{dir + "/etc", "/etc/no-such-thing"}}, 1000)
	if err != nil || string(out) != want {
		t.Errorf("%q, %v; want %q", out, err, want)
	}
}
