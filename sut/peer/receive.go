package peer

import (
	"errors"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

func (w *World) receive(s *sock) {
	var oob [128]byte
	for range maxReads {
		n, oobn, _, sa, err := unix.Recvmsg(s.fd, w.scratch, oob[:], 0)
		if err != nil {
			return
		}
		raw := append([]byte(nil), w.scratch[:n]...)
		local := s.local
		if a := arrivedAt(oob[:oobn]); s.wildcard() && a.IsValid() {
			local = netip.AddrPortFrom(a, local.Port())
		}
		s.owner.take(raw, s, local, addrPort(sa))
		if w.socks[s.fd] != s {
			return // the element closed it while it acted
		}
	}
}

func (w *World) read(s *sock) {
	for range maxReads {
		n, err := unix.Read(s.fd, w.scratch)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil || n == 0 {
			w.drop(s)
			s.over(err)
			return
		}
		unix.SetsockoptInt(s.fd, unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
		s.clients = slices.DeleteFunc(s.clients, func(tx *clientTx) bool { return tx.answer == nil }) // who talks has read their ACKs
		s.buf = append(s.buf, w.scratch[:n]...)
		if !w.frames(s) {
			return
		}
	}
}

// frames hands over each whole message in a connection's buffer. It reports
// whether the connection is still there.
func (w *World) frames(s *sock) bool {
	for {
		skip, n, err := sip.FrameLength(s.buf)
		if len(s.buf) > maxBuffered || err != nil && len(s.buf) >= sip.MaxHead {
			w.failCurrent("%s got a message that is too large: its first %d bytes are none", s.owner.el.Name, len(s.buf))
		}
		if err != nil || len(s.buf) > maxBuffered {
			w.drop(s) // a stream that lost its framing is of no use any more
			return false
		}
		s.buf = s.buf[skip:]
		if n == 0 {
			return true
		}
		raw := append([]byte(nil), s.buf[:n]...)
		s.buf = s.buf[n:]
		s.owner.take(raw, s, s.local, s.remote)
		if w.socks[s.fd] != s {
			return false
		}
	}
}

// datagramErrors takes ICMP errors off a UDP socket: each belongs to a
// datagram that was sent and is lost.
func (w *World) datagramErrors(s *sock) {
	var p, oob [512]byte
	for {
		n, _, _, to, err := unix.Recvmsg(s.fd, p[:], oob[:], unix.MSG_ERRQUEUE)
		if err != nil {
			return
		}
		s.owner.unreachable(addrPort(to), p[:max(n, 0)])
	}
}
