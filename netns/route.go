package netns

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// route is one route of a host, in one family.
type route struct {
	family   scenario.Family
	kind     scenario.RouteKind
	to, from string       // as the scenario has them
	dst      netip.Prefix // zero: everything
	src      netip.Prefix // zero: no policy route
	gateway  netip.Addr   // zero: on the link
	device   uint32
	source   netip.Addr // preferred
	metric   uint32     // 0: the family's own
	table    uint32     // 0: main
}

// The routes for packets from network n are in table 100+n, and the rule that
// leads there has that number too: after the rule of local addresses (0), and
// before that of table main (32766).
const (
	policyTable = 100
	rulesToTbl  = 1 // FR_ACT_TO_TBL, linux/fib_rules.h
)

var routeTypes = [...]byte{unix.RTN_UNICAST, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT, unix.RTN_BLACKHOLE}

// String names it in errors.
func (r *route) String() string {
	to := "everything"
	if r.dst.IsValid() {
		to = r.dst.String()
	}
	return fmt.Sprintf("route of IPv%d to %s", r.family, to)
}

func (r *route) afFamily() byte {
	if r.family == scenario.IPv4 {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// change asks for a route to be made or taken away.
func (r *route) change(b *batch, typ, flags uint16, verb string) {
	b.request(typ, flags, verb+" "+r.String())
	table, scope := r.table, byte(unix.RT_SCOPE_UNIVERSE)
	if table == 0 {
		table = unix.RT_TABLE_MAIN
	}
	if r.kind == scenario.Unicast && !r.gateway.IsValid() {
		scope = unix.RT_SCOPE_LINK
	}
	bits := 0
	if r.dst.IsValid() {
		bits = r.dst.Bits()
	}
	b.u8(r.afFamily(), byte(bits), 0, 0, 0, unix.RTPROT_STATIC, scope, routeTypes[r.kind])
	b.u32(0)
	b.attrU32(unix.RTA_TABLE, table)
	if r.dst.IsValid() {
		b.attrAddr(unix.RTA_DST, r.dst.Addr())
	}
	if r.gateway.IsValid() {
		b.attrAddr(unix.RTA_GATEWAY, r.gateway)
	}
	if r.device != 0 {
		b.attrU32(unix.RTA_OIF, r.device)
	}
	if r.source.IsValid() {
		b.attrAddr(unix.RTA_PREFSRC, r.source)
	}
	if r.metric != 0 {
		b.attrU32(unix.RTA_PRIORITY, r.metric)
	} else if r.family == scenario.IPv6 { // IP6_RT_PRIO_USER. To remove one without saying so would remove any
		b.attrU32(unix.RTA_PRIORITY, 1024)
	}
}

// addRoutes adds a host's routes, and the rules that lead to those for packets
// from certain networks.
func addRoutes(b *batch, routes []route) {
	for i := range routes {
		r := &routes[i]
		if r.src.IsValid() && firstOfTable(routes, i) {
			changeRule(b, r, unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add")
		}
		r.change(b, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add")
	}
}

func firstOfTable(routes []route, i int) bool {
	for _, r := range routes[:i] {
		if r.table == routes[i].table && r.family == routes[i].family {
			return false
		}
	}
	return true
}

// changeRule asks for the rule that leads to a policy route to be made or taken
// away.
func changeRule(b *batch, r *route, typ, flags uint16, verb string) {
	b.request(typ, flags, fmt.Sprintf("%s rule for packets from %s", verb, r.src))
	b.u8(r.afFamily(), 0, byte(r.src.Bits()), 0, 0, 0, 0, rulesToTbl)
	b.u32(0)
	b.attrAddr(unix.FRA_SRC, r.src.Addr())
	b.attrU32(unix.FRA_PRIORITY, r.table)
	b.attrU32(unix.FRA_TABLE, r.table)
}
