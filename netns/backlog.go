package netns

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// maxFill bounds how many connections FillBacklog opens: more than the kernel
// lets wait by default (net.core.somaxconn is 4096).
const maxFill = 5000

// ErrNoListener is why the queue of somebody who does not listen cannot be
// filled.
var ErrNoListener = errors.New("nobody listens there")

// FillBacklog opens connections to a listener of the host, from the host
// itself, until its queue takes no more: the next one that dials it gets no
// answer. They stay until the lab is closed. It is for a listener whose
// program does not accept.
func (h *Host) FillBacklog(at netip.AddrPort) error {
	return h.wrong(fmt.Sprintf("fill backlog of %s", at), h.fill(at))
}

func (h *Host) fill(at netip.AddrPort) error {
	for range maxFill {
		full, err := h.fillOne(at)
		if full || err != nil {
			return err
		}
	}
	return fmt.Errorf("its queue is not full after %d connections: does its program accept?", maxFill)
}

// fillOne opens one more connection, unless the listener's queue is full.
func (h *Host) fillOne(at netip.AddrPort) (full bool, err error) {
	s, found, err := h.diag.lookup(sip.CarrierTCP, netip.AddrPortFrom(at.Addr(), 0), at, h.arrival(at.Addr()))
	if err != nil || !found || s.State != linux.StateListen {
		return false, errors.Join(err, ErrNoListener)
	}
	if s.Queue > s.Backlog { // sk_acceptq_is_full, include/net/sock.h
		return true, nil
	}
	fd, err := h.Socket(int(family(at.Addr())), unix.SOCK_STREAM, 0)
	if err != nil {
		return false, err
	}
	err = unix.Connect(fd, h.sockaddr(at))
	if errors.Is(err, unix.EINPROGRESS) {
		err = await(fd, unix.POLLOUT, probeBound)
	}
	if err != nil {
		unix.Close(fd)
		return false, fmt.Errorf("connect: %w", err)
	}
	h.lab.mu.Lock()
	defer h.lab.mu.Unlock()
	h.lab.fillers = append(h.lab.fillers, fd)
	return false, nil
}

// dropFillers closes the connections that filled backlogs.
func (l *Lab) dropFillers() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fd := range l.fillers {
		unix.Close(fd)
	}
	l.fillers = nil
	return nil
}
