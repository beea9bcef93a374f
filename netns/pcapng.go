package netns

import (
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"time"
)

// The blocks of a pcapng file that captures need
// (draft-ietf-opsawg-pcapng, 4.1 to 4.5), written little-endian.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockNames     = 4
	blockPacket    = 6

	optEnd       = 0
	optComment   = 1
	optName      = 2 // if_name
	optTimeUnit  = 9 // if_tsresol
	linkEthernet = 1
)

// pcapng writes packets in the format that Wireshark reads.
type pcapng struct {
	w          io.Writer
	interfaces map[string]uint32
}

func newPcapng(w io.Writer) (*pcapng, error) {
	p := &pcapng{w: w, interfaces: map[string]uint32{}}
	var body []byte
	body = binary.LittleEndian.AppendUint32(body, 0x1a2b3c4d) // byte order
	body = binary.LittleEndian.AppendUint16(body, 1)          // version 1.0
	body = binary.LittleEndian.AppendUint16(body, 0)
	body = binary.LittleEndian.AppendUint64(body, ^uint64(0)) // length not said
	return p, p.block(blockSection, body)
}

// names writes what addresses are called (a name resolution block).
func (p *pcapng) names(of map[netip.Addr]string) error {
	addrs := slices.SortedFunc(maps.Keys(of), netip.Addr.Compare)
	if len(addrs) == 0 {
		return nil
	}
	var body []byte
	for _, a := range addrs {
		kind := uint16(1) // nrb_record_ipv4
		if a.Is6() {
			kind = 2
		}
		body = option(body, kind, append(append(a.AsSlice(), of[a]...), 0))
	}
	return p.block(blockNames, option(body, optEnd, nil)) // nrb_record_end has the same form
}

// packet writes one packet as seen on an interface, which is declared when its
// first packet comes, and what is to be said of it.
func (p *pcapng) packet(iface string, at time.Time, data []byte, comment string) error {
	id, err := p.iface(iface)
	if err != nil {
		return err
	}
	ns := uint64(at.UnixNano())
	var body []byte
	for _, v := range []uint32{id, uint32(ns >> 32), uint32(ns), uint32(len(data)), uint32(len(data))} {
		body = binary.LittleEndian.AppendUint32(body, v)
	}
	body = padded(append(body, data...))
	if comment != "" {
		body = option(option(body, optComment, []byte(comment)), optEnd, nil)
	}
	return p.block(blockPacket, body)
}

func (p *pcapng) iface(name string) (uint32, error) {
	if id, ok := p.interfaces[name]; ok {
		return id, nil
	}
	id := uint32(len(p.interfaces))
	p.interfaces[name] = id
	body := []byte{linkEthernet, 0, 0, 0, 0, 0, 0, 0} // no limit to a packet's length
	body = option(body, optName, []byte(name))
	body = option(body, optTimeUnit, []byte{9}) // nanoseconds
	body = option(body, optEnd, nil)
	return id, p.block(blockInterface, body)
}

func option(body []byte, code uint16, value []byte) []byte {
	body = binary.LittleEndian.AppendUint16(body, code)
	body = binary.LittleEndian.AppendUint16(body, uint16(len(value)))
	return padded(append(body, value...))
}

// block writes one block: type, length, body, length.
func (p *pcapng) block(typ uint32, body []byte) error {
	body = padded(body)
	length := uint32(12 + len(body))
	b := binary.LittleEndian.AppendUint32(nil, typ)
	b = binary.LittleEndian.AppendUint32(b, length)
	b = append(b, body...)
	b = binary.LittleEndian.AppendUint32(b, length)
	if _, err := p.w.Write(b); err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	return nil
}

func padded(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
