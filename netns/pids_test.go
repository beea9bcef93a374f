package netns

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Groups as both versions of cgroups have them, each with the directories above
// it, whose limits hold as well.
func TestPidGroups(t *testing.T) {
	for text, want := range map[string][]string{
		"0::/user.slice/x.scope\n":                       {"/user.slice/x.scope", "/user.slice", "/"},
		"9:name=systemd:/x\n8:pids:/a\n3:cpu,cpuacct:/b": {"/pids/a", "/pids"},
		"4:memory,pids:/\n":                              {"/pids"},
		"5:cpupids:/a\n":                                 nil,
		"nonsense\n\n":                                   nil,
	} {
		got := pidGroups(text)
		for i := range want {
			want[i] = filepath.Join(cgroups, want[i])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestLeftInAGroup(t *testing.T) {
	for _, x := range []struct {
		most, now string
		left      int
		ok        bool
	}{
		{"100\n", "40\n", 60, true},
		{"100\n", "140\n", 0, true}, // a limit may be set below what there is
		{"max\n", "40\n", 0, false},
		{"100\n", "", 0, false},
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"pids.max": x.most, "pids.current": x.now} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		left, ok := leftIn(dir)
		if ok != x.ok || ok && left != x.left {
			t.Errorf("%+v: %d, %v", x, left, ok)
		}
	}
	if _, ok := leftIn(t.TempDir()); ok {
		t.Error("there is a limit where there is no group")
	}
}

// This process is in some group, and can start something.
func TestProcessesLeft(t *testing.T) {
	if left, group := ProcessesLeft(); left < 10 {
		t.Error(fmt.Sprint(left), group)
	}
}
