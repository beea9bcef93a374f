package netns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/sip"
)

// From linux/netfilter/nf_tables.h.
const (
	nftRejectType      = 1 // NFTA_REJECT_TYPE
	nftRejectCode      = 2 // NFTA_REJECT_ICMP_CODE
	nftRejectRST       = 1 // NFT_REJECT_TCP_RST
	nftRejectICMPX     = 2 // NFT_REJECT_ICMPX_UNREACH
	nftRejectPort      = 1 // NFT_REJECT_ICMPX_PORT_UNREACH
	nftMetaNFProto     = 15
	tcpFlagRST         = 0x04
	nftPayloadNetwork  = 1
	nftPayloadSegment  = 2
	sourcePort, toPort = 0, 2 // offsets, in TCP as in UDP
)

// Silence drops, from now on and both ways, every packet of the flows, as a
// firewall that has forgotten them. Neither end is told. It happens where a
// packet arrives, so that each end sees its own packets leave.
func (l *Lab) Silence(flows ...Flow) error { return l.cut("silence", nil, flows, nftDropIt) }

// ResetFlow answers, from now on, every packet of the flows with a RST, or over
// UDP with ICMP port unreachable, and drops it. An end is told when it sends.
func (l *Lab) ResetFlow(flows ...Flow) error { return l.cut("reset", nil, flows, nftReject) }

// Flow is what passes between two ports, seen from one of them.
type Flow struct {
	Carrier       sip.Carrier
	Local, Remote netip.AddrPort
}

// cut makes what comes on flows meet a verdict. Those of loopback are of the
// host on.
func (l *Lab) cut(what string, on *Host, flows []Flow, verdict func(b *batch, t sip.Carrier)) error {
	for _, f := range flows {
		for _, end := range []struct{ from, to netip.AddrPort }{{f.Remote, f.Local}, {f.Local, f.Remote}} {
			h := l.hostOf(on, end.to.Addr())
			if h == nil {
				return fmt.Errorf("netns: %s flow %s: no host has %s", what, f.Local, end.to.Addr())
			}
			err := h.addRule(func(b *batch) {
				nftFlow(b, f.Carrier, end.from, end.to)
				verdict(b, f.Carrier)
			})
			if err != nil {
				return fmt.Errorf("netns: host %s: %s flow from %s to %s: %w", h.name, what, end.from, end.to, err)
			}
		}
	}
	return nil
}

// addRule adds a rule to what the host drops as it arrives.
func (h *Host) addRule(expressions func(b *batch)) error {
	h.lab.changed.Store(true)
	h.filtered.Store(true)
	c, err := h.netfilter()
	if err != nil {
		return lacking(err)
	}
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
	b.nest(unix.NFTA_RULE_EXPRESSIONS, func() { expressions(&b) })
	nftEnd(&b)
	return lacking(c.nftDo(&b))
}

// lacking says what a kernel without it would need.
func lacking(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("%w (the kernel needs the modules nf_tables and nft_reject_inet)", err)
	}
	return err
}

// nftFlow appends: of this transport, from there, to here. A TCP flow's RST
// passes, or nobody would learn of a reset.
func nftFlow(b *batch, t sip.Carrier, from, to netip.AddrPort) {
	version, size, sourceAt, toAt := byte(unix.NFPROTO_IPV4), uint32(4), uint32(12), uint32(16)
	if to.Addr().Is6() {
		version, size, sourceAt, toAt = unix.NFPROTO_IPV6, 16, 8, 24
	}
	nftMeta(b, nftMetaNFProto)
	nftCompare(b, unix.NFT_CMP_EQ, []byte{version})
	nftCarrier(b, t)
	for _, field := range []struct {
		base, offset, size uint32
		value              []byte
	}{
		{nftPayloadNetwork, sourceAt, size, from.Addr().AsSlice()},
		{nftPayloadNetwork, toAt, size, to.Addr().AsSlice()},
		{nftPayloadSegment, sourcePort, 2, binary.BigEndian.AppendUint16(nil, from.Port())},
		{nftPayloadSegment, toPort, 2, binary.BigEndian.AppendUint16(nil, to.Port())},
	} {
		nftPayload(b, field.base, field.offset, field.size)
		nftCompare(b, unix.NFT_CMP_EQ, field.value)
	}
}

func nftCarrier(b *batch, t sip.Carrier) {
	nftMeta(b, unix.NFT_META_L4PROTO)
	nftCompare(b, unix.NFT_CMP_EQ, []byte{choose[byte](t == sip.CarrierTCP, unix.IPPROTO_TCP, unix.IPPROTO_UDP)})
}

// nftFlags appends: of these TCP flags exactly those are set.
func nftFlags(b *batch, mask, set byte) {
	nftPayload(b, nftPayloadSegment, tcpFlagsOffset, 1)
	nftExpression(b, "bitwise", func() {
		b.attr(unix.NFTA_BITWISE_SREG, big32(unix.NFT_REG_1))
		b.attr(unix.NFTA_BITWISE_DREG, big32(unix.NFT_REG_1))
		b.attr(unix.NFTA_BITWISE_LEN, big32(1))
		b.nest(unix.NFTA_BITWISE_MASK, func() { b.attr(unix.NFTA_DATA_VALUE, []byte{mask}) })
		b.nest(unix.NFTA_BITWISE_XOR, func() { b.attr(unix.NFTA_DATA_VALUE, []byte{0}) })
	})
	nftCompare(b, unix.NFT_CMP_EQ, []byte{set})
}

func nftDropIt(b *batch, _ sip.Carrier) {
	nftExpression(b, "immediate", func() {
		b.attr(unix.NFTA_IMMEDIATE_DREG, big32(unix.NFT_REG_VERDICT))
		b.nest(unix.NFTA_IMMEDIATE_DATA, func() {
			b.nest(unix.NFTA_DATA_VERDICT, func() { b.attr(unix.NFTA_VERDICT_CODE, big32(0)) }) // NF_DROP
		})
	})
}

// nftReject refuses, and lets a RST pass: that is how the other end's refusal
// comes home.
func nftReject(b *batch, t sip.Carrier) {
	if t == sip.CarrierTCP {
		nftFlags(b, tcpFlagRST, 0)
	}
	nftExpression(b, "reject", func() {
		if t == sip.CarrierTCP {
			b.attr(nftRejectType, big32(nftRejectRST))
			return
		}
		b.attr(nftRejectType, big32(nftRejectICMPX))
		b.attr(nftRejectCode, []byte{nftRejectPort})
	})
}

// removeFilters takes away what Filter, Silence and ResetFlow have made, and
// refuses a host in which somebody else made filters.
func (l *Lab) removeFilters() error {
	for _, h := range l.hosts {
		if err := h.removeFilters(); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}

func (h *Host) removeFilters() error {
	if !h.filtered.Load() && !h.suspect.Load() {
		return nil
	}
	c, err := h.netfilter()
	if err != nil {
		return err
	}
	if h.filtered.Load() {
		var b batch
		nftBegin(&b)
		nftMessage(&b, unix.NFT_MSG_DELTABLE, "remove table")
		b.attrName(unix.NFTA_TABLE_NAME, nftTable)
		nftEnd(&b)
		if err := c.nftDo(&b); err != nil {
			return err
		}
	}
	var b batch
	tables := 0
	b.request(unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_GETTABLE, unix.NLM_F_DUMP, "")
	b.u8(unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0)
	if err := c.query(&b, true, func([]byte) { tables++ }); err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	if tables > 0 {
		return fmt.Errorf("somebody has made %d packet filter tables", tables)
	}
	return c.flushConntrack()
}

// flushConntrack forgets tracked connections and what they expect. A kernel
// that tracks none says so.
func (c *conn) flushConntrack() error {
	for _, subsystem := range []uint16{unix.NFNL_SUBSYS_CTNETLINK, unix.NFNL_SUBSYS_CTNETLINK_EXP} {
		const remove = 2 // IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_EXP_DELETE
		var b batch
		b.request(subsystem<<8|remove, 0, "forget tracked connections")
		b.u8(unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0)
		if err := c.do(&b); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}
