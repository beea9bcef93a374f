package peer

import (
	"errors"

	"golang.org/x/sys/unix"
)

// parcel is a message on its way into a connection.
type parcel struct {
	raw  []byte
	done func(error) // told when all of it was taken, or never will be
}

// send sends all of a message down a connection, behind what waits there
// already. done is told at once, or when there was room.
func (s *sock) send(raw []byte, done func(error)) {
	s.outbox = append(s.outbox, parcel{raw, done})
	if len(s.outbox) == 1 && s.connected == nil {
		s.flush()
	}
}

// flush sends what it can of what waits.
func (s *sock) flush() {
	for len(s.outbox) > 0 {
		p := &s.outbox[0]
		n, err := unix.SendmsgN(s.fd, p.raw, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EAGAIN) {
			s.owner.world.expect(s, unix.EPOLLIN|unix.EPOLLOUT)
			return
		}
		if err != nil {
			s.giveBack(err)
			return
		}
		if p.raw = p.raw[n:]; len(p.raw) == 0 {
			done := p.done
			s.outbox = s.outbox[1:]
			done(nil)
		}
	}
}

// giveBack tells all that waits that it will not be sent.
func (s *sock) giveBack(err error) {
	waiting := s.outbox
	s.outbox = nil
	for _, p := range waiting {
		p.done(err)
	}
}

// ended reports whether the far end has closed a connection or reset it, which
// may be found out before it is read. Nothing more is sent there: it is not
// the connection to the target any more (RFC 3261 18.1.1).
func (s *sock) ended() bool {
	p := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err == nil && n > 0 && p[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
