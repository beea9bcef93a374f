package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sort"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// Capture records a lab's packets until it is closed.
type Capture struct {
	w      io.Writer
	legend Legend
	taps   []*tap
	once   sync.Once
	err    error
}

// Legend is what a capture calls hosts, addresses and packets, so that who reads
// it knows who is who: several elements may share one address. Its zero value
// calls them nothing.
type Legend struct {
	Hosts map[string]string     // who is on a host, as in "ann, p"
	Names map[netip.Addr]string // what an address is called
	// Comment is what is said of a packet between two ports, "" for nothing.
	Comment func(t sip.Carrier, from, to netip.AddrPort) string
}

// Describe sets the legend. It has an effect until Close.
func (c *Capture) Describe(l Legend) { c.legend = l }

// captureLimit is how many bytes of one host's packets are kept. A stack that
// floods loses the rest, and not this process its memory.
const captureLimit = 32 << 20

// Capture starts to record every packet that the hosts send, to other hosts
// and to themselves: each once, where it was sent. Close writes them to w as
// pcapng, in the order of time, with host and interface as "ann/eth0", and what
// Describe says of them.
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
	if err == nil {
		err = file.names(c.legend.Names)
	}
	for _, p := range all {
		if err != nil {
			break
		}
		err = file.packet(c.iface(p), p.at, p.data, c.comment(p.data))
	}
	return err
}

// iface is the name of the interface of a packet, with who is on its host.
func (c *Capture) iface(p packet) string {
	name := p.host + "/" + p.iface
	if who := c.legend.Hosts[p.host]; who != "" {
		name += " (" + who + ")"
	}
	return name
}

func (c *Capture) comment(frame []byte) string {
	t, from, to, ok := ports(frame)
	if !ok || c.legend.Comment == nil {
		return ""
	}
	return c.legend.Comment(t, from, to)
}

// ports reads between which ports an Ethernet frame goes; ok is false for what
// is neither TCP nor UDP, and for all but the first fragment.
func ports(frame []byte) (t sip.Carrier, from, to netip.AddrPort, ok bool) {
	if len(frame) < 14+20 {
		return
	}
	ip := frame[14:]
	var protocol byte
	var src, dst netip.Addr
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_IP:
		head := int(ip[0]&15) * 4
		if binary.BigEndian.Uint16(ip[6:])&0x1fff != 0 || head > len(ip) {
			return
		}
		src, dst = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		protocol, ip = ip[9], ip[head:]
	case unix.ETH_P_IPV6:
		if len(ip) < 40 {
			return
		}
		src, dst = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
		protocol, ip = ip[6], ip[40:]
	default:
		return
	}
	if t, ok = map[byte]sip.Carrier{unix.IPPROTO_TCP: sip.CarrierTCP, unix.IPPROTO_UDP: sip.CarrierUDP}[protocol]; !ok || len(ip) < 4 {
		return t, from, to, false
	}
	return t, netip.AddrPortFrom(src, binary.BigEndian.Uint16(ip)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(ip[2:])), true
}

// packet is one packet as a host sent it.
type packet struct {
	host, iface string
	at          time.Time
	data        []byte
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
	t.packets = append(t.packets, packet{t.host.name, iface, at, append([]byte(nil), data...)})
}
