package scenario

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/sip"
)

// The text of the socket steps.

func init() {
	addStep("socket", "NAME HOST udp|tcp 4|6", readOpen, writeOpen, checkOpen)
	addStep("option", "SOCKET reuseaddr|reuseport|v6only|linger0 on|off, or device NUMBER", readOption, writeOption,
		func(c *checker, s SetOption) { c.socket(1, s.Socket) })
	addStep("bind", "SOCKET ADDRESS:PORT|ADDRESS:@SOCKET",
		func(l *textLine) BindSocket { return BindSocket{l.socket(), l.endpoint()} },
		func(s BindSocket) []string { return []string{s.Socket, s.At.String()} },
		func(c *checker, s BindSocket) { c.socket(1, s.Socket); c.endpoint(2, s.At) })
	addStep("listen", "SOCKET BACKLOG", readListen,
		func(s ListenSocket) []string { return []string{s.Socket, strconv.Itoa(int(s.Backlog))} },
		checkListen)
	addStep("dial", "SOCKET ADDRESS:PORT|ADDRESS:@SOCKET",
		func(l *textLine) DialSocket { return DialSocket{l.socket(), l.endpoint()} },
		func(s DialSocket) []string { return []string{s.Socket, s.To.String()} },
		func(c *checker, s DialSocket) { c.socket(1, s.Socket); c.endpoint(2, s.To) })
	addStep("accept", "LISTENER NAME",
		func(l *textLine) AcceptSocket {
			return AcceptSocket{l.socket(), l.name("a name for the connection")}
		},
		func(s AcceptSocket) []string { return []string{s.Listener, s.Name} },
		func(c *checker, s AcceptSocket) { c.socket(1, s.Listener); c.define(2, s.Name) })
	addSendSteps()
	addStep("remove", "HOST ADDRESS", readRemove,
		func(s RemoveAddr) []string { return []string{s.Host, s.Addr.String()} },
		func(c *checker, s RemoveAddr) { c.host(1, s.Host) })
	addStep("filter", "HOST udp|tcp:PORT",
		func(l *textLine) FilterPort {
			host, at := l.name("the name of a host"), l.listen()
			return FilterPort{host, at.Transport.Carrier(), at.Port}
		},
		func(s FilterPort) []string {
			return []string{s.Host, s.Carrier.String() + ":" + strconv.Itoa(int(s.Port))}
		},
		func(c *checker, s FilterPort) { c.host(1, s.Host) })
}

// addSendSteps adds the steps of a conversation and of its end.
func addSendSteps() {
	addStep("sendto", "SOCKET ADDRESS:PORT|ADDRESS:@SOCKET",
		func(l *textLine) SendTo { return SendTo{l.socket(), l.endpoint()} },
		func(s SendTo) []string { return []string{s.Socket, s.To.String()} },
		func(c *checker, s SendTo) { c.socket(1, s.Socket); c.endpoint(2, s.To) })
	addStep("shutdown", "SOCKET read|write|both", readShutdown,
		func(s ShutdownSocket) []string { return []string{s.Socket, s.Sides.String()} },
		func(c *checker, s ShutdownSocket) { c.socket(1, s.Socket) })
	addSocketStep("send", func(n string) SendSocket { return SendSocket{n} }, func(s SendSocket) string { return s.Socket })
	addSocketStep("read", func(n string) ReadSocket { return ReadSocket{n} }, func(s ReadSocket) string { return s.Socket })
	addSocketStep("close", func(n string) CloseSocket { return CloseSocket{n} }, func(s CloseSocket) string { return s.Socket })
	addSocketStep("undial", func(n string) UndialSocket { return UndialSocket{n} }, func(s UndialSocket) string { return s.Socket })
	addSocketStep("destroy", func(n string) DestroySocket { return DestroySocket{n} }, func(s DestroySocket) string { return s.Socket })
}

// addSocketStep adds a step that says no more than which socket.
func addSocketStep[T Step](word string, with func(string) T, name func(T) string) {
	addStep(word, "SOCKET",
		func(l *textLine) T { return with(l.socket()) },
		func(s T) []string { return []string{name(s)} },
		func(c *checker, s T) { c.socket(1, name(s)) })
}

func readOpen(l *textLine) OpenSocket {
	s := OpenSocket{Name: l.name("a name for the socket"), Host: l.name("the name of a host"), Carrier: l.carrier()}
	if s.Carrier == 0 {
		l.fail("udp or tcp")
	}
	switch l.take("4 or 6") {
	case "4":
		s.Family = IPv4
	case "6":
		s.Family = IPv6
	default:
		l.back("4 or 6")
	}
	return s
}

func writeOpen(s OpenSocket) []string {
	return []string{s.Name, s.Host, s.Carrier.String(), strconv.Itoa(int(s.Family))}
}

func checkOpen(c *checker, s OpenSocket) {
	c.host(2, s.Host)
	if _, ok := sip.ParseCarrier(s.Carrier.String()); !ok {
		c.fail(3, s.Carrier.String(), "udp or tcp")
	}
	if s.Family != IPv4 && s.Family != IPv6 {
		c.fail(4, strconv.Itoa(int(s.Family)), "4 or 6")
	}
	c.define(1, s.Name)
}

var optionNamesByOption = [...]string{"", "reuseaddr", "reuseport", "v6only", "device", "linger0"}

// String returns the option's name as a scenario has it.
func (o Option) String() string {
	if int(o) < len(optionNamesByOption) {
		return optionNamesByOption[o]
	}
	return "?"
}

func readOption(l *textLine) SetOption {
	s := SetOption{Socket: l.socket()}
	const want = "reuseaddr, reuseport, v6only, linger0 or device"
	s.Option = Option(max(0, slices.Index(optionNamesByOption[:], l.take(want))))
	switch s.Option {
	case 0:
		l.back(want)
	case OptionDevice:
		s.Device = l.number("the number of a device, 0 for none")
	default:
		switch l.take("on or off") {
		case "on":
		case "off":
			s.Off = true
		default:
			l.back("on or off")
		}
	}
	return s
}

func writeOption(s SetOption) []string {
	switch {
	case s.Option == OptionDevice:
		return []string{s.Socket, s.Option.String(), strconv.Itoa(int(s.Device))}
	case s.Off:
		return []string{s.Socket, s.Option.String(), "off"}
	}
	return []string{s.Socket, s.Option.String(), "on"}
}

func readListen(l *textLine) ListenSocket {
	return ListenSocket{l.socket(), l.number("the backlog, from 0 to 4096")}
}

func checkListen(c *checker, s ListenSocket) {
	c.socket(1, s.Socket)
	if s.Backlog > MaxBacklog {
		c.fail(2, strconv.Itoa(int(s.Backlog)), "a backlog of at most "+strconv.Itoa(MaxBacklog))
	}
}

var sideNames = [...]string{"", "read", "write", "both"}

// String returns the directions' name as a scenario has it.
func (s Sides) String() string { return sideNames[s&BothSides] }

func readShutdown(l *textLine) ShutdownSocket {
	s := ShutdownSocket{Socket: l.socket()}
	s.Sides = Sides(max(0, slices.Index(sideNames[:], l.take("read, write or both"))))
	if s.Sides == 0 {
		l.back("read, write or both")
	}
	return s
}

func readRemove(l *textLine) RemoveAddr {
	s := RemoveAddr{Host: l.name("the name of a host")}
	a, err := netip.ParseAddr(l.take("an address"))
	if err != nil || a.Zone() != "" || a.Is4In6() {
		l.back("an address")
	}
	s.Addr = a
	return s
}

// String returns the endpoint as a scenario has it: 10.77.0.1:5060,
// [fd77::1]:@c.
func (e Endpoint) String() string {
	text := netip.AddrPortFrom(e.Addr, e.Port).String()
	if e.Of != "" {
		text = text[:strings.LastIndexByte(text, ':')+1] + "@" + e.Of
	}
	return text
}

func (l *textLine) endpoint() Endpoint {
	const want = "ADDRESS:PORT or ADDRESS:@SOCKET, as in 10.77.0.1:5060"
	word := l.take(want)
	address, of, named := strings.Cut(word, ":@")
	if named {
		word = address + ":0"
	}
	at, err := netip.ParseAddrPort(word)
	if err != nil || at.Addr().Zone() != "" || at.Addr().Is4In6() || named && !validName(of) {
		l.back(want)
		return Endpoint{}
	}
	if !named && at.String() != word {
		l.back(at.String())
	}
	return Endpoint{at.Addr(), at.Port(), of}
}

func (l *textLine) socket() string { return l.name("the name of a socket") }

func (l *textLine) number(want string) uint32 {
	word := l.take(want)
	n, err := strconv.ParseUint(word, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != word {
		l.back(want)
	}
	return uint32(n)
}

// socketName keeps the sockets apart from what else steps may name.
func socketName(name string) string { return "socket " + name }

// define takes a name for a socket that the current step makes.
func (c *checker) define(word int, name string) {
	if _, taken := c.defined[socketName(name)]; taken || !validName(name) {
		c.fail(word, name, "a name ("+nameRule+") that no socket has")
	}
	c.defined[socketName(name)] = c.index
}

// socket demands that an earlier step has made a socket.
func (c *checker) socket(word int, name string) {
	if _, ok := c.defined[socketName(name)]; !ok {
		c.fail(word, name, "a socket that an earlier step has made")
	}
}

func (c *checker) endpoint(word int, e Endpoint) {
	if e.Of != "" {
		c.socket(word, e.Of)
	}
	if !e.Addr.IsValid() || e.Addr.Is4In6() {
		c.fail(word, e.String(), "an IPv4 or IPv6 address")
	}
}
