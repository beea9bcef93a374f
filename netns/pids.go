package netns

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroups is where the control groups are mounted; a variable for tests.
var cgroups = "/sys/fs/cgroup"

// ProcessesLeft is how many more processes and threads the control groups of
// this process let it start (pids.max), and of which group that is the limit. It
// is math.MaxInt where there is no limit, or none is to be seen.
func ProcessesLeft() (left int, group string) {
	left = math.MaxInt
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return left, ""
	}
	for _, at := range pidGroups(string(text)) {
		if n, ok := leftIn(at); ok && n < left {
			left, group = n, at
		}
	}
	return left, group
}

// pidGroups lists the directories of the control groups that may limit the
// number of processes, from /proc/PID/cgroup (cgroups(7)): the one that a
// process is in and those above it.
func pidGroups(text string) (dirs []string) {
	for _, line := range strings.Split(text, "\n") {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) < 3 {
			continue
		}
		mount := cgroups
		if version1 := parts[1] != ""; version1 {
			if !strings.Contains(","+parts[1]+",", ",pids,") {
				continue
			}
			mount = filepath.Join(cgroups, "pids")
		}
		for path := filepath.Clean("/" + parts[2]); ; path = filepath.Dir(path) {
			dirs = append(dirs, filepath.Join(mount, path))
			if path == "/" {
				break
			}
		}
	}
	return dirs
}

// leftIn reads what one group lets its processes start.
func leftIn(dir string) (int, bool) {
	most, err := pidCount(filepath.Join(dir, "pids.max"))
	if err != nil {
		return 0, false // "max", or no such group here
	}
	now, err := pidCount(filepath.Join(dir, "pids.current"))
	return max(most-now, 0), err == nil
}

func pidCount(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// sandboxThreads are what the init of a sandbox takes, and its command at
// least. Where there is no room for them Go's runtime dies in the midst of it,
// with pages of text.
const sandboxThreads = 12

// roomForSandbox says what is wrong where one cannot be started.
func roomForSandbox() error {
	left, group := ProcessesLeft()
	if left >= sandboxThreads {
		return nil
	}
	return short(unix.EAGAIN, fmt.Sprintf("%s/pids.max lets this process start %d more processes and threads, and a program in its sandbox needs %d", group, left, sandboxThreads))
}
