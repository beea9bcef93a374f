package netns

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// delivered counts the packets of a family that the host's own sockets and
// protocols have been given: behind its routing, its reverse path filter and
// its packet filter (Ip InDelivers, Ip6InDelivers).
func (h *Host) delivered(is6 bool) (n uint64, err error) {
	err = h.inside(func() error {
		file, err := os.ReadFile("/proc/thread-self/net/" + choose(is6, "snmp6", "snmp"))
		if err != nil {
			return Scarce(err)
		}
		if is6 {
			n, err = counter6(file)
		} else {
			n, err = counter4(file)
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("host %s: count delivered packets: %w", h.name, err)
	}
	return n, nil
}

// counter4 reads /proc/net/snmp: a line of names, then one of numbers.
func counter4(file []byte) (uint64, error) {
	lines := bytes.SplitN(file, []byte("\n"), 3)
	if len(lines) == 3 {
		names, numbers := bytes.Fields(lines[0]), bytes.Fields(lines[1])
		for i, name := range names {
			if string(name) == "InDelivers" && i < len(numbers) {
				return strconv.ParseUint(string(numbers[i]), 10, 64)
			}
		}
	}
	return 0, fmt.Errorf("no InDelivers in %.60q", file)
}

// counter6 reads /proc/net/snmp6: a name and a number in each line.
func counter6(file []byte) (uint64, error) {
	for _, line := range bytes.Split(file, []byte("\n")) {
		if f := bytes.Fields(line); len(f) == 2 && string(f[0]) == "Ip6InDelivers" {
			return strconv.ParseUint(string(f[1]), 10, 64)
		}
	}
	return 0, fmt.Errorf("no Ip6InDelivers in %.60q", file)
}

// arrives waits until something has been delivered to the target's host since
// before, or an error has come back, probeBound at the most. Inside a lab it
// has when the write returns, unless the machine is very busy.
//
// A datagram can be lost on the way without a word: in a reverse path filter,
// a packet filter, a black hole. The socket that would have taken it proves
// nothing then.
func (p *probe) arrives(target *Host, before uint64) error {
	for end := time.Now().Add(probeBound); ; {
		now, err := target.delivered(p.Target.Addr().Is6())
		if err != nil {
			return fmt.Errorf("%w: %w", errProbe, err)
		}
		if now != before {
			return nil
		}
		if time.Now().After(end) {
			return unix.ETIMEDOUT
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}, 1); err != nil && err != unix.EINTR {
			return fmt.Errorf("%w: poll: %w", errProbe, err)
		}
		if err := p.pending(); err != nil {
			return err
		}
	}
}
