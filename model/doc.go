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
// Next: package netns, where such a scenario becomes a lab.
package model
