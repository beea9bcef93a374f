// Package scenario is Greka's language: networks, hosts, SIP elements, and what
// happens to them step by step. A Scenario is pure data with one text form,
// which Parse reads and Format writes:
//
//	net   lan 4
//	host  box lan
//	proxy p   box tcp:5060 deliver=flow
//	ua    bob box tcp:5072 via=p sut
//	ua    ann box tcp:5081 via=p
//
//	register bob
//	call     ann bob
//
// A larger world has more networks, routers, addresses and routes, one line
// each (Usage lists all kinds of line). Names stand for everything; addresses
// are identities: host 3 has 10.77.1.3 and fd77:1::3 on the second network,
// and lan.2 is its second address on network lan.
//
//	net    lan 46
//	net    far 4
//	router r1  lan far
//	host   box lan
//	host   pub far rp_filter=strict
//	addr   box lan.2
//	route  box default via=r1
//	route  pub lan via=r1
//	ua     bob box tcp:5072 at=lan.2 bind=0.0.0.0
//
// Below the SIP steps (register, call) are socket steps (socket, bind, listen,
// dial, …) and faults (disconnect, renumber, kill, …). Validate says whether a
// scenario makes sense; what comes of it is said elsewhere.
//
// Next: package linux, which says what a kernel does with it.
package scenario
