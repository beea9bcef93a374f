//go:build amd64 || arm64

package netns

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter of system calls is the second wall: what it denies a process
// without capabilities is denied by the kernel too, if the kernel has no bug
// there. It leaves everything that programs do.

// namespaces are the flags of clone and unshare that make namespaces, in which
// a process would have capabilities again.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME

// refused are the system calls that administer a machine: they fail with EPERM.
var refused = []uint32{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF,
	unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_FSPICK,
	unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_ACCT,
	unix.SYS_FANOTIFY_INIT, unix.SYS_SETNS, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
	unix.SYS_CLOCK_SETTIME, unix.SYS_SETTIMEOFDAY, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
	unix.SYS_REBOOT, unix.SYS_KEXEC_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_SYSLOG, unix.SYS_VHANGUP, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN,
	unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY, unix.SYS_KEYCTL,
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PIDFD_GETFD, unix.SYS_PROCESS_MADVISE,
	unix.SYS_KCMP, unix.SYS_MOVE_PAGES, unix.SYS_MIGRATE_PAGES,
}

// absent are those that programs can do without, and do if they are told that
// the kernel has none (ENOSYS). The flags of clone3 lie where no filter reads
// them; everybody then uses clone.
var absent = []uint32{
	unix.SYS_CLONE3, unix.SYS_USERFAULTFD, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_LOOKUP_DCOOKIE, unix.SYS_NFSSERVCTL,
}

// lastKnown is the last system call that somebody has looked at for this list.
// A newer one is absent; so are those of amd64's other, 32-bit interface.
const lastKnown = unix.SYS_MSEAL

// socketFamilies are those of the sockets that a program may have, and netlinks the
// protocols of netlink.
var (
	socketFamilies = []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}
	netlinks       = []uint32{unix.NETLINK_ROUTE, unix.NETLINK_SOCK_DIAG, unix.NETLINK_GENERIC}
)

// fakeInput are the ioctls that type on a terminal in its user's place, or
// steal its output.
var fakeInput = []uint32{unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCCONS}

// bpfProgram is a filter, as seccomp(2) takes it.
type bpfProgram []unix.SockFilter

// Offsets in struct seccomp_data, on machines of this byte order.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16 // 8 bytes each
)

func (p *bpfProgram) add(code uint16, k uint32, yes, no uint8) {
	*p = append(*p, unix.SockFilter{Code: code, K: k, Jt: yes, Jf: no})
}

func (p *bpfProgram) load(offset uint32) { p.add(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset, 0, 0) }

// ifEqual skips the next instructions unless what was loaded is a value.
func (p *bpfProgram) ifEqual(value uint32, skip uint8) {
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, value, 0, skip)
}

func (p *bpfProgram) allow() { p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ALLOW, 0, 0) }

func (p *bpfProgram) fail(errno unix.Errno) {
	p.add(unix.BPF_RET|unix.BPF_K, unix.SECCOMP_RET_ERRNO|uint32(errno), 0, 0)
}

// call adds what is to be done at one system call: instructions that end by
// returning.
func (p *bpfProgram) call(number uint32, what func(p *bpfProgram)) {
	var body bpfProgram
	what(&body)
	p.ifEqual(number, uint8(len(body)))
	*p = append(*p, body...)
}

// argument loads the lower half of an argument: the kernel takes these as int.
func (p *bpfProgram) argument(n uint32) { p.load(offArgs + 8*n) }

// among fails unless what was loaded is one of some values.
func (p *bpfProgram) among(values []uint32, errno unix.Errno) {
	for i, v := range values {
		p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, v, uint8(len(values)-i), 0)
	}
	p.fail(errno)
}

// filterProgram is what a command's system calls go through.
func filterProgram(arch uint32) bpfProgram {
	var p bpfProgram
	p.load(offArch)
	p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, arch, 1, 0)
	p.fail(unix.ENOSYS)
	p.load(offNumber)
	p.add(unix.BPF_JMP|unix.BPF_JGT|unix.BPF_K, lastKnown, 0, 1)
	p.fail(unix.ENOSYS)
	for _, number := range append(refused, refusedHere...) {
		p.call(number, func(p *bpfProgram) { p.fail(unix.EPERM) })
	}
	for _, number := range append(absent, absentHere...) {
		p.call(number, func(p *bpfProgram) { p.fail(unix.ENOSYS) })
	}
	for _, number := range []uint32{unix.SYS_CLONE, unix.SYS_UNSHARE} {
		flags := uint32(namespaces)
		if number == unix.SYS_CLONE {
			flags &^= 0xff // its signal
		}
		p.call(number, func(p *bpfProgram) {
			p.argument(0)
			p.add(unix.BPF_JMP|unix.BPF_JSET|unix.BPF_K, flags, 0, 1)
			p.fail(unix.EPERM)
			p.allow()
		})
	}
	for _, number := range []uint32{unix.SYS_SOCKET, unix.SYS_SOCKETPAIR} {
		p.call(number, func(p *bpfProgram) {
			p.argument(0)
			p.among(socketFamilies, unix.EAFNOSUPPORT)
			p.add(unix.BPF_JMP|unix.BPF_JEQ|unix.BPF_K, unix.AF_NETLINK, 1, 0)
			p.allow()
			p.argument(2)
			p.among(netlinks, unix.EPROTONOSUPPORT)
			p.allow()
		})
	}
	p.call(unix.SYS_IOCTL, func(p *bpfProgram) {
		p.argument(1)
		for _, request := range fakeInput {
			p.ifEqual(request, 1)
			p.fail(unix.EPERM)
		}
		p.allow()
	})
	p.allow()
	return p
}

// filterCalls puts the filter on this process and what it will start.
func filterCalls() error { return filterProgram(arch).install() }

// install puts a filter on all threads of this process and on what it will
// start, for good.
func (p bpfProgram) install() error {
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	culprit, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog)))
	if e != 0 {
		return fmt.Errorf("seccomp: %w", e)
	}
	if culprit != 0 {
		return fmt.Errorf("seccomp: thread %d has another filter", culprit)
	}
	return nil
}
