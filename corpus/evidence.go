package corpus

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Evidence is what was seen in the play that a case explains. Case, packets, log
// and observation are one thing: the files carry one mark, made of the content
// of all of them, so that packets of one run are never taken for those of
// another.
type Evidence struct {
	Packets []byte // a capture (pcapng); nil if there is none
	Log     []byte // what the programs were told and what they wrote; nil if there is none
	// Observation is what FormatObserved made of the play: what the verdict was
	// made of. nil if there is none.
	Observation []byte
}

func (e Evidence) empty() bool { return len(e.Packets)+len(e.Log)+len(e.Observation) == 0 }

// evidenceFile is the name of one part of a case's evidence.
func evidenceFile(path, mark, kind string) string {
	return strings.TrimSuffix(path, extension) + "." + mark + kind
}

// The kinds of evidence, as file names end.
const (
	packetsKind     = ".pcapng"
	logKind         = ".log"
	observationKind = ".observation"
)

// content is where each kind of evidence is.
func (e *Evidence) content() map[string]*[]byte {
	return map[string]*[]byte{packetsKind: &e.Packets, logKind: &e.Log, observationKind: &e.Observation}
}

func isKind(kind string) bool { return new(Evidence).content()[kind] != nil }

// parts lists the files of a case's evidence by their names.
func (e Evidence) parts(path, mark string) map[string][]byte {
	parts := map[string][]byte{}
	for kind, data := range e.content() {
		if len(*data) > 0 {
			parts[evidenceFile(path, mark, kind)] = *data
		}
	}
	return parts
}

// markSize is the length of a mark in hexadecimal digits.
const markSize = 12

func isMark(s string) bool {
	return len(s) == markSize && strings.Trim(s, "0123456789abcdef") == ""
}

// mark makes the mark of a case and its evidence.
func mark(c *Case, e Evidence) string {
	plain := *c
	if c.Found != nil {
		found := *c.Found
		found.Evidence = ""
		plain.Found = &found
	}
	sum := sha256.New()
	parts := [][]byte{Format(&plain), e.Packets, e.Log}
	if len(e.Observation) > 0 { // cases that were kept before there were any have marks, too
		parts = append(parts, e.Observation)
	}
	for _, part := range parts {
		fmt.Fprintf(sum, "%d ", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:markSize]
}

// marked returns the case with the mark of its evidence, without one if there
// is none.
func marked(c *Case, e Evidence) (*Case, error) {
	if e.empty() {
		return c, nil
	}
	if c.Found == nil {
		return nil, errors.New("corpus: write case: evidence needs to be said where it was found")
	}
	out, found := *c, *c.Found
	found.Evidence = mark(c, e)
	out.Found = &found
	return &out, nil
}

// PacketsFile and LogFile name the files beside the case at path that hold its
// evidence: "" if there are none.
func (c *Case) PacketsFile(path string) string { return c.evidenceAt(path, packetsKind) }

// LogFile is like PacketsFile.
func (c *Case) LogFile(path string) string { return c.evidenceAt(path, logKind) }

func (c *Case) evidenceAt(path, kind string) string {
	if c.Found == nil || c.Found.Evidence == "" {
		return ""
	}
	file := evidenceFile(path, c.Found.Evidence, kind)
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

// ReadEvidence reads the evidence of the case in a file. It is an error if it
// is not what belongs to this case. Nobody writes into the directory meanwhile.
func ReadEvidence(path string) (Evidence, error) {
	unlock, err := lock(filepath.Dir(path))
	if err != nil {
		return Evidence{}, fmt.Errorf("corpus: read evidence: %w", err)
	}
	defer unlock()
	return readEvidence(path)
}

func readEvidence(path string) (Evidence, error) {
	c, err := ReadScenario(path)
	if err != nil {
		return Evidence{}, err
	}
	var e Evidence
	if c.Found == nil || c.Found.Evidence == "" {
		return e, nil
	}
	for kind, data := range e.content() {
		*data, err = os.ReadFile(evidenceFile(path, c.Found.Evidence, kind))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Evidence{}, fmt.Errorf("corpus: read evidence: %w", err)
		}
	}
	if got := mark(c, e); got != c.Found.Evidence {
		return Evidence{}, fmt.Errorf("corpus: read evidence: the files beside %s are not those of this case, or one is gone (their mark is %s)", path, got)
	}
	return e, nil
}

// writeAll writes a case and its evidence, the case last: whoever finds the
// case finds what belongs to it. What cannot be written whole is not there at
// all. The caller holds the directory's lock.
func writeAll(path string, c *Case, e Evidence) error {
	c, err := marked(c, e)
	if err != nil {
		return err
	}
	var parts map[string][]byte
	if c.Found != nil {
		parts = e.parts(path, c.Found.Evidence)
	}
	for file, data := range parts {
		if err = writeFile(file, data); err != nil {
			break
		}
	}
	if err == nil {
		err = writeFile(path, Format(c))
	}
	if err != nil {
		for file := range parts {
			_ = os.Remove(file)
		}
		return err
	}
	sweep(path, parts)
	return nil
}

// sweep removes the evidence of cases that were at path before, and what a
// writer left that was killed before it wrote its case.
func sweep(path string, keep map[string][]byte) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // it is in nobody's way
	}
	base := strings.TrimSuffix(filepath.Base(path), extension) + "."
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimPrefix(entry.Name(), "."), ".new"), base)
		kind := filepath.Ext(rest)
		file := filepath.Join(filepath.Dir(path), entry.Name())
		if _, current := keep[file]; ok && !current && isMark(strings.TrimSuffix(rest, kind)) && isKind(kind) {
			_ = os.Remove(file)
		}
	}
}
