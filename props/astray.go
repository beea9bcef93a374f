package props

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/netip"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// look plays a scenario, and once more where that is of use.
func (p *player) look(ctx context.Context, sc *scenario.Scenario) *Played {
	out := p.once(ctx, sc)
	if out.Broken == "" && puzzling(out) && !p.record {
		return p.closer(ctx, sc, out)
	}
	return out
}

// closer plays a scenario again in which a call came to nothing and nothing says
// why: with a capture, so that a request of the judged element is seen that
// came to none of ours, and without probes, so that what dials is not we. The
// first play stays if that does not explain it.
func (p *player) closer(ctx context.Context, sc *scenario.Scenario, first *Played) *Played {
	q := *p
	q.record, q.unprobed = true, true
	again := q.once(ctx, sc)
	for _, v := range again.Verdicts {
		if v.Class == model.Misrouted && v.Severity == model.Finding && again.Broken == "" {
			return again
		}
	}
	return first
}

// astray notes the requests inside a dialog that the judged element sent to
// where none of ours is: datagrams, and connections that nobody took.
func (s *session) astray(packets []byte) {
	judged := s.sc.SUT()
	if judged == nil {
		return
	}
	dialled := map[[2]netip.AddrPort]bool{} // a SYN is captured on each interface that it crosses, and is sent again
	eachPacket(packets, func(frame []byte) {
		seg, ok := segmentOf(frame)
		ends := [2]netip.AddrPort{seg.from, seg.to}
		switch {
		case !ok || seg.from.Addr() != s.sc.ElementAddr(judged.Name):
		case seg.transport == sip.UDP:
			s.strayDatagram(judged.Name, seg)
		case seg.syn && !dialled[ends]:
			dialled[ends] = true
			s.strayDial(judged.Name, seg)
		}
	})
}

func (s *session) strayDatagram(judged string, seg segment) {
	m, err := sip.ParseMessage(seg.payload)
	if err != nil || !m.Request || m.User("From") != judged || !m.Tagged() || s.passedOn(judged, &m) {
		return
	}
	id, _ := m.Get("Call-ID")
	s.strayed(id, m.Method, seg, len(seg.payload))
}

// strayDial takes a dial that came to nothing for the request that is missing:
// none of ours dials so, since the place is where the dialog's requests go by
// another transport.
func (s *session) strayDial(judged string, seg segment) {
	last := len(s.obs.Snapshots) - 1
	if last < 0 || len(s.obs.Outcomes) == 0 {
		return
	}
	out := s.obs.Outcomes[len(s.obs.Outcomes)-1]
	if out.Completed() || linux.Lookup(&s.obs.Snapshots[last], s.sc.SUT().Host, sip.CarrierTCP, netip.AddrPortFrom(seg.from.Addr(), 0), seg.to).Takes() {
		return
	}
	c, _ := s.sc.Steps[out.Step].(scenario.Call)
	for id, d := range s.traffic.dialogs {
		method := "BYE"
		if c.From == judged && !out.Acked && !s.hasSending(id, "ACK") {
			method = "ACK"
		}
		if _, _, next := sip.InDialog(d.routeSet, d.target); leadsTo(next, seg.to) && d.step == out.Step {
			s.strayed(id, method, seg, 0)
		}
	}
}

// leadsTo reports whether a URI leads to an address, if over UDP.
func leadsTo(uri string, to netip.AddrPort) bool {
	t, err := sip.TargetOf(uri)
	return err == nil && t == sip.Target{Transport: sip.UDP, Addr: to}
}

// strayed enters a request that was not seen to arrive.
func (s *session) strayed(callID, method string, seg segment, size int) {
	d := s.traffic.dialogs[callID]
	if d == nil || s.hasSending(callID, method) {
		return
	}
	s.obs.Sendings = append(s.obs.Sendings, model.Sending{Method: method, Sender: s.sc.SUT().Name, CallID: callID,
		RouteSet: d.routeSet, RemoteTarget: d.target, Size: size, Transport: seg.transport, To: seg.to, Step: d.step})
}

// segment is what of a packet matters here.
type segment struct {
	transport sip.Transport
	from, to  netip.AddrPort
	syn       bool   // TCP: the first of a connection
	payload   []byte // UDP
}

// eachPacket reads the frames of a capture (the packet blocks of a pcapng file).
func eachPacket(file []byte, do func(frame []byte)) {
	const packetBlock, head = 6, 28
	for len(file) >= 12 {
		size := int(binary.LittleEndian.Uint32(file[4:]))
		if size < 12 || size > len(file) {
			return
		}
		if b := file[:size]; binary.LittleEndian.Uint32(b) == packetBlock && size >= head+4 {
			if n := int(binary.LittleEndian.Uint32(b[20:])); n <= size-head-4 {
				do(b[head : head+n])
			}
		}
		file = file[size:]
	}
}

// segmentOf reads an Ethernet frame with IPv4 or IPv6 and UDP or TCP in it.
// Fragments and extension headers are not followed.
func segmentOf(frame []byte) (s segment, ok bool) {
	const ethernet, ipv6 = 14, 40
	if len(frame) < ethernet+20 {
		return s, false
	}
	p := frame[ethernet:]
	var src, dst netip.Addr
	var next byte
	switch {
	case bytes.Equal(frame[12:14], []byte{0x08, 0x00}):
		src, dst, next = netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20])), p[9]
		if n := int(p[0]&15) * 4; n >= 20 && n <= len(p) {
			p = p[n:]
		}
	case bytes.Equal(frame[12:14], []byte{0x86, 0xdd}) && len(p) >= ipv6:
		src, dst, next = netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40])), p[6]
		p = p[ipv6:]
	default:
		return s, false
	}
	if len(p) < 14 {
		return s, false
	}
	s.from = netip.AddrPortFrom(src, binary.BigEndian.Uint16(p))
	s.to = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(p[2:]))
	switch next {
	case 17:
		s.transport, s.payload = sip.UDP, p[8:]
	case 6:
		const syn, ack = 2, 16
		s.transport, s.syn = sip.TCP, p[13]&(syn|ack) == syn
	default:
		return s, false
	}
	return s, true
}
