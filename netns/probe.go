package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/sip"
)

// probeBound is how long a probe waits for an answer. Inside a lab the answer
// to a segment is there when the system call that sent it returns, so this is
// for targets that nobody answers for.
const probeBound = time.Second

// Probe tries a target from this host: over TCP it connects, over UDP it
// sends the datagram CR LF CR LF, which SIP's listeners ignore (RFC 3261 7.5),
// from a fresh port of the source address. A connection is reset at once, so
// that no TIME-WAIT stays behind.
//
// Over TCP an accepted probe names the owner of the socket that took it. Over
// UDP, accepted means that the kernel of the target's host has a socket for
// this datagram, that no ICMP error came back and, where something can be lost
// on the way (routers, reverse path filters, faults), that the host's kernel
// delivered something in that moment.
//
// Every target is taken. One that no socket call takes (port 0, another
// family) is Unreachable; trouble of the probe itself is ProbeError.
func (h *Host) Probe(source netip.Addr, t sip.Target) model.Probe {
	return h.newProbe(source, t).do()
}

func (h *Host) newProbe(source netip.Addr, t sip.Target) *probe {
	return &probe{host: h, fd: -1, Probe: model.Probe{Carrier: t.Transport.Carrier(),
		Source: netip.AddrPortFrom(source, 0), Target: t.Addr}}
}

func (p *probe) do() model.Probe {
	// A process that another goroutine starts holds a copy of every descriptor
	// between its fork and its exec: closed here, the socket would live on for
	// a millisecond, and the next snapshot show it.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := p.run(); err != nil {
		p.fail(err)
	}
	p.close()
	return p.Probe
}

func (p *probe) close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
	p.fd = -1
}

// probe is a model.Probe being made.
type probe struct {
	model.Probe
	host    *Host
	fd      int
	orderly bool // it ends with a FIN, not with a RST
}

// errProbe marks trouble of the probe itself.
var errProbe = errors.New("probe")

func (p *probe) run() error {
	if p.Result, p.Detail = untouchable(p.Source.Addr(), p.Target); p.Result != model.ProbeNone {
		return nil
	}
	switch p.Carrier {
	case sip.CarrierTCP:
		return p.tcp()
	case sip.CarrierUDP:
		return p.udp()
	}
	return fmt.Errorf("%w: no way to try %s", errProbe, p.Carrier)
}

// untouchable tells of targets that no packet can be sent to.
func untouchable(source netip.Addr, target netip.AddrPort) (model.ProbeResult, string) {
	to := target.Addr()
	switch {
	case !source.IsValid():
		return model.ProbeError, "no source address"
	case !to.IsValid():
		return model.ProbeUnreachable, "no address"
	case to.Is4() != source.Is4():
		return model.ProbeUnreachable, fmt.Sprintf("%s is not of the family of %s", to, source)
	case target.Port() == 0:
		return model.ProbeUnreachable, "port 0"
	case to.IsUnspecified():
		// The kernel takes it for loopback: it is nobody's address.
		return model.ProbeUnreachable, "unspecified address"
	case to.IsMulticast():
		return model.ProbeUnreachable, "multicast address"
	}
	return model.ProbeNone, ""
}

// open makes the socket, on a port that is its own from now on.
func (p *probe) open(typ int) (err error) {
	p.fd, err = p.host.Socket(int(family(p.Source.Addr())), typ, 0)
	if err != nil {
		return fmt.Errorf("%w: %w", errProbe, err)
	}
	if err := unix.Bind(p.fd, p.host.sockaddr(p.Source)); err != nil {
		return fmt.Errorf("%w: bind to %s: %w", errProbe, p.Source.Addr(), err)
	}
	p.Source, err = localAddr(p.fd)
	if err != nil {
		return fmt.Errorf("%w: %w", errProbe, err)
	}
	return nil
}

func (p *probe) tcp() error {
	if err := p.open(unix.SOCK_STREAM); err != nil {
		return err
	}
	if reset := (unix.Linger{Onoff: 1}); !p.orderly {
		if err := unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &reset); err != nil {
			return fmt.Errorf("%w: set linger: %w", errProbe, err)
		}
	}
	err := unix.Connect(p.fd, p.host.sockaddr(p.Target))
	if errors.Is(err, unix.EINPROGRESS) {
		err = p.await(unix.POLLOUT)
	}
	if err != nil {
		return err
	}
	if p.Source == p.Target {
		p.Result = model.ProbeSelf
		return nil
	}
	p.Result = model.ProbeAccepted
	return p.findOwner()
}

// udp sends a datagram. The ICMP error about it, if any, has arrived when the
// write returns, unless this machine is so busy that the kernel put the work
// off, or has sent enough of them for this second (icmp(7), icmp_ratelimit).
// Hence silence is not taken for acceptance: the kernel of the target's host
// is asked who takes the datagram.
func (p *probe) udp() error {
	if err := p.open(unix.SOCK_DGRAM); err != nil {
		return err
	}
	if err := errors.Join(p.wantErrors(), unix.Connect(p.fd, p.host.sockaddr(p.Target))); err != nil {
		return err
	}
	if p.Source == p.Target {
		p.Result = model.ProbeSelf
		return nil
	}
	target := p.host.lab.hostOf(p.host, p.Target.Addr())
	lossy, before := target != nil && p.host.lab.lossy(), uint64(0)
	if lossy {
		n, err := target.delivered(p.Target.Addr().Is6())
		if err != nil {
			return fmt.Errorf("%w: %w", errProbe, err)
		}
		before = n
	}
	if _, err := unix.Write(p.fd, []byte("\r\n\r\n")); err != nil {
		return err
	}
	if err := p.pending(); err != nil {
		return err
	}
	if lossy {
		if err := p.arrives(target, before); err != nil {
			return err
		}
	}
	if target == nil {
		if err := p.await(0); err != nil {
			return err
		}
		return unix.ETIMEDOUT
	}
	taker, found, err := p.taker()
	if err == nil && !found {
		return fmt.Errorf("no socket takes the datagram: %w", unix.ECONNREFUSED)
	}
	p.Result, p.Owner = model.ProbeAccepted, taker
	return err
}
