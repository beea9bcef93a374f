package netns

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// The layers of the sandbox, by the names under which tests leave one out.
const (
	layerUser         = "user"
	layerPID          = "PID namespace"
	layerRoot         = "file system"
	layerCapabilities = "capabilities"
	layerCalls        = "system calls"
	layerLimits       = "limits"
)

func (o orders) has(layer string) bool { return !slices.Contains(o.Without, layer) }

// jail shuts this process in, for good, and with it what it will start: all
// that a stranger's program could do to the machine is out of its reach then.
// missing is what of that the machine would not give. The calling thread has to
// be the one that starts the command.
func (o orders) jail() (missing []string, err error) {
	if err := unix.Sethostname([]byte(o.Hostname)); err != nil {
		return nil, fmt.Errorf("set the host's name: %w", err)
	}
	if err := unix.Setdomainname([]byte("(none)")); err != nil {
		return nil, fmt.Errorf("set the domain's name: %w", err)
	}
	if o.has(layerRoot) {
		missing, err = enterRoot(o)
	} else {
		err = unix.Mount("greka", Home, "tmpfs", 0, ownSize)
	}
	if err != nil {
		return nil, err
	}
	if err := writeFiles(Home, o.Files); err != nil {
		return nil, err
	}
	if err := o.limit(); err != nil {
		return nil, err
	}
	if o.has(layerCapabilities) {
		if err := giveUpCapabilities(); err != nil {
			return nil, err
		}
	}
	// No other process may look into this one. (In the command the kernel
	// undoes it when it executes its program.)
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("hide memory: %w", err)
	}
	if o.has(layerCalls) {
		if err := filterCalls(); err != nil {
			missing = append(missing, fmt.Sprintf("a filter of system calls (%v)", err))
		}
	}
	return missing, nil
}
