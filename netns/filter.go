package netns

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// From linux/netfilter/nf_tables.h, which golang.org/x/sys/unix has in part.
const (
	nftTable, nftChain = "greka", "in"

	tcpFlagsOffset   = 13
	tcpFlagSYN       = 0x02
	tcpFlagSYNAndACK = 0x12
)

// Filter drops without a word every SYN or datagram that comes to a port of
// the host from another one. Connections that exist go on. Only the reset of a
// pool undoes it.
func (h *Host) Filter(t sip.Carrier, port uint16) error {
	if err := h.addRule(func(b *batch) { nftDrop(b, t, port) }); err != nil {
		return fmt.Errorf("netns: host %s: filter %s port %d: %w", h.name, t, port, err)
	}
	return nil
}

// netfilter is the netlink socket to the host's packet filter. It is opened
// when it is needed first and stays: to close one takes the kernel a while.
func (h *Host) netfilter() (*conn, error) {
	h.mu.Lock()
	c := h.filter
	h.mu.Unlock()
	if c != nil {
		return c, nil
	}
	err := h.inside(func() (err error) {
		c, err = newConn(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.filter != nil || h.closed { // somebody else was quicker
		defer c.close()
		return h.filter, choose(h.closed, errClosed, nil)
	}
	h.filter = c
	return c, nil
}

// nftDrop appends the expressions of: arrives not by lo, is of the transport,
// has the port (and, for TCP, is a SYN without ACK): drop.
func nftDrop(b *batch, t sip.Carrier, port uint16) {
	nftMeta(b, unix.NFT_META_IIF)
	nftCompare(b, unix.NFT_CMP_NEQ, native.AppendUint32(nil, loopbackDevice))
	nftCarrier(b, t)
	nftPayload(b, nftPayloadSegment, toPort, 2)
	nftCompare(b, unix.NFT_CMP_EQ, binary.BigEndian.AppendUint16(nil, port))
	if t == sip.CarrierTCP {
		nftFlags(b, tcpFlagSYNAndACK, tcpFlagSYN)
	}
	nftDropIt(b, t)
}

func nftMeta(b *batch, key uint32) {
	nftExpression(b, "meta", func() {
		b.attr(unix.NFTA_META_KEY, big32(key))
		b.attr(unix.NFTA_META_DREG, big32(unix.NFT_REG_1))
	})
}

func nftPayload(b *batch, base, offset, length uint32) {
	nftExpression(b, "payload", func() {
		b.attr(unix.NFTA_PAYLOAD_DREG, big32(unix.NFT_REG_1))
		b.attr(unix.NFTA_PAYLOAD_BASE, big32(base))
		b.attr(unix.NFTA_PAYLOAD_OFFSET, big32(offset))
		b.attr(unix.NFTA_PAYLOAD_LEN, big32(length))
	})
}

func nftCompare(b *batch, op uint32, value []byte) {
	nftExpression(b, "cmp", func() {
		b.attr(unix.NFTA_CMP_SREG, big32(unix.NFT_REG_1))
		b.attr(unix.NFTA_CMP_OP, big32(op))
		b.nest(unix.NFTA_CMP_DATA, func() { b.attr(unix.NFTA_DATA_VALUE, value) })
	})
}

func nftExpression(b *batch, name string, f func()) {
	b.nest(unix.NFTA_LIST_ELEM, func() {
		b.attrName(unix.NFTA_EXPR_NAME, name)
		b.nest(unix.NFTA_EXPR_DATA, f)
	})
}

func nftMessage(b *batch, typ uint16, what string) {
	b.request(unix.NFNL_SUBSYS_NFTABLES<<8|typ, unix.NLM_F_CREATE|unix.NLM_F_ACK, what)
	b.u8(unix.NFPROTO_INET, unix.NFNETLINK_V0, 0, 0)
}

func nftBegin(b *batch) { nftMark(b, unix.NFNL_MSG_BATCH_BEGIN) }

func nftEnd(b *batch) { nftMark(b, unix.NFNL_MSG_BATCH_END) }

// nftDo sends a transaction and waits for the acknowledgement of everything
// between its marks, which are not acknowledged themselves.
func (c *conn) nftDo(b *batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.finish()
	if err := c.send(b.buf); err != nil {
		return err
	}
	var first error
	for waiting := len(b.what) - 2; waiting > 0 && first == nil; {
		err := c.receive(func(h unix.NlMsghdr, body []byte) {
			waiting--
			if err := errorOf(body); err != nil && first == nil && h.Seq-1 < uint32(len(b.what)) {
				first = fmt.Errorf("%s: %w", b.what[h.Seq-1], err)
			}
		})
		if err != nil {
			return err
		}
	}
	return first
}

// nftMark begins or ends a transaction.
func nftMark(b *batch, typ uint16) {
	b.request(typ, 0, "change the packet filter")
	b.u8(unix.AF_UNSPEC, unix.NFNETLINK_V0)
	b.buf = binary.BigEndian.AppendUint16(b.buf, unix.NFNL_SUBSYS_NFTABLES)
}

func big32(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
