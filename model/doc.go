// Package model says what must be true: which sockets exist after a step, in
// which role, which of them a SYN or a datagram would reach, where a SIP URI
// leads, and what follows from all that for an address that was handed out.
//
// It is pure. It imports the standard library only, does no I/O, reads no
// clock and draws no random number; netns and sut fill its types (Snapshot,
// Advert, Use), Predict and Judge compare them. It never knows which stack it
// looks at.
//
// A Scenario has one text form, which Parse reads and Format writes:
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
// Below the SIP steps are socket steps (socket, bind, listen, dial, …). What
// they come to is the reference model of ports: Ports plays them, Lookup says
// who gets a packet, PORTS.md says the rules for people, and package
// props/kernel checks all of it against Linux.
//
// Next: package netns, where such a scenario becomes a lab.
package model
