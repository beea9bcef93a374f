package netns

import (
	"errors"

	"golang.org/x/sys/unix"
)

// advice says what to do about an error of a privileged call, or nothing.
func advice(err error) string {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return " (run as root, or allow user namespaces)"
	}
	return ""
}
