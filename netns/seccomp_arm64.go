package netns

import "golang.org/x/sys/unix"

const arch = unix.AUDIT_ARCH_AARCH64

// What only this kind of processor has.
var (
	refusedHere = []uint32{unix.SYS_KEXEC_FILE_LOAD}
	absentHere  []uint32
)
