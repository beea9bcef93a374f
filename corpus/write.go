package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// Write keeps a case and its evidence in a directory, which it makes if need
// be, under the FileName of the signature that is first in c.Expect. It returns
// the path of the case's file, and whether it was written.
//
// If a case of the same stack, version and signature is there already, the
// smaller one stays, with its own evidence; of two alike, the one that has its
// evidence. A file of that name which is about something else is left alone,
// and a number is added to the name. Case and evidence appear whole or not at
// all, whatever happens; several processes may write into one directory. Under
// sudo, what is made belongs to the caller.
func Write(dir string, c *Case, e Evidence) (path string, written bool, err error) {
	if err := writable(c); err != nil {
		return "", false, err
	}
	if err := makeDir(dir); err != nil {
		return "", false, writeError(dir, err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", false, writeError(dir, err)
	}
	defer unlock()
	path, better := place(dir, c, e)
	if !better {
		return path, false, nil
	}
	if err := writeAll(path, c, e); err != nil {
		return "", false, writeError(path, err)
	}
	return path, true, nil
}

// WriteSample keeps what is no finding under a name of the caller's choice: it
// may expect nothing. What has that name already is replaced.
func WriteSample(dir, name string, c *Case, e Evidence) (path string, err error) {
	if err := makeDir(dir); err != nil {
		return "", writeError(dir, err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return "", writeError(dir, err)
	}
	defer unlock()
	path = filepath.Join(dir, name+extension)
	if err := writeAll(path, c, e); err != nil {
		return "", writeError(path, err)
	}
	return path, nil
}

// writable makes sure that what is written can be read again.
func writable(c *Case) error {
	if len(c.Expect) == 0 || c.Expect[0].Clean() {
		return errors.New("corpus: write case: its first expectation has to be a signature")
	}
	if _, err := Parse("case", Format(c)); err != nil {
		return fmt.Errorf("corpus: write case: it could not be read again: %w", err)
	}
	return nil
}

// writeError says in one line what could not be written and what to do.
func writeError(path string, err error) error {
	var op *fs.PathError
	if errors.As(err, &op) {
		path, err = op.Path, op.Err
	}
	hint := "choose another directory"
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		hint = "free some space or choose another directory"
	}
	return fmt.Errorf("corpus: write %s: %w (%s)", path, err, hint)
}

// place finds the file for a case, and whether the case should be written
// there: nothing is there yet, or the case is smaller than what is, or the same
// and has evidence which that has not.
func place(dir string, c *Case, e Evidence) (path string, better bool) {
	base := strings.TrimSuffix(FileName(c.Expect[0].Signature), extension)
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s-%d", base, n)
		}
		path := filepath.Join(dir, name+extension)
		if _, err := os.Lstat(path); err != nil {
			return path, true // not there; if that is not why, writing says so
		}
		if have, err := ReadFile(path); err == nil && sameFinding(have, c) {
			again := !e.empty() && !smaller(have.Scenario, c.Scenario) && !evident(path)
			return path, again || smaller(c.Scenario, have.Scenario)
		}
	}
}

// sameFinding reports whether a case expects what c expects first.
func sameFinding(have, c *Case) bool {
	e := c.Expect[0]
	sig, _ := have.Expected(e.Stack, e.Version)
	return sig == e.Signature
}

// smaller compares scenarios by lines, then bytes, then text, so that of two
// the same one wins in any order.
func smaller(a, b scenario.Scenario) bool {
	x, y := scenario.Format(a), scenario.Format(b)
	if m, n := strings.Count(x, "\n"), strings.Count(y, "\n"); m != n {
		return m < n
	}
	if len(x) != len(y) {
		return len(x) < len(y)
	}
	return x < y
}

// evident reports whether a case has its evidence beside it.
func evident(path string) bool {
	e, err := readEvidence(path)
	return err == nil && !e.empty()
}
