package netns

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity is who a command is. It gets no user namespace of its own: that
// would make its processes root of something, and with it the kernel copies
// this process's whole memory map for each start (a fork and not a vfork, 60 %
// more work than now).
type identity struct {
	uid, gid int
	chosen   bool // it is not this process's own
}

// Users and groups that own no file and no process: one of many that nobody is
// given, so that two processes on a machine take different ones, and one for a
// root that has 65536 of them. 65534 will not do, for others use it.
const (
	firstStranger = 1900000000
	strangers     = 65536
	lowStranger   = 65533
)

// stranger is the identity of commands: somebody else where this process may
// choose, and its own where it may not, as in an ordinary user's namespace.
var stranger = sync.OnceValue(func() identity {
	if has(unix.CAP_SETUID) && has(unix.CAP_SETGID) && has(unix.CAP_SETPCAP) {
		for _, id := range []int{firstStranger + os.Getpid()%strangers, lowStranger} {
			if knows("uid_map", id) && knows("gid_map", id) {
				return identity{id, id, true}
			}
		}
	}
	return identity{uid: os.Geteuid(), gid: os.Getegid()}
})

// knows reports whether this process's user namespace knows an id.
func knows(file string, id int) bool {
	f, err := os.Open("/proc/self/" + file)
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var first, outside, count int
		if _, err := fmt.Sscan(s.Text(), &first, &outside, &count); err == nil && id >= first && id < first+count {
			return true
		}
	}
	return false
}

// take makes an init start with this identity, in no group, with those
// capabilities that it needs until it has shut itself in.
func (id identity) take(a *syscall.SysProcAttr) {
	if id.chosen {
		a.Credential = &syscall.Credential{Uid: uint32(id.uid), Gid: uint32(id.gid)}
		a.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
	}
}

// translation is a user namespace that says: this process's user is the
// stranger. Mounts that are translated with it show him this process's files as
// his own.
var translation = sync.OnceValues(func() (*os.File, error) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	defer ours.Close()
	id := stranger()
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: id.uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: id.gid, Size: 1}}}
	// An init that is never told anything.
	p, err := os.StartProcess("/proc/self/exe", []string{"greka-init"}, &os.ProcAttr{
		Env: initEnv, Files: []*os.File{nil, nil, nil, ours}, Sys: attr})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Kill(); _, _ = p.Wait() }()
	return os.Open(fmt.Sprintf("/proc/%d/ns/user", p.Pid))
})

// tree returns a copy of the mounts at a path, with this process's files as the
// stranger's own. Where that is not possible, for kernels before 5.12 and some
// file systems cannot, modes decide, as for everybody. nil is a kernel that
// cannot copy mounts.
func (id identity) tree(path string) *os.File {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return nil
	}
	if id.chosen {
		if ns, err := translation(); err == nil {
			_ = unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE,
				&unix.MountAttr{Attr_set: unix.MOUNT_ATTR_IDMAP, Userns_fd: uint64(ns.Fd())})
		}
	}
	return os.NewFile(uintptr(fd), path)
}

// executable is the path by which an init can execute this program again: it may
// be a file that others must not.
var executable = sync.OnceValue(func() string {
	const self = "/proc/self/exe"
	info, err := os.Stat(self)
	if err == nil && info.Mode()&1 == 0 {
		if real, err := os.Readlink(self); err == nil {
			if f := stranger().tree(real); f != nil {
				return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
			}
		}
	}
	return self
})
