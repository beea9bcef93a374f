package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// stampBound is how long the kernel may take to begin stamping packets.
const stampBound = 5 * time.Second

// stamped makes the kernel stamp packets with the time at which they were
// sent, and returns when it does. The kernel begins a little after the first
// socket of the machine asked for it (net_enable_timestamp, net/core/dev.c);
// until then a packet gets the time at which it is read, and a capture would
// show the answer before the question. The caller closes the descriptor once
// other sockets have asked.
func (h *Host) stamped() (fd int, err error) {
	fd, err = h.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return -1, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	local := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	err = errors.Join(unix.Bind(fd, sockaddr(local)), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	if err != nil {
		return -1, fmt.Errorf("ask for time stamps: %w", err)
	}
	if local, err = localAddr(fd); err != nil {
		return -1, err
	}
	for end := time.Now().Add(stampBound); time.Now().Before(end); {
		if early, err := sentBeforeRead(fd, local); early || err != nil {
			return fd, err
		}
	}
	return -1, fmt.Errorf("the kernel does not stamp packets %v after it was asked to", stampBound)
}

// sentBeforeRead sends a datagram to the socket itself and reports whether its
// stamp is from before it was read.
func sentBeforeRead(fd int, self netip.AddrPort) (bool, error) {
	if err := unix.Sendto(fd, nil, 0, sockaddr(self)); err != nil {
		return false, fmt.Errorf("try time stamps: %w", err)
	}
	if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000); err != nil {
		return false, fmt.Errorf("try time stamps: %w", err)
	}
	read, oob := time.Now(), make([]byte, 128)
	_, n, _, _, err := unix.Recvmsg(fd, nil, oob, 0)
	if err != nil {
		return false, fmt.Errorf("try time stamps: %w", err)
	}
	return stamp(oob[:n]).Before(read), nil
}

// stamp reads the kernel's time of a packet.
func stamp(oob []byte) time.Time {
	all, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Now()
	}
	for _, m := range all {
		if m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(native.Uint64(m.Data)), int64(native.Uint64(m.Data[8:])))
		}
	}
	return time.Now()
}
