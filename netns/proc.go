package netns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// errProc is what labs cannot do without.
var errProc = errors.New("/proc does not show this process; run: mount -t proc proc /proc")

// checkProc refuses to work where /proc is not mounted, or is that of another
// PID namespace: this package finds its own threads and its descendants there,
// and would take others' for them.
func checkProc() error {
	self, err := os.Readlink("/proc/self")
	if err == nil && self != strconv.Itoa(os.Getpid()) {
		err = fmt.Errorf("this is process %d, there it is %s", os.Getpid(), self)
	}
	if err != nil {
		return fmt.Errorf("%w (%w)", errProc, err)
	}
	return nil
}
