package netns

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// restrict adds flags to a mount and to all that are mounted in it.
func restrict(at string, flags uintptr) error {
	var attr unix.MountAttr
	for _, f := range []struct {
		old uintptr
		new uint64
	}{{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY}, {unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID}, {unix.MS_NODEV, unix.MOUNT_ATTR_NODEV}, {unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC}} {
		if flags&f.old != 0 {
			attr.Attr_set |= f.new
		}
	}
	if unix.MountSetattr(unix.AT_FDCWD, at, unix.AT_RECURSIVE, &attr) == nil {
		return nil
	}
	// It came with Linux 5.12, and a container may forbid it.
	return restrictEach(at, flags)
}

// restrictEach is restrict, mount by mount.
func restrictEach(top string, flags uintptr) error {
	mounts, err := mountsIn(top)
	if err != nil {
		return err
	}
	for _, at := range mounts {
		if err := restrictOne(at, flags); err != nil && !errors.Is(err, unix.EACCES) { // where we may not go, nor may the command
			return fmt.Errorf("make %s read-only: %w", strings.TrimPrefix(at, top), err)
		}
	}
	return nil
}

func restrictOne(at string, flags uintptr) error {
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return err
	}
	// Those that the mount has cannot be left out: they are locked.
	for _, f := range []uintptr{unix.MS_RDONLY, unix.MS_NOSUID, unix.MS_NODEV, unix.MS_NOEXEC, unix.MS_NOATIME, unix.MS_NODIRATIME} {
		flags |= uintptr(st.Flags) & f // ST_* are the same bits
	}
	if st.Flags&stRelatime != 0 {
		flags |= unix.MS_RELATIME
	}
	return unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|flags, "")
}

// stRelatime is ST_RELATIME of statfs(2), the one whose bit is not that of the
// mount flag.
const stRelatime = 0x1000

// mountsIn lists the mount points at and below a path.
func mountsIn(top string) (all []string, err error) {
	info, err := os.ReadFile("/proc/thread-self/mountinfo") // this thread has mounts of its own
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(info), "\n") {
		if f := strings.Fields(line); len(f) > 4 {
			if at := unescape(f[4]); within(top, at) {
				all = append(all, at)
			}
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is not among the mounts", top)
	}
	return all, nil
}

// unescape reads a path of /proc/self/mountinfo, where blanks are "\040".
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
