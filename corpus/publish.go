package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile makes or replaces a file. It appears whole or not at all, and
// belongs to the caller of sudo. A symbolic link stays one. What is there and
// is no regular file (a terminal, /dev/null) is refused: to replace it would
// do harm.
func WriteFile(path string, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target = path
	case err != nil:
		return writeError(path, err)
	default:
		if st, err := os.Stat(target); err != nil || !st.Mode().IsRegular() {
			return fmt.Errorf("corpus: write %s: not a regular file (choose another name)", path)
		}
	}
	unlock, err := lock(filepath.Dir(target))
	if err != nil {
		return writeError(path, err)
	}
	defer unlock()
	if err := writeFile(target, data); err != nil {
		return writeError(path, err)
	}
	return nil
}
