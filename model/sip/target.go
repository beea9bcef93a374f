package sip

import "net/netip"

// Target is where RFC 3263 says that a request for a URI goes.
type Target struct {
	Transport Transport
	Addr      netip.AddrPort
}
