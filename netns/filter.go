package netns

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// From linux/netfilter/nf_tables.h, which golang.org/x/sys/unix has in part.
const (
	nftTable, nftChain = "greka", "in"

	tcpFlagsOffset   = 13
	tcpFlagSYN       = 0x02
	tcpFlagSYNAndACK = 0x12
)

// Filter drops without a word every SYN or datagram that comes to a port of
// the host from another one. Connections that exist go on. A lab cannot undo
// it.
func (h *Host) Filter(t model.Transport, port uint16) error {
	h.lab.changed.Store(true)
	c, err := h.netfilter()
	if err != nil {
		return err
	}
	defer c.close()
	var b batch
	nftBegin(&b)
	nftMessage(&b, unix.NFT_MSG_NEWTABLE, "make table")
	b.attrName(unix.NFTA_TABLE_NAME, nftTable)
	nftMessage(&b, unix.NFT_MSG_NEWCHAIN, "make chain")
	b.attrName(unix.NFTA_CHAIN_TABLE, nftTable)
	b.attrName(unix.NFTA_CHAIN_NAME, nftChain)
	b.nest(unix.NFTA_CHAIN_HOOK, func() {
		b.attr(unix.NFTA_HOOK_HOOKNUM, big32(unix.NF_INET_LOCAL_IN))
		b.attr(unix.NFTA_HOOK_PRIORITY, big32(0))
	})
	b.attrName(unix.NFTA_CHAIN_TYPE, "filter")
	nftMessage(&b, unix.NFT_MSG_NEWRULE, "make rule")
	b.attrName(unix.NFTA_RULE_TABLE, nftTable)
	b.attrName(unix.NFTA_RULE_CHAIN, nftChain)
	b.nest(unix.NFTA_RULE_EXPRESSIONS, func() { nftDrop(&b, t, port) })
	nftEnd(&b)
	if err := c.nftDo(&b); err != nil {
		return fmt.Errorf("netns: host %s: filter %s port %d: %w", h.name, t, port, err)
	}
	return nil
}

// netfilter opens a netlink socket to the host's packet filter.
func (h *Host) netfilter() (c *conn, err error) {
	err = h.inside(func() (err error) {
		c, err = newConn(unix.NETLINK_NETFILTER)
		return err
	})
	return c, err
}

// nftDrop appends the expressions of: arrives not by lo, is of the transport,
// has the port (and, for TCP, is a SYN without ACK): drop.
func nftDrop(b *batch, t model.Transport, port uint16) {
	proto := byte(unix.IPPROTO_UDP)
	if t == model.TCP {
		proto = unix.IPPROTO_TCP
	}
	nftMeta(b, unix.NFT_META_IIF)
	nftCompare(b, unix.NFT_CMP_NEQ, native.AppendUint32(nil, loopbackDevice))
	nftMeta(b, unix.NFT_META_L4PROTO)
	nftCompare(b, unix.NFT_CMP_EQ, []byte{proto})
	nftPayload(b, 2, 2) // the destination port, in TCP as in UDP
	nftCompare(b, unix.NFT_CMP_EQ, binary.BigEndian.AppendUint16(nil, port))
	if t == model.TCP {
		nftPayload(b, tcpFlagsOffset, 1)
		nftExpression(b, "bitwise", func() {
			b.attr(unix.NFTA_BITWISE_SREG, big32(unix.NFT_REG_1))
			b.attr(unix.NFTA_BITWISE_DREG, big32(unix.NFT_REG_1))
			b.attr(unix.NFTA_BITWISE_LEN, big32(1))
			b.nest(unix.NFTA_BITWISE_MASK, func() { b.attr(unix.NFTA_DATA_VALUE, []byte{tcpFlagSYNAndACK}) })
			b.nest(unix.NFTA_BITWISE_XOR, func() { b.attr(unix.NFTA_DATA_VALUE, []byte{0}) })
		})
		nftCompare(b, unix.NFT_CMP_EQ, []byte{tcpFlagSYN})
	}
	nftExpression(b, "immediate", func() {
		b.attr(unix.NFTA_IMMEDIATE_DREG, big32(unix.NFT_REG_VERDICT))
		b.nest(unix.NFTA_IMMEDIATE_DATA, func() {
			b.nest(unix.NFTA_DATA_VERDICT, func() { b.attr(unix.NFTA_VERDICT_CODE, big32(0)) }) // NF_DROP
		})
	})
}

func nftMeta(b *batch, key uint32) {
	nftExpression(b, "meta", func() {
		b.attr(unix.NFTA_META_KEY, big32(key))
		b.attr(unix.NFTA_META_DREG, big32(unix.NFT_REG_1))
	})
}

func nftPayload(b *batch, offset, length uint32) {
	nftExpression(b, "payload", func() {
		b.attr(unix.NFTA_PAYLOAD_DREG, big32(unix.NFT_REG_1))
		b.attr(unix.NFTA_PAYLOAD_BASE, big32(unix.NFT_PAYLOAD_TRANSPORT_HEADER))
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
