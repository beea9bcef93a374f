package sut

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianStatus changes whenever a Debian package is installed, upgraded or
// removed.
const debianStatus = "/var/lib/dpkg/status"

// Files lists what lies on this machine and decides how the stack behaves, as
// far as its description tells: the description, what it names beside it, the
// programs that it starts, what they read, and the list of installed Debian
// packages. The list is empty for a stack that is built in. Some of them may not
// be there.
func (s *Stack) Files() []string {
	d := s.Description
	if d == nil {
		return nil
	}
	files := []string{debianStatus}
	if s.File != "" {
		files = append(files, s.File)
	}
	for _, t := range []*text{d.version, d.start} {
		files = append(files, executable(t.body)...)
	}
	for _, path := range d.Reads {
		if filepath.IsAbs(path) {
			files = append(files, below(path)...)
		}
	}
	if d.dir != "" {
		for _, path := range d.beside() {
			files = append(files, below(filepath.Join(d.dir, path))...)
		}
	}
	return files
}

// executable is the file of a command that is looked for in PATH, or has a path of
// its own.
func executable(command string) []string {
	name := command
	if words := strings.Fields(command); len(words) > 0 {
		name = strings.Trim(words[0], `"'`)
	}
	if path, err := exec.LookPath(name); err == nil && filepath.IsAbs(path) {
		return []string{path}
	}
	return nil
}

// below lists a file, or what is in a directory, up to maxBesideFiles.
func below(path string) (files []string) {
	_ = filepath.WalkDir(path, func(at string, _ fs.DirEntry, err error) error {
		if files = append(files, at); len(files) >= maxBesideFiles {
			return filepath.SkipAll
		}
		return nil // what cannot be read is listed all the same
	})
	return files
}
