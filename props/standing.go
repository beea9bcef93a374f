package props

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// fromUser is a path as the person who runs this test can use it. A test stands
// in its package's directory, and that person mostly somewhere else: it is
// relative to there, if that is known and the path lies below, or else absolute.
func fromUser(path string) string {
	abs, err := filepath.Abs(path)
	if path == "" || err != nil {
		return path
	}
	if dir := userDir(); dir != "" {
		if rel, err := filepath.Rel(dir, abs); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return abs
}

// userDir is where somebody stands who runs go test: the directory of the go
// command, if it is also that of whoever started it (go -C goes elsewhere).
// "" is not known.
func userDir() string {
	pid := os.Getppid()
	for range 4 { // a test may have started itself anew, in namespaces
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		if err != nil {
			return ""
		}
		parent := parentOf(pid)
		if filepath.Base(exe) == "go" {
			dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
			above, aboveErr := os.Readlink(fmt.Sprintf("/proc/%d/cwd", parent))
			if err != nil || aboveErr != nil || dir != above {
				return ""
			}
			return dir
		}
		if pid = parent; pid <= 1 {
			break
		}
	}
	return ""
}

// parentOf is a process's parent, 0 if it is not to be seen.
func parentOf(pid int) (parent int) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// pid (name) state parent …: the name may hold anything, brackets too.
	var state string
	_, _ = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &parent)
	return parent
}
