package netns

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// What is left of sockets.

// ownSockets is how many sockets a kept host has of ours.
const ownSockets = 4

// rounds bounds how often sockets are looked for until none is left: one may
// be on its way from one list to another when it is looked for.
const rounds = 5

// destroySockets ends every socket of every host: connections, those that
// nobody holds any more, TIME-WAIT. A socket that somebody still holds cannot
// be taken from him.
func (l *Lab) destroySockets() error {
	left := 0
	for range rounds {
		if left = 0; l.destroyTCP(&left) != nil || left == 0 {
			break
		}
	}
	if left != 0 {
		return fmt.Errorf("%d TCP sockets are left after %d rounds", left, rounds)
	}
	for _, h := range l.hosts {
		if !h.entered.Load() {
			continue
		}
		if err := h.awaitEmpty(); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}

func (l *Lab) destroyTCP(left *int) error {
	for _, h := range l.hosts {
		if !h.entered.Load() {
			continue
		}
		sockets, err := h.diag.tcpSockets(nil)
		if err != nil {
			return err
		}
		*left += len(sockets)
		var b batch
		for _, s := range sockets {
			destroy(&b, s)
		}
		_ = h.diag.do(&b) // gone already, or seen again in the next round
	}
	return nil
}

// heldBound is how long a descriptor that was closed may keep its socket: a
// process that is being started has a copy until it executes its program.
const heldBound = 100 * time.Millisecond

// awaitEmpty waits until the host has no socket of any kind but ours.
func (h *Host) awaitEmpty() error {
	own := ownSockets
	if h.filter != nil {
		own++
	}
	for end := time.Now().Add(heldBound); ; {
		var stat [512]byte
		n, err := unix.Pread(h.stat, stat[:], 0)
		if err != nil {
			return fmt.Errorf("count sockets: %w", err)
		}
		used, tw := number(stat[:n], "sockets: used "), number(stat[:n], " tw ")
		if used == own && tw == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("somebody still holds %d sockets (%d are in TIME-WAIT)", used-own, tw)
		}
	}
}

// refuseFragments refuses a host that waits for the rest of a datagram.
func (l *Lab) refuseFragments() error {
	for _, h := range l.hosts {
		for _, fd := range []int{h.stat, h.stat6} {
			var stat [512]byte
			n, err := unix.Pread(fd, stat[:], 0)
			if err != nil {
				return fmt.Errorf("host %s: count fragments: %w", h.name, err)
			}
			for _, name := range []string{"FRAG: inuse ", "FRAG6: inuse "} {
				if bytes.Contains(stat[:n], []byte(name)) && number(stat[:n], name) != 0 {
					return fmt.Errorf("host %s waits for fragments", h.name)
				}
			}
		}
	}
	return nil
}

// number reads the number behind a name in /proc/net/sockstat, -1 if there is
// none.
func number(stat []byte, name string) int {
	_, rest, _ := bytes.Cut(stat, []byte(name))
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	if err != nil {
		return -1
	}
	return n
}
