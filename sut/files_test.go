package sut

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a stack's behaviour hangs on is listed: programs, what they read, what
// lies beside the description.
func TestFiles(t *testing.T) {
	reads := t.TempDir()
	must(t, os.WriteFile(filepath.Join(reads, "configuration"), nil, 0o644))
	text := describeFake("{{.Dir}}/serve", "good")
	text = strings.Replace(text, "version        true", "version        sh -c true", 1)
	text = strings.Replace(text, "\nstart ", "\nreads          "+reads+"\nstart ", 1)
	s := loadStack(t, text)
	files := s.Files()
	for _, want := range []string{debianStatus, s.File, "/configuration", filepath.Join(s.Description.dir, "serve"), "/sh"} {
		if !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, want) }) {
			t.Errorf("%s is not among %q", want, files)
		}
	}
	for _, s := range SelfTests() {
		if files := s.Files(); len(files) > 0 {
			t.Errorf("%s is built in and hangs on %q", s.Name, files)
		}
	}
}
