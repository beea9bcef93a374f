package honest

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stream is one connection.
type stream struct {
	net.Conn
	dead bool // its end was read
}

// setting turns socket options on before a socket is bound.
func (a *agent) setting(options ...[2]int) net.ListenConfig {
	return net.ListenConfig{Control: func(network, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) {
			for _, o := range append(options, a.sockopts...) {
				if o[0] == unix.IPPROTO_TCP && strings.HasPrefix(network, "udp") {
					continue
				}
				if e := unix.SetsockoptInt(int(fd), o[0], o[1], 1); e != nil && err == nil {
					err = fmt.Errorf("socket option %v: %w", o, e)
				}
			}
			if a.device {
				err = unix.BindToDevice(int(fd), a.interfaceName())
			}
		})
		return err
	}}
}

// interfaceName is the interface that has its address.
func (a *agent) interfaceName() string {
	all, _ := net.Interfaces()
	for _, i := range all {
		addrs, _ := i.Addrs()
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr().String() == a.host {
				return i.Name
			}
		}
	}
	return ""
}

func (a *agent) bindTo(transport string) string {
	host := a.host
	switch a.bind {
	case "any":
		host = "0.0.0.0"
		if strings.Contains(a.host, ":") {
			host = "::"
		}
	case "any6":
		host = "::"
	}
	return net.JoinHostPort(host, strconv.Itoa(a.ports[transport]))
}

func (a *agent) listenTCP() {
	n := max(a.listeners, 1)
	for range n {
		config := a.setting()
		if n > 1 {
			config = a.setting([2]int{unix.SOL_SOCKET, unix.SO_REUSEPORT})
		}
		l, err := config.Listen(context.Background(), "tcp", a.bindTo("tcp"))
		if err != nil {
			panic(err)
		}
		if raw, err := l.(*net.TCPListener).SyscallConn(); err == nil && a.backlog > 0 {
			_ = raw.Control(func(fd uintptr) { _ = unix.Listen(int(fd), a.backlog) })
		}
		if a.givesAway != nil {
			a.givesAway(a, l.(*net.TCPListener))
			continue
		}
		for range max(a.acceptors, 1) {
			go a.accept(l)
		}
	}
}

func (a *agent) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		a.accepted(c)
		time.Sleep(a.acceptPause)
	}
}

func (a *agent) accepted(c net.Conn) {
	s := &stream{Conn: c}
	if a.onAccept != nil {
		a.onAccept(a, s)
	}
	go a.read(s)
}

func (a *agent) listenUDP() {
	config := a.setting()
	if a.connectsUDP || a.sharesUDP {
		config = a.setting([2]int{unix.SOL_SOCKET, unix.SO_REUSEADDR})
	}
	c, err := config.ListenPacket(context.Background(), "udp", a.bindTo("udp"))
	if err != nil {
		panic(err)
	}
	a.packets = c
	go a.receive(c)
}

// receive reads datagrams.
func (a *agent) receive(c net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			if strings.Contains(err.Error(), "refused") {
				continue // an ICMP error about an earlier datagram
			}
			return
		}
		text := string(buf[:n])
		a.work <- func() {
			a.message(strings.TrimSuffix(text, "\r\n\r\n"), "udp", func(raw string) { c.WriteTo([]byte(a.spelled(raw, "udp")), from) })
		}
	}
}

// read reads a connection to its end.
func (a *agent) read(s *stream) {
	defer func() {
		a.work <- func() {
			s.dead = true
			if !a.keepsDead {
				s.Close()
			}
		}
	}()
	var have string
	chunk := make([]byte, max(a.reads, 1))
	if a.reads == 0 {
		chunk = make([]byte, 64<<10)
	}
	for {
		n, err := s.Read(chunk)
		if err != nil {
			return
		}
		have += string(chunk[:n])
		for {
			have = strings.TrimLeft(have, "\r\n")
			head, rest, whole := strings.Cut(have, "\r\n\r\n")
			if !whole {
				break
			}
			length := 0
			if m, err := parseMessage(head); err == nil {
				length, _ = strconv.Atoi(m.get("content-length"))
			}
			if len(rest) < length {
				break
			}
			have = rest[length:]
			a.work <- func() { a.message(head, "tcp", func(raw string) { a.write(s, raw) }) }
		}
	}
}

// write sends a message down a connection.
func (a *agent) write(s *stream, raw string) {
	raw = a.spelled(raw, "tcp")
	if a.writes == 0 {
		_, _ = s.Write([]byte(raw))
	}
	for n := a.writes; n > 0 && len(raw) > 0; {
		n = min(n, len(raw))
		_, _ = s.Write([]byte(raw[:n]))
		raw = raw[n:]
	}
	if a.afterWrite != nil {
		a.afterWrite(a, s, raw)
	}
}

func (a *agent) spelled(raw, transport string) string {
	if a.spelling != nil {
		return a.spelling(raw, transport)
	}
	return raw
}

// path is the way to a next hop, and what the Via of a request on it names
// (RFC 3261 18.1.1).
func (a *agent) path(h hop) (send func(string), sentBy string) {
	if h.transport == "tcp" {
		port := a.ports["tcp"]
		if port == 0 {
			port = a.ports["udp"]
		}
		return func(text string) {
			if s := a.connection(h.addr); s != nil {
				a.write(s, text)
			}
		}, net.JoinHostPort(a.host, strconv.Itoa(port))
	}
	switch {
	case a.packets == nil, a.udpPerRequest:
		config := a.setting()
		c, err := config.ListenPacket(context.Background(), "udp", net.JoinHostPort(a.host, "0"))
		if err != nil {
			return func(string) {}, a.own("udp")
		}
		go a.receive(c)
		a.later(40*time.Second, func() { c.Close() })
		if sentBy = a.own("udp"); a.packets == nil {
			sentBy = c.LocalAddr().String()
		}
		return func(text string) {
			_, _ = c.WriteTo([]byte(a.spelled(text, "udp")), net.UDPAddrFromAddrPort(h.addr))
		}, sentBy
	case a.connectsUDP:
		return func(text string) { _, _ = a.connected(h.addr).Write([]byte(a.spelled(text, "udp"))) }, a.own("udp")
	}
	return func(text string) {
		_, _ = a.packets.WriteTo([]byte(a.spelled(text, "udp")), net.UDPAddrFromAddrPort(h.addr))
	}, a.own("udp")
}

// connected is a UDP socket on its own port that is connected to a far end,
// beside the one that serves everybody.
func (a *agent) connected(to netip.AddrPort) net.Conn {
	if c := a.peers[to]; c != nil {
		return c
	}
	d := net.Dialer{LocalAddr: a.packets.LocalAddr(), Control: a.setting([2]int{unix.SOL_SOCKET, unix.SO_REUSEADDR}).Control}
	c, err := d.Dial("udp", to.String())
	if err != nil {
		panic(err)
	}
	a.peers[to] = c
	go func() {
		buf := make([]byte, 65536)
		for {
			n, err := c.Read(buf)
			if err != nil {
				if strings.Contains(err.Error(), "refused") {
					continue
				}
				return
			}
			text := strings.TrimSuffix(string(buf[:n]), "\r\n\r\n")
			a.work <- func() { a.message(text, "udp", func(raw string) { c.Write([]byte(a.spelled(raw, "udp"))) }) }
		}
	}()
	return c
}

// connection is the one to an address that it dialled, alive, or a new one.
func (a *agent) connection(to netip.AddrPort) *stream {
	s := a.dialled[to]
	if s != nil && !s.dead && !a.dialsAnew && established(s.Conn) {
		return s
	}
	d := net.Dialer{Timeout: 10 * time.Second, Control: a.setting().Control}
	if local, err := netip.ParseAddr(a.host); err == nil {
		port := 0
		if a.dialsFromListener {
			port = a.ports["tcp"]
			d.Control = a.setting([2]int{unix.SOL_SOCKET, unix.SO_REUSEADDR}, [2]int{unix.SOL_SOCKET, unix.SO_REUSEPORT}).Control
		}
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, uint16(port)))
	}
	c, err := d.Dial("tcp", to.String())
	if err != nil && a.dialsFromListener {
		d.LocalAddr = nil // one to there from this port is still in TIME_WAIT
		c, err = d.Dial("tcp", to.String())
	}
	if err != nil {
		return nil
	}
	s = &stream{Conn: c}
	a.dialled[to] = s
	go a.read(s)
	if a.onDial != nil {
		a.onDial(a, s)
	}
	return s
}

// established asks the kernel whether a connection is still one: its end may
// not have been read yet.
func established(c net.Conn) bool {
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		return true
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	_ = raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		alive = err == nil && info.State == unix.BPF_TCP_ESTABLISHED
	})
	return alive
}
