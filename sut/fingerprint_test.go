package sut

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// besideStack is a stack whose start and version are given, in a directory with
// some files.
func besideStack(t *testing.T, version, start string, files ...string) (s *Stack, dir string) {
	t.Helper()
	text := describeFake("true", "beside")
	text = strings.Replace(text, "version        true", "version        "+version, 1)
	text = strings.Replace(text, `start          "true"`, "start          "+start, 1)
	s = loadStack(t, text)
	dir = s.Description.dir
	for _, name := range files {
		write(t, filepath.Join(dir, name), name)
	}
	return s, dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	if err != nil {
		t.Fatal(err)
	}
}

func printOf(t *testing.T, s *Stack) string {
	t.Helper()
	again, err := Load(s.File)
	if err != nil {
		t.Fatal(err)
	}
	print, err := again.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return print
}

// What a description runs of its directory is part of what was allowed, and
// what merely lies there is not.
func TestFingerprint(t *testing.T) {
	for _, x := range []struct{ version, start, changed, kept string }{
		{"true", "{{.Dir}}/serve", "serve", "other"},
		{"true", "'{{ .Dir }}/serve' -x", "serve", "other"},
		{"true", "./serve", "serve", "other"},
		{"{{.Dir}}/version", "true", "version", "serve"},
		{"true", "{{.Dir}}/app/serve", "app/lib.so", "other"},
		{"true", "app/serve", "app/lib.so", "other"},
		{"true", "python3 {{.Dir}}/serve", "serve", "other"},
		{"true", "sh -c 'cd {{.Dir}}; ./serve'", "anything", ""},
		{"true", `{{printf "%s/serve" .Dir}}`, "anything", ""},
		{"true", "true", "stack.txtar", "serve"},
	} {
		s, dir := besideStack(t, x.version, x.start, "serve", "version", "app/serve", "app/lib.so", "other", "anything")
		before := printOf(t, s)
		if x.kept != "" {
			write(t, filepath.Join(dir, x.kept), "something else")
			if printOf(t, s) != before {
				t.Errorf("%+v: another %s, and it is not known again", x, x.kept)
			}
		}
		changed := filepath.Join(dir, x.changed)
		text, err := os.ReadFile(changed)
		if err != nil {
			t.Fatal(err)
		}
		write(t, changed, "# changed\n"+string(text))
		if printOf(t, s) == before {
			t.Errorf("%+v: another %s, and it was not seen", x, x.changed)
		}
		write(t, changed, string(text))
		if printOf(t, s) != before {
			t.Errorf("%+v: %s as before, and it is not known again", x, x.changed)
		}
	}
}

// A program that was not there, is a link, or was moved under the same name is
// another.
func TestFingerprintOfLinks(t *testing.T) {
	s, dir := besideStack(t, "true", "{{.Dir}}/app/serve", "app/serve", "one", "two")
	seen := map[string]string{}
	for _, step := range []struct {
		name string
		do   func(path string) error
	}{
		{"a file", func(string) error { return nil }},
		{"nothing", os.Remove},
		{"a link to one", func(p string) error { return os.Symlink("../one", p) }},
		{"a link to two", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("../two", p)) }},
		{"a link to nothing", func(p string) error { return errors.Join(os.Remove(p), os.Symlink("../three", p)) }},
	} {
		if err := step.do(filepath.Join(dir, "app/serve")); err != nil {
			t.Fatal(err)
		}
		print := printOf(t, s)
		if other, ok := seen[print]; ok {
			t.Errorf("%s is taken for %s", step.name, other)
		}
		seen[print] = step.name
	}
	write(t, filepath.Join(dir, "two"), "another")
	_ = os.Remove(filepath.Join(dir, "app/serve"))
	if err := os.Symlink("../two", filepath.Join(dir, "app/serve")); err != nil {
		t.Fatal(err)
	}
	if other, ok := seen[printOf(t, s)]; ok {
		t.Errorf("what a link leads to is another, and taken for %s", other)
	}
}

// What cannot be read in bounded time has no fingerprint, so it is asked about
// each time.
func TestFingerprintIsBounded(t *testing.T) {
	s, dir := besideStack(t, "true", "{{.Dir}}/app/serve", "app/serve", "app/a", "app/b")
	files, bytes := maxBesideFiles, maxBesideBytes
	defer func() { maxBesideFiles, maxBesideBytes = files, bytes }()
	for _, x := range []struct {
		files int
		bytes int64
		want  error
	}{{4, 100, nil}, {3, 100, errTooMuchBeside}, {4, 5, errTooMuchBeside}} {
		maxBesideFiles, maxBesideBytes = x.files, x.bytes
		if _, err := s.Fingerprint(); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v", x, err)
		}
	}
	maxBesideFiles, maxBesideBytes = files, bytes
	if err := os.Truncate(filepath.Join(dir, "app/a"), bytes+1); err != nil { // a file of holes
		t.Fatal(err)
	}
	if _, err := s.Fingerprint(); !errors.Is(err, errTooMuchBeside) {
		t.Errorf("a huge file: %v", err)
	}
	if embedded, err := Find("baresip"); err != nil {
		t.Error(err)
	} else if _, err := embedded.Fingerprint(); err == nil {
		t.Error("a stack without a file has a fingerprint")
	}
}
