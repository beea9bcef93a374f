package corpus

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// evidenceOf is what a play of withExtra(extra) might leave: it tells of which.
func evidenceOf(extra int) Evidence {
	return Evidence{Packets: bytes.Repeat([]byte{byte(extra)}, 50_000), Log: []byte(fmt.Sprintf("log of %d\n", extra))}
}

func writeWith(t testing.TB, dir string, extra int, e Evidence) (path string, written bool) {
	t.Helper()
	path, written, err := Write(dir, withExtra(t, extra), e)
	if err != nil {
		t.Fatal(err)
	}
	return path, written
}

// anyNumber of files may lie beside a case while others write.
const anyNumber = -1

// together fails unless a case has the evidence of its own play, and there are
// so many files in all.
func together(t testing.TB, path string, files int) (extra int) {
	t.Helper()
	e, err := ReadEvidence(path)
	if err != nil {
		t.Fatal(err)
	}
	extra = extraOf(t, path)
	if want := evidenceOf(extra); !bytes.Equal(e.Packets, want.Packets) || !bytes.Equal(e.Log, want.Log) {
		t.Errorf("%s: the evidence is not that of its play", path)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || files != anyNumber && len(entries) != files {
		t.Errorf("%v, %v: want %d files", entries, err, files)
	}
	return extra
}

// extraOf is with how many extra agents a case was made.
func extraOf(t testing.TB, path string) (extra int) {
	t.Helper()
	for _, x := range mustRead(t, path).Scenario.Elements {
		if strings.HasPrefix(x.Name, "x") {
			extra++
		}
	}
	return extra
}

// A case stays with its own packets and log, whichever comes first.
func TestWriteKeepsCaseAndEvidenceTogether(t *testing.T) {
	for _, order := range [][]int{{1, 3}, {3, 1}, {1, 1}, {2, 1, 3}} {
		dir := t.TempDir()
		path := ""
		for _, extra := range order {
			path, _ = writeWith(t, dir, extra, evidenceOf(extra))
		}
		if got := together(t, path, 3); got != 1 {
			t.Errorf("order %v: that with %d stayed", order, got)
		}
		c := mustRead(t, path)
		for _, file := range []string{c.PacketsFile(path), c.LogFile(path)} {
			if !strings.Contains(file, c.Found.Evidence) {
				t.Errorf("evidence in %q", file)
			}
		}
	}
}

// Of two cases alike that which has its evidence stays; a larger one does not
// replace a smaller one for its evidence.
func TestWriteReplacesACaseWithoutEvidence(t *testing.T) {
	dir := t.TempDir()
	writeWith(t, dir, 1, Evidence{})
	if _, written := writeWith(t, dir, 2, evidenceOf(2)); written {
		t.Error("the larger one was written")
	}
	if _, written := writeWith(t, dir, 1, evidenceOf(1)); !written {
		t.Error("the one with evidence was not written")
	}
	path, written := writeWith(t, dir, 1, Evidence{Log: []byte("of a later hunt")})
	if written {
		t.Error("it was written again")
	}
	together(t, path, 3)
}

// The negative twin of ReadEvidence: packets of another run, or none, are told.
func TestReadEvidenceTellsOfStrangers(t *testing.T) {
	path, _ := writeWith(t, t.TempDir(), 1, evidenceOf(1))
	file := mustRead(t, path).PacketsFile(path)
	if err := os.WriteFile(file, evidenceOf(2).Packets, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEvidence(path); err == nil || !strings.Contains(err.Error(), "not those of this case") {
		t.Errorf("packets of another run: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEvidence(path); err == nil {
		t.Error("no packets any more, and nothing is said of it")
	}
	if e, err := ReadEvidence(mustWrite(t, t.TempDir(), withExtra(t, 1))); err != nil || !e.empty() {
		t.Errorf("a case without evidence: %v, %v", e, err)
	}
}

const killedDir = "GREKA_TEST_KILLED_DIR"

// Writers that are killed at any moment leave a case with its own evidence, and
// nothing in anybody's way.
func TestKilledWritersLeaveNothingHalf(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		for extra := 60; extra > 0; extra-- { // each is smaller, and replaces the last
			writeWith(t, dir, extra, evidenceOf(extra))
		}
		return
	}
	for round := range 4 {
		dir := t.TempDir()
		path, _ := writeWith(t, dir, 61, evidenceOf(61))
		var writers []*exec.Cmd
		for range 2 {
			cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWritersLeaveNothingHalf$")
			cmd.Env = append(os.Environ(), killedDir+"="+dir)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			writers = append(writers, cmd)
		}
		// They are killed once the first of them has begun, a bit later each round.
		for begun := time.Now(); extraOf(t, path) == 61 && time.Since(begun) < time.Minute; {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(round) * 7 * time.Millisecond)
		for _, cmd := range writers {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		together(t, path, anyNumber)
		writeWith(t, dir, 0, evidenceOf(0)) // the next writer clears up
		if got := together(t, path, 3); got != 0 {
			t.Errorf("that with %d stayed", got)
		}
	}
}
