package corpus

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// trySize is as much as a case and its packets take, in bytes.
const trySize = 64 << 10

// TryDir finds out whether Write could keep cases in a directory, and leaves
// nothing behind: the directory itself is made only when there is a case. What
// would have to be made is made under another name, so that nobody who writes
// there at the same time is disturbed.
func TryDir(dir string) error {
	base, rest := nearest(dir)
	err := try(base, rest)
	var op *fs.PathError
	if errors.As(err, &op) {
		err = op.Err // its path is one that nobody has seen
	}
	if err != nil {
		return writeError(dir, err)
	}
	return nil
}

// try makes a directory in base, what would be missing in there, and a file.
func try(base, rest string) error {
	tmp, err := os.MkdirTemp(base, ".greka-try-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	made := filepath.Join(tmp, rest)
	if err := os.MkdirAll(made, 0o777); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(made, "case"+extension))
	if err != nil {
		return err
	}
	defer f.Close()
	return fill(f, make([]byte, trySize))
}

// nearest splits a path into what is there already, and what would have to be
// made below.
func nearest(dir string) (base, rest string) {
	dir = filepath.Clean(dir)
	for base = dir; ; base = filepath.Dir(base) {
		if _, err := os.Lstat(base); !errors.Is(err, fs.ErrNotExist) || base == filepath.Dir(base) {
			rest, _ = filepath.Rel(base, dir)
			return base, rest
		}
	}
}
