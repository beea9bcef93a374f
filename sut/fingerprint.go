package sut

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What is read for a fingerprint, at the most. The variables are for tests.
var (
	maxBesideFiles       = 10_000
	maxBesideBytes int64 = 256 << 20
)

// errTooMuchBeside is the error of Fingerprint where there is more.
var errTooMuchBeside = errors.New("too much lies beside it to know it again")

// Fingerprint is a hash of what decides what a description file runs: its own
// text, and what it takes from its directory. Of a program that it names there
// ({{.Dir}}/app/serve) that is the whole directory app, since a program reads
// what lies beside it; of one that lies right beside the description
// ({{.Dir}}/serve) the program alone. Where it uses {{.Dir}} in another way, it
// is all that is there. What is installed on the machine is not part of it.
//
// It reads 10,000 files and 256 MB at the most: beyond that, and where it
// cannot read, there is no fingerprint.
func (s *Stack) Fingerprint() (string, error) {
	d := s.Description
	if d == nil || d.dir == "" {
		return "", fmt.Errorf("sut: fingerprint of %s: it has no description file", s.Name)
	}
	h := &fingerprint{hash: sha256.New()}
	fmt.Fprintf(h.hash, "description %x\n", d.sum)
	for _, path := range d.beside() {
		if err := h.add(filepath.Join(d.dir, path), path); err != nil {
			return "", fmt.Errorf("sut: fingerprint of %s: %w", s.File, err)
		}
	}
	return hex.EncodeToString(h.hash.Sum(nil)), nil
}

// usesDir finds the directory's name in a template, and the path that follows
// it where it stands by itself.
var usesDir = regexp.MustCompile(`\{\{-?\s*\$?\.Dir\s*-?\}\}(/[^\s"'<>;|&(){}]+)?|\.Dir\b`)

// beside lists, in order, what a description names in its directory: relative
// paths, "." for all of it.
func (d *Description) beside() []string {
	var paths []string
	for _, t := range append(d.texts(), d.version) {
		for _, m := range usesDir.FindAllStringSubmatch(t.body, -1) {
			paths = append(paths, named(m[1]))
		}
	}
	for _, t := range []*text{d.version, d.start} {
		command, _, _ := strings.Cut(strings.TrimSpace(t.body), " ")
		if command = strings.Trim(command, `"'`); !strings.Contains(command, "/") || filepath.IsAbs(command) || strings.Contains(command, "{{") {
			continue
		}
		if d.home[filepath.Clean(command)] == nil {
			paths = append(paths, named(command))
		}
	}
	for _, path := range d.Reads {
		if !filepath.IsAbs(path) {
			paths = append(paths, named(path))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// named is what a path in a description stands for: the directory that it lies
// in if that is one below the description's.
func named(path string) string {
	path = filepath.Clean(strings.TrimPrefix(path, "/"))
	if first, _, below := strings.Cut(path, "/"); below && first != ".." {
		return first
	}
	return path
}

// fingerprint hashes files and directories.
type fingerprint struct {
	hash  hash.Hash
	files int
	bytes int64
}

// add hashes a file, or all that is in a directory.
func (f *fingerprint) add(path, name string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.WalkDir(path, func(at string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintf(f.hash, "nothing %q\n", name)
			return nil
		}
		if err != nil {
			return err
		}
		if f.files++; f.files > maxBesideFiles {
			return errTooMuchBeside
		}
		rel, err := filepath.Rel(path, at)
		if err != nil {
			return err
		}
		return f.entry(at, filepath.Join(name, rel), e.Type())
	})
}

func (f *fingerprint) entry(path, name string, mode fs.FileMode) error {
	fmt.Fprintf(f.hash, "%v %q\n", mode, name)
	if mode&fs.ModeSymlink != 0 {
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(f.hash, "to %q\n", to)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // a link to nothing
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // a directory's content comes by itself; others have none
	}
	return f.content(path, info)
}

func (f *fingerprint) content(path string, info fs.FileInfo) error {
	if info.Size() > maxBesideBytes-f.bytes {
		return errTooMuchBeside
	}
	r, err := os.Open(path)
	if err != nil {
		return err
	}
	defer r.Close()
	fmt.Fprintf(f.hash, "%v ", info.Mode().Perm()&0o111 != 0)
	n, err := io.Copy(f.hash, io.LimitReader(r, maxBesideBytes-f.bytes+1))
	if f.bytes += n; f.bytes > maxBesideBytes {
		return errTooMuchBeside
	}
	fmt.Fprintf(f.hash, "\n%d bytes\n", n)
	return err
}

// Runs tells in words what a description runs, and shows to it: its commands
// as it has them, and what it reads.
func (d *Description) Runs() string {
	commands := []string{oneLineOf(d.version.body), oneLineOf(d.start.body)}
	text := strings.Join(slices.Compact(commands), " and ")
	if len(d.Reads) > 0 {
		text += ", which can read " + printable(strings.Join(d.Reads, ", "))
	}
	return text
}

// oneLineOf is a command as one line of bearable length.
func oneLineOf(command string) string {
	return "`" + printable(strings.Join(strings.Fields(command), " ")) + "`"
}
