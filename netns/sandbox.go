package netns

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Sandbox reports what this machine cannot give of the sandbox in which Spawn
// and RunAlone run commands: nil if it gives everything. Each entry is a phrase
// without a full stop, "mounts that cannot be written (mount_setattr: operation
// not permitted)". With anything missing both refuse to run a command unless
// its Spec says Insecure. It is found out once, at the first call.
func Sandbox() (missing []string) { return sandbox() }

var sandbox = sync.OnceValue(func() (missing []string) {
	// No such descriptor: EBADF comes from a kernel that has the call, and lets
	// us make it.
	err := unix.MountSetattr(-1, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
	if !errors.Is(err, unix.EBADF) {
		missing = append(missing, fmt.Sprintf("mounts that cannot be written (mount_setattr: %v)", err))
	}
	return missing
})

// ErrInsecure is what the errors of Spawn and RunAlone are when the sandbox
// lacks something and the Spec does not say Insecure.
var ErrInsecure = errors.New("the sandbox is not whole here")

// secure refuses a command that would have more of the machine than it may.
func (s Spec) secure() error {
	if missing := Sandbox(); missing != nil && !s.Insecure {
		return fmt.Errorf("%w: it lacks %s", ErrInsecure, strings.Join(missing, ", "))
	}
	return nil
}
