package netns

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeFiles writes a process's files. One that begins with "#!" can be
// executed.
func writeFiles(dir string, files map[string][]byte) error {
	for name, data := range files {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file %q is not inside of the private home", name)
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write file %s: %w", name, err)
		}
		mode := os.FileMode(0o644)
		if len(data) > 2 && string(data[:2]) == "#!" {
			mode = 0o755
		}
		if err := os.WriteFile(path, data, mode); err != nil {
			return fmt.Errorf("write file %s: %w", name, err)
		}
	}
	return nil
}
