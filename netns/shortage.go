package netns

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"golang.org/x/sys/unix"
)

// Descriptors is how many file descriptors this process may have open at once:
// the hard limit, for Go's runtime raises the soft one to it at the start
// (runtime and syscall, from Go 1.19 on).
func Descriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

// hostDescriptors is what a host takes that a pool keeps: see Host.
const hostDescriptors = 8

// shortages are this process's.
var shortages struct {
	sync.Mutex
	times int
	last  error
}

// Shortages tells how often this process ran out of something that it needs of
// the machine, and of what the last time. Whatever went on in that moment, in
// any lab, may have gone wrong for it and proves nothing.
func Shortages() (times int, last error) {
	shortages.Lock()
	defer shortages.Unlock()
	return shortages.times, shortages.last
}

// Scarce notes it if an error is about something that this process ran out of,
// and says then what that is and what to do. Any other error, and none, it
// returns as it is.
func Scarce(err error) error {
	var lack string
	switch {
	case errors.Is(err, unix.EMFILE):
		lack = fmt.Sprintf("all %d file descriptors that this process may have are in use: raise the limit (ulimit -n), or play fewer scenarios at once (-j)", Descriptors())
	case errors.Is(err, unix.ENFILE):
		lack = "the machine has no file descriptors left: raise fs.file-max"
	default:
		return err
	}
	return short(err, lack)
}

func short(err error, lack string) error {
	shortages.Lock()
	defer shortages.Unlock()
	shortages.times++
	shortages.last = errors.New(lack)
	return fmt.Errorf("%w: %s", err, lack)
}
