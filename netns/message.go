package netns

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

var native = binary.NativeEndian

// batch collects netlink requests that are sent in one write. Only the last
// one is acknowledged, unless one before it fails: errors are always reported.
type batch struct {
	buf   []byte
	start int      // where the header of the request being written begins
	what  []string // what each request does, by its place, for errors
}

// request begins a new message. what completes the sentence "cannot …".
func (b *batch) request(typ, flags uint16, what string) {
	b.finish()
	b.start = len(b.buf)
	b.what = append(b.what, what)
	b.u32(0)
	b.u16(typ)
	b.u16(flags | unix.NLM_F_REQUEST)
	b.u32(uint32(len(b.what)))
	b.u32(0)
}

// finish pads the request being written and fills in its length.
func (b *batch) finish() {
	if len(b.buf) == b.start {
		return
	}
	native.PutUint32(b.buf[b.start:], uint32(len(b.buf)-b.start))
	b.pad()
}

// bytes ends the batch, asks for an acknowledgement of its last request and
// returns what is to be written.
func (b *batch) bytes() []byte {
	b.finish()
	flags := b.buf[b.start+6:]
	native.PutUint16(flags, native.Uint16(flags)|unix.NLM_F_ACK)
	return b.buf
}

func (b *batch) u8(v ...byte) { b.buf = append(b.buf, v...) }
func (b *batch) u16(v uint16) { b.buf = native.AppendUint16(b.buf, v) }
func (b *batch) u32(v uint32) { b.buf = native.AppendUint32(b.buf, v) }
func (b *batch) u64(v uint64) { b.buf = native.AppendUint64(b.buf, v) }

func (b *batch) pad() {
	for len(b.buf)%unix.NLMSG_ALIGNTO != 0 {
		b.buf = append(b.buf, 0)
	}
}

// attr appends one attribute.
func (b *batch) attr(typ uint16, value []byte) {
	b.u16(uint16(unix.SizeofRtAttr + len(value)))
	b.u16(typ)
	b.u8(value...)
	b.pad()
}

func (b *batch) attrU32(typ uint16, v uint32)      { b.attr(typ, native.AppendUint32(nil, v)) }
func (b *batch) attrName(typ uint16, s string)     { b.attr(typ, append([]byte(s), 0)) }
func (b *batch) attrAddr(typ uint16, a netip.Addr) { b.attr(typ, a.AsSlice()) }

// nest appends an attribute whose value is what f appends.
func (b *batch) nest(typ uint16, f func()) {
	at := len(b.buf)
	b.u16(0)
	b.u16(typ | unix.NLA_F_NESTED)
	f()
	native.PutUint16(b.buf[at:], uint16(len(b.buf)-at))
}

// attributes calls f for each attribute in p and stops at the first one that
// is cut off.
func attributes(p []byte, f func(typ uint16, value []byte)) {
	for len(p) >= unix.SizeofRtAttr {
		n := int(native.Uint16(p))
		if n < unix.SizeofRtAttr || n > len(p) {
			return
		}
		f(native.Uint16(p[2:])&^(unix.NLA_F_NESTED|unix.NLA_F_NET_BYTEORDER), p[unix.SizeofRtAttr:n])
		p = p[min(align(n), len(p)):]
	}
}

func align(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }
