package netns

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// has reports whether the calling thread has a capability.
func has(capability int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData // capabilities 0 to 31, and the rest
	err := unix.Capget(&header, &data[0])
	return err == nil && data[capability/32].Effective&(1<<(capability%32)) != 0
}

// lastCapability is above every one that there is, or will be for some time.
const lastCapability = 63

// giveUpCapabilities takes every capability from this process, and from what
// the calling thread executes, be it a program with set-user-ID or with
// capabilities of its own.
func giveUpCapabilities() error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("give up new privileges: %w", err)
	}
	for c := uintptr(0); c <= lastCapability; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			break // there is none with this number, nor with a higher one
		}
		if err != nil && !errors.Is(err, unix.EPERM) { // no new privileges do it too
			return fmt.Errorf("give up capability %d for good: %w", c, err)
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData // ambient ones go with the permitted
	_, _, e := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	if e == syscall.ENOTSUP { // with cgo: this is the thread that will start the command
		_, _, e = syscall.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none[0])), 0)
	}
	if e != 0 {
		return fmt.Errorf("give up capabilities: %w", e)
	}
	return nil
}
