package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Capture records a lab's packets until it is closed.
type Capture struct {
	w    io.Writer
	taps []*tap
	once sync.Once
	err  error
}

// captureLimit is how many bytes of one host's packets are kept. A stack that
// floods loses the rest, and not this process its memory.
const captureLimit = 32 << 20

// Capture starts to record every packet that the hosts send, to other hosts
// and to themselves: each once, where it was sent. Close writes them to w as
// pcapng, in the order of time, with host and interface as "ann/eth0".
//
// It is for the confirmation of a finding: closing costs 3 to 20 ms a host.
func (l *Lab) Capture(w io.Writer) (*Capture, error) {
	c := &Capture{w: w}
	clock, err := l.hosts[0].stamped()
	if err != nil {
		return nil, fmt.Errorf("netns: host %s: capture: %w", l.hosts[0].name, err)
	}
	defer unix.Close(clock)
	for _, h := range l.hosts {
		t, err := h.tap()
		if err != nil {
			_ = c.stop()
			return nil, fmt.Errorf("netns: host %s: capture: %w", h.name, err)
		}
		c.taps = append(c.taps, t)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.captures = append(l.captures, c)
	return c, nil
}

// Close ends the capture and writes it. What was sent before the call is in it.
func (c *Capture) Close() error {
	c.once.Do(func() {
		if err := errors.Join(c.stop(), c.write()); err != nil {
			c.err = fmt.Errorf("netns: %w", err)
		}
	})
	return c.err
}

func (c *Capture) stop() error {
	var wait sync.WaitGroup
	failed := make([]error, len(c.taps))
	for i, t := range c.taps {
		wait.Add(1)
		go func() {
			defer wait.Done()
			failed[i] = t.stop()
		}()
	}
	wait.Wait()
	return errors.Join(failed...)
}

func (c *Capture) write() error {
	var all []packet
	for _, t := range c.taps {
		all = append(all, t.packets...)
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].at.Before(all[j].at) })
	file, err := newPcapng(c.w)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := file.packet(p.iface, p.at, p.data); err != nil {
			return err
		}
	}
	return nil
}

// packet is one packet as a host sent it.
type packet struct {
	iface string
	at    time.Time
	data  []byte
}

// tap records what one host sends.
type tap struct {
	host    *Host
	file    *os.File
	done    chan struct{}
	packets []packet // to be read after done only
	size    int
	err     error
}

func (h *Host) tap() (*tap, error) {
	all := uint16(unix.ETH_P_ALL)<<8 | uint16(unix.ETH_P_ALL)>>8 // in network order
	fd, err := h.Socket(unix.AF_PACKET, unix.SOCK_RAW, int(all))
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 8<<20)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ask for time stamps: %w", err)
	}
	t := &tap{host: h, file: os.NewFile(uintptr(fd), "capture of "+h.name), done: make(chan struct{})}
	go t.run()
	return t, nil
}

// stop lets the tap take what has arrived and closes it.
func (t *tap) stop() error {
	_ = t.file.SetReadDeadline(time.Unix(1, 0))
	<-t.done
	return errors.Join(t.err, t.file.Close())
}

func (t *tap) run() {
	defer close(t.done)
	raw, err := t.file.SyscallConn()
	if err != nil {
		t.err = err
		return
	}
	err = raw.Read(func(fd uintptr) bool {
		t.take(int(fd))
		return t.err != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = raw.Control(func(fd uintptr) { t.take(int(fd)) })
	}
	t.err = errors.Join(t.err, err)
}

// take records every packet that has arrived.
func (t *tap) take(fd int) {
	buf, oob := make([]byte, 1<<16), make([]byte, 128)
	for t.err == nil {
		n, oobn, _, from, err := unix.Recvmsg(fd, buf, oob, 0)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			t.err = fmt.Errorf("read packet of host %s: %w", t.host.name, err)
		default:
			t.record(from, buf[:n], stamp(oob[:oobn]))
		}
	}
}

func (t *tap) record(from unix.Sockaddr, data []byte, at time.Time) {
	link, ok := from.(*unix.SockaddrLinklayer)
	if !ok || t.size+len(data) > captureLimit {
		return
	}
	iface := ""
	switch n := uint32(link.Ifindex); {
	case n == loopbackDevice && link.Pkttype != unix.PACKET_OUTGOING:
		iface = "lo" // where each is seen twice
	case n >= firstDevice && n < fabricDevice && link.Pkttype == unix.PACKET_OUTGOING:
		iface = fmt.Sprintf("eth%d", n-firstDevice)
	default:
		return
	}
	t.size += len(data)
	t.packets = append(t.packets, packet{t.host.name + "/" + iface, at, append([]byte(nil), data...)})
}
