package props

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// fakeVariable makes this test binary behave as a SIP user agent. Its value
// says with which manners.
const fakeVariable = "GREKA_FAKE_UA"

// fakeUA is the smallest user agent that can be hunted, written from the RFCs
// and not from package peer, on Go's own sockets. Its manners say in what it
// differs from an honest one. Everything happens under mu.
type fakeUA struct {
	manners
	name, host string
	bind       string         // what it listens on: host, or a wildcard
	network    string         // "", "6" for IPv6 only
	facing     netip.Addr     // whom it talks to at the moment
	registered map[string]int // how often, by the registrar's address and port
	ports      map[sip.Transport]uint16

	mu       sync.Mutex
	udp      net.PacketConn
	listener net.Listener
	conns    map[netip.AddrPort]net.Conn // that it dialled
	dialogs  map[string]*fakeDialog      // by Call-ID
	waiting  map[string]func(m *sip.Message)
	serial   int
	invites  int
	kept     []net.Conn
}

// way sends bytes to where a message came from, or to where one has to go.
type way func(raw string)

type fakeDialog struct {
	id, local, remote, target string
	routes                    []string
	cseq                      int
	acked, over               bool
	transport                 sip.Transport
}

// runFakeUA plays a user agent until its standard input ends:
//
//	NAME HOST UDP-PORT TCP-PORT BIND V6ONLY
func runFakeUA(how string, args []string) {
	u := &fakeUA{manners: mannersOf[how], name: args[0], host: args[1], bind: args[4], ports: map[sip.Transport]uint16{},
		conns: map[netip.AddrPort]net.Conn{}, dialogs: map[string]*fakeDialog{},
		waiting: map[string]func(*sip.Message){}, registered: map[string]int{}}
	if args[5] == "true" {
		u.network = "6"
	}
	for i, t := range []sip.Transport{sip.UDP, sip.TCP} {
		if port, _ := strconv.Atoi(args[2+i]); port != 0 {
			u.ports[t] = uint16(port)
			u.listen(t)
		}
	}
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		u.mu.Lock()
		u.told(strings.Fields(in.Text()))
		u.mu.Unlock()
	}
}

func (u *fakeUA) listen(t sip.Transport) {
	at := fmt.Sprintf("%s:%d", u.bind, u.ports[t])
	var err error
	if t == sip.UDP {
		if u.udp, err = net.ListenPacket("udp"+u.network, at); err == nil {
			go u.datagrams(u.udp)
			return
		}
	} else {
		var l net.Listener
		var how net.ListenConfig
		if u.drops {
			how.SetMultipathTCP(false) // such sockets have no such option
			how.Control = dropsAll
		}
		if l, err = how.Listen(context.Background(), "tcp"+u.network, at); err == nil {
			u.listener = l
			u.tune(l)
			u.restrict(l.(*net.TCPListener), at)
			if !u.full {
				go u.accept(l)
			}
			return
		}
	}
	panic(err)
}

func (u *fakeUA) datagrams(c net.PacketConn) {
	buf := make([]byte, 65536)
	for {
		time.Sleep(u.lag)
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		answers := c
		if u.otherPort {
			answers, _ = net.ListenPacket("udp", u.host+":0")
		}
		u.message(buf[:n], sip.UDP, from, func(raw string) { answers.WriteTo([]byte(raw), from) })
	}
}

func (u *fakeUA) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if u.slams {
			c.Close()
			continue
		}
		go func() { u.failed(u.stream(c, false)) }()
		time.Sleep(u.accepts)
	}
}

// stream reads a connection to its end.
func (u *fakeUA) stream(c net.Conn, dialled bool) error {
	defer c.Close()
	var buf []byte
	chunk := make([]byte, 65536)
	for {
		time.Sleep(u.lag)
		n, err := c.Read(chunk)
		if err != nil {
			return err
		}
		buf = append(buf, chunk[:n]...)
		for {
			skip, n, err := sip.FrameLength(buf)
			if err != nil {
				return err
			}
			if buf = buf[skip:]; n == 0 {
				break
			}
			if !dialled || !u.ignoresOnDialled || bytes.HasPrefix(buf, []byte("SIP/2.0 ")) {
				u.message(buf[:n], sip.TCP, c.RemoteAddr(), u.answers(c))
			}
			buf = buf[n:]
		}
	}
}

// gone reports whether a connection is dead already, which its reader may not
// have noticed yet.
func (u *fakeUA) gone(c net.Conn) bool {
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return true
	}
	state := 0
	err = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			state = int(info.State)
		}
	})
	return err != nil || state != unix.BPF_TCP_ESTABLISHED
}

func (u *fakeUA) down(c net.Conn) way {
	return func(raw string) {
		if !u.dribbles {
			fmt.Fprint(c, raw)
			return
		}
		for i := range raw {
			fmt.Fprint(c, raw[i:i+1])
		}
	}
}

func (u *fakeUA) message(raw []byte, t sip.Transport, from net.Addr, back way) {
	m, err := sip.ParseMessage(raw)
	if err != nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if a, err := netip.ParseAddrPort(from.String()); err == nil {
		u.facing = a.Addr().Unmap()
	}
	if u.instead != nil && m.Request {
		u.instead(u, &m, back)
		return
	}
	if !m.Request {
		u.response(&m)
		return
	}
	u.request(&m, func(raw string) { u.emit(back, raw, t) }, t)
}

// send finds the next hop of a request, by a URI, and sends it there.
func (u *fakeUA) send(raw, uri string) {
	target, err := targetOf(uri)
	if err != nil {
		return
	}
	u.emit(u.pathTo(target), raw, target.Transport)
}

func targetOf(uri string) (sip.Target, error) {
	parsed, err := sip.ParseURI(uri)
	if err != nil {
		return sip.Target{}, err
	}
	list, err := sip.Resolve(parsed)
	if err != nil {
		return sip.Target{}, err
	}
	return list[0], nil
}

func (u *fakeUA) pathTo(t sip.Target) way {
	if t.Transport == sip.UDP && u.socketPerRequest {
		return u.onceTo(t.Addr)
	}
	if t.Transport == sip.UDP {
		return func(raw string) { u.udp.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(t.Addr)) }
	}
	c := u.conns[t.Addr]
	if c == nil || u.dialsAnew {
		var err error
		if c, err = net.DialTimeout("tcp", t.Addr.String(), time.Second); err != nil {
			return func(string) {}
		}
		u.conns[t.Addr] = c
		go func() {
			u.stream(c, true)
			u.mu.Lock()
			defer u.mu.Unlock()
			if u.conns[t.Addr] == c {
				delete(u.conns, t.Addr)
			}
		}()
	}
	return func(raw string) {
		if !u.trusts && u.gone(c) {
			delete(u.conns, t.Addr)
			u.pathTo(t)(raw)
			return
		}
		u.down(c)(raw)
	}
}

func (u *fakeUA) at(t sip.Transport) string { return fmt.Sprintf("%s:%d", u.own(), u.ports[t]) }

// own is the address that it hands out: the one that it was told of, or, on a
// wildcard, the one that the kernel sends from to whom it talks to.
func (u *fakeUA) own() string {
	if u.bind == u.host || u.trustsConfig || !u.facing.IsValid() {
		return u.host
	}
	c, err := net.Dial("udp", netip.AddrPortFrom(u.facing, 9).String())
	if err != nil {
		return u.host
	}
	defer c.Close()
	host, _, _ := net.SplitHostPort(c.LocalAddr().String())
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (u *fakeUA) contactFor(message string, t sip.Transport) string {
	uri := fmt.Sprintf("sip:%s@%s", u.name, u.at(t))
	if t == sip.TCP {
		uri += ";transport=tcp"
	}
	if u.contact != nil {
		return u.contact(u, message, uri)
	}
	return "<" + uri + ">"
}

// unique is so after a restart too (RFC 3261 8.1.1.7): process numbers in a lab
// are the same each time.
func (u *fakeUA) unique() string {
	u.serial++
	return fmt.Sprintf("%s%d-%d", u.name, fakeStart, u.serial)
}

var fakeStart = time.Now().UnixNano()

// told does what standard input says.
func (u *fakeUA) told(words []string) {
	switch words[0] {
	case "register":
		u.register(words[2], transportNamed(words[1]))
	case "call":
		u.call(words[2], words[len(words)-1], transportNamed(words[1]))
	case "hangup":
		for _, d := range u.dialogs {
			if !d.over {
				d.over = true
				u.inDialog(d, "BYE")
			}
		}
	}
}

func transportNamed(s string) sip.Transport {
	t, _ := sip.ParseTransport(s)
	return t
}

// headers writes the head of a request up to CSeq.
func (u *fakeUA) headers(method, uri string, t sip.Transport, from, to, id string, cseq int) (text, branch string) {
	branch = "z9hG4bK" + u.unique()
	return fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/%s %s;branch=%s;rport\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, uri, strings.ToUpper(t.String()), u.at(t), branch, from, to, id, cseq, method), branch
}

const noBody = "Content-Length: 0\r\n\r\n"
