package netns

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// conn is a netlink socket. It belongs to the namespace in which it was
// opened and may be used from any thread.
//
// The kernel answers in the sender's context: when the write returns the
// answer, or the first part of a dump, is there to be read. The receive
// timeout is a bound for a kernel that does not.
type conn struct {
	mu  sync.Mutex
	fd  int
	buf []byte
}

// dumpBuffer is what one read of a dump returns at the most
// (NLMSG_GOODSIZE up to 32 KiB, net/netlink/af_netlink.c).
const dumpBuffer = 1 << 15

func newConn(proto int) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket (protocol %d): %w", proto, Scarce(err))
	}
	bound := unix.Timeval{Sec: 5}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &bound); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("set timeout of netlink socket: %w", err)
	}
	return &conn{fd: fd}, nil
}

// close gives the descriptor back. What is asked afterwards fails: the number
// may be another file's by then.
func (c *conn) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd := c.fd
	c.fd = -1
	return unix.Close(fd)
}

// move hands the descriptor over to a new conn; this one is closed.
func (c *conn) move() *conn {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	next := &conn{fd: c.fd, buf: c.buf}
	c.fd, c.buf = -1, nil
	return next
}

// namespace returns a new descriptor of the socket's network namespace.
func (c *conn) namespace() (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), unix.SIOCGSKNS, 0)
	if errno != 0 {
		return -1, fmt.Errorf("get descriptor of network namespace: %w", Scarce(errno))
	}
	unix.CloseOnExec(int(fd))
	return int(fd), nil
}

// do sends a batch and waits for its acknowledgement. It returns the first
// error that is none of those that are fine. The kernel carries on with the rest
// of a batch after an error.
func (c *conn) do(b *batch, fine ...unix.Errno) error {
	if len(b.what) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.send(b.bytes()); err != nil {
		return err
	}
	last := uint32(len(b.what))
	var first error
	for done := false; !done; {
		err := c.receive(func(h unix.NlMsghdr, body []byte) {
			if h.Type != unix.NLMSG_ERROR {
				return
			}
			done = done || h.Seq == last
			if err := errorOf(body); err != nil && first == nil && h.Seq-1 < last && !isAny(err, fine) {
				first = fmt.Errorf("%s: %w", b.what[h.Seq-1], err)
			}
		})
		if err != nil {
			return err
		}
	}
	return first
}

func isAny(err error, list []unix.Errno) bool {
	return slices.ContainsFunc(list, func(e unix.Errno) bool { return errors.Is(err, e) })
}

// query sends one request and calls f with each answer to it, until the dump
// is done or, if it is no dump, one answer has come.
func (c *conn) query(b *batch, dump bool, f func(body []byte)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.finish()
	if err := c.send(b.buf); err != nil {
		return err
	}
	var failed error
	for done := false; !done; {
		err := c.receive(func(h unix.NlMsghdr, body []byte) {
			switch h.Type {
			case unix.NLMSG_ERROR:
				failed, done = errorOf(body), true
			case unix.NLMSG_DONE:
				done = true
			default:
				done = done || !dump
				f(body)
			}
		})
		if err != nil {
			return err
		}
	}
	return failed
}

func (c *conn) send(p []byte) error {
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(c.fd, p, 0, kernel); err != nil {
		return fmt.Errorf("write to netlink socket: %w", err)
	}
	return nil
}

func (c *conn) receive(f func(h unix.NlMsghdr, body []byte)) error {
	if c.buf == nil {
		c.buf = make([]byte, dumpBuffer)
	}
	for {
		n, _, err := unix.Recvfrom(c.fd, c.buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read netlink answer: %w", err)
		}
		return messages(c.buf[:n], f)
	}
}

// messages calls f for each message in what one read returned.
func messages(p []byte, f func(h unix.NlMsghdr, body []byte)) error {
	for len(p) > 0 {
		if len(p) < unix.SizeofNlMsghdr {
			return fmt.Errorf("netlink answer is cut off: %d bytes are no header", len(p))
		}
		h := unix.NlMsghdr{Len: native.Uint32(p), Type: native.Uint16(p[4:]),
			Flags: native.Uint16(p[6:]), Seq: native.Uint32(p[8:]), Pid: native.Uint32(p[12:])}
		if h.Len < unix.SizeofNlMsghdr || int(h.Len) > len(p) {
			return fmt.Errorf("netlink answer is cut off: message of %d bytes in %d", h.Len, len(p))
		}
		f(h, p[unix.SizeofNlMsghdr:h.Len])
		p = p[min(align(int(h.Len)), len(p)):]
	}
	return nil
}

// errorOf reads the code of an NLMSG_ERROR; 0 is an acknowledgement.
func errorOf(body []byte) error {
	if len(body) < 4 {
		return unix.EBADMSG
	}
	if code := int32(native.Uint32(body)); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
