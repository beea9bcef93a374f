package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// ProbeOrderly is Probe as a client that changed its mind would do it: a
// connection that was accepted is ended by a FIN, which a program reads as the
// end of the stream, and not by a RST, which some take for a failure of their
// listener. Then it waits until the program has accepted it and read its end,
// so that it takes no place in the queue any more; no longer than wait, since a
// program may have other things to do. No TIME-WAIT stays behind if the program
// closes its end by then.
func (h *Host) ProbeOrderly(source netip.Addr, t sip.Target, wait time.Duration) model.Probe {
	p := h.newProbe(source, t)
	if t.Transport.Carrier() != sip.CarrierTCP {
		return p.do()
	}
	p.orderly = true
	if err := p.run(); err != nil {
		p.fail(err)
	}
	defer p.close()
	if p.Result == model.ProbeAccepted {
		if err := p.leave(wait); err != nil {
			p.fail(fmt.Errorf("%w: end the connection: %w", errProbe, err))
		}
	}
	return p.Probe
}

// closeBound is how long a program may take to close what it has read the end
// of. One that takes longer keeps it, and TIME-WAIT stays behind: that is no
// harm, and is avoided for tidiness. A variable for tests only.
var closeBound = 5 * time.Millisecond

// leave ends an accepted connection.
func (p *probe) leave(wait time.Duration) error {
	if err := unix.Shutdown(p.fd, unix.SHUT_WR); err != nil {
		if errors.Is(err, unix.ENOTCONN) {
			return nil // the program has reset it meanwhile
		}
		return err
	}
	for end := time.Now().Add(wait); ; {
		if p.ended() && p.over() {
			return p.removeTimeWait()
		}
		known, err := p.known()
		if err != nil {
			return err
		}
		if now := time.Now(); known && end.After(now.Add(closeBound)) {
			end = now.Add(closeBound)
		}
		if !time.Now().Before(end) {
			return nil
		}
		// Its end wakes us. That it was only read does not, and is looked for.
		_, err = unix.Poll([]unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN | unix.POLLRDHUP}}, 1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// ended reports whether the program has ended the connection, too. What it says
// before is its own business.
func (p *probe) ended() bool {
	var scratch [4096]byte
	for {
		n, err := unix.Read(p.fd, scratch[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return false
		case err != nil, n == 0:
			return true
		}
	}
}

// over reports whether the kernel has put TIME-WAIT in the socket's place, or
// nothing. The end of the stream can be read a moment before (tcp_fin).
func (p *probe) over() bool {
	info, err := unix.GetsockoptTCPInfo(p.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err != nil || linux.State(info.State) == linux.StateClose
}

// known reports whether the program has accepted the connection and read its
// end, and keeps it all the same. (Reading the end counts as reading one byte:
// tcp_recvmsg_locked, net/ipv4/tcp.c.)
func (p *probe) known() (bool, error) {
	h := p.host.lab.hostOf(p.host, p.Target.Addr())
	if h == nil {
		return true, nil
	}
	s, found, err := h.diag.lookup(sip.CarrierTCP, p.Source, p.Target, h.arrival(p.Target.Addr()))
	return found && s.State == linux.StateCloseWait && s.Inode != 0 && s.Queue == 0, err
}

// removeTimeWait removes what is left of a connection that both have ended: a
// viewpoint is to look after a probe as it did before.
func (p *probe) removeTimeWait() error {
	p.close()
	err := p.host.Destroy(linux.Socket{Carrier: sip.CarrierTCP, V6: p.Source.Addr().Is6(), State: linux.StateTimeWait,
		Local: p.Source, Remote: p.Target, Device: p.host.Zone(p.Target.Addr()), Cookie: diagNoCookie})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
