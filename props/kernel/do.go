package kernel

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

var payload = []byte("grek")

// do plays a step on real sockets. An error is trouble of the harness.
func (p *player) do(st scenario.Step) (linux.Errno, error) {
	switch st := st.(type) {
	case scenario.OpenSocket:
		return linux.OK, p.open(st)
	case scenario.RemoveAddr:
		return p.remove(st)
	case scenario.FilterPort:
		p.changed = true
		return linux.OK, p.lab.Host(st.Host).Filter(st.Carrier, st.Port)
	case scenario.AcceptSocket:
		return p.with(st.Listener, func(fd int) error { return p.accept(fd, st) })
	case scenario.SetOption:
		return p.with(st.Socket, func(fd int) error { return setOption(fd, st) })
	case scenario.BindSocket:
		return p.with(st.Socket, func(fd int) error { return unix.Bind(fd, p.sockaddr(st.Socket, st.At)) })
	case scenario.ListenSocket:
		return p.with(st.Socket, func(fd int) error { return unix.Listen(fd, int(st.Backlog)) })
	case scenario.DialSocket:
		return p.with(st.Socket, func(fd int) error { return dial(fd, p.sockaddr(st.Socket, st.To)) })
	case scenario.SendSocket:
		return p.with(st.Socket, func(fd int) error { return unix.Send(fd, payload, unix.MSG_NOSIGNAL) })
	case scenario.SendTo:
		return p.with(st.Socket, func(fd int) error {
			return unix.Sendto(fd, payload, unix.MSG_NOSIGNAL, p.sockaddr(st.Socket, st.To))
		})
	case scenario.ReadSocket:
		return p.with(st.Socket, read)
	case scenario.ShutdownSocket:
		return p.with(st.Socket, func(fd int) error { return unix.Shutdown(fd, int(st.Sides)-1) })
	case scenario.UndialSocket:
		return p.with(st.Socket, undial)
	case scenario.CloseSocket:
		return p.with(st.Socket, func(fd int) error {
			delete(p.fds, st.Socket)
			return unix.Close(fd)
		})
	case scenario.DestroySocket:
		return p.destroy(st.Socket)
	}
	return linux.OK, fmt.Errorf("%T is no socket step", st)
}

// with acts on a socket and makes an errno of the outcome.
func (p *player) with(name string, f func(fd int) error) (linux.Errno, error) {
	fd, ok := p.fds[name]
	if !ok {
		return linux.EBADF, nil
	}
	return errnoOf(f(fd))
}

func errnoOf(err error) (linux.Errno, error) {
	var e unix.Errno
	switch {
	case err == nil:
		return linux.OK, nil
	case errors.Is(err, unix.EOPNOTSUPP):
		return linux.EOPNOTSUPP, nil // ErrnoName prefers its alias
	case errors.As(err, &e):
		return linux.Errno(unix.ErrnoName(e)), nil
	}
	return linux.OK, err
}

func (p *player) open(st scenario.OpenSocket) error {
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if st.Family == scenario.IPv6 {
		domain = unix.AF_INET6
	}
	if st.Carrier == sip.CarrierUDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := p.lab.Host(st.Host).Socket(domain, typ, 0)
	if err != nil {
		return err
	}
	if st.Carrier == sip.CarrierTCP {
		// Otherwise a short segment waits for the acknowledgement of the one
		// before it (Nagle), which a timer sends. Connections inherit it.
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	p.family[st.Name], p.host[st.Name] = st.Family, st.Host
	return p.know(st.Name, fd)
}

// know remembers a socket by its name and its inode.
func (p *player) know(name string, fd int) error {
	var stat unix.Stat_t
	p.fds[name] = fd
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	p.names[stat.Ino] = name
	return nil
}

func (p *player) accept(fd int, st scenario.AcceptSocket) error {
	c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return err
	}
	p.family[st.Name], p.host[st.Name] = p.family[st.Listener], p.host[st.Listener]
	return p.know(st.Name, c)
}

func setOption(fd int, st scenario.SetOption) error {
	on := 1
	if st.Off {
		on = 0
	}
	switch st.Option {
	case scenario.OptionReuseAddr:
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, on)
	case scenario.OptionReusePort:
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, on)
	case scenario.OptionV6Only:
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, on)
	case scenario.OptionLinger0:
		return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: int32(on)})
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, int(st.Device))
}

// dial connects without waiting. What came of it is known when the call has
// returned, since all the packets went to and fro meanwhile; a second call
// fetches it, as poll and SO_ERROR would. If that one says that it is still
// going on, nobody has answered.
func dial(fd int, to unix.Sockaddr) error {
	err := unix.Connect(fd, to)
	if err != unix.EINPROGRESS {
		return err
	}
	if err = unix.Connect(fd, to); err == unix.EALREADY {
		return unix.EINPROGRESS
	}
	return err
}

// undial connects to AF_UNSPEC, which unix.Connect has no address for.
func undial(fd int) error {
	to := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	if _, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&to)), unsafe.Sizeof(to)); e != 0 {
		return e
	}
	return nil
}

func read(fd int) error {
	var buf [1 << 12]byte
	_, _, err := unix.Recvfrom(fd, buf[:], 0)
	return err
}

// sockaddr writes an endpoint for a socket's family. An IPv6 address for an
// IPv4 socket stays one: the kernel refuses it.
func (p *player) sockaddr(socket string, e scenario.Endpoint) unix.Sockaddr {
	port := int(e.Port)
	if e.Of != "" {
		port = int(p.localPort(e.Of))
	}
	if e.Addr.Is4() && p.family[socket] == scenario.IPv4 {
		return &unix.SockaddrInet4{Port: port, Addr: e.Addr.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: e.Addr.As16()}
}

// localPort is a socket's port as the kernel tells it, 0 if it has none or is
// gone. The model knows better where a dead connection gave its port back.
func (p *player) localPort(name string) uint16 {
	if s, ok := p.models[0].Socket(name); !ok || s.Local.Port() == 0 {
		return 0
	}
	fd, ok := p.fds[name]
	if !ok {
		return 0
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		return 0
	}
	return addrPort(at).Port()
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func (p *player) remove(st scenario.RemoveAddr) (linux.Errno, error) {
	p.changed = true
	return errnoOf(p.lab.Host(st.Host).RemoveAddr(st.Addr))
}

// destroy finds a socket in sock_diag and has it destroyed.
func (p *player) destroy(name string) (linux.Errno, error) {
	if _, ok := p.fds[name]; !ok {
		return linux.EBADF, nil
	}
	snap, err := p.lab.Raw()
	if err != nil {
		return linux.OK, err
	}
	h := snap.Host(p.host[name])
	for _, s := range h.Sockets {
		if s.Inode != 0 && p.names[s.Inode] == name {
			return errnoOf(p.lab.Host(h.Host).Destroy(s))
		}
	}
	return linux.ENOENT, nil
}
