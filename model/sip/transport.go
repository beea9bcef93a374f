package sip

import (
	"fmt"

	"github.com/greka-sip/greka/model/plain"
)

// Transport is a SIP transport (RFC 3261 18, 19.1.1). The zero value means
// "not said".
type Transport uint8

// The transports that the model knows.
const (
	UDP Transport = iota + 1
	TCP
)

// Transports lists every transport, in the order in which they print.
var Transports = []Transport{UDP, TCP}

var transportNames = [...]string{UDP: "udp", TCP: "tcp"}

// String returns the name as it stands in a URI's transport parameter.
func (t Transport) String() string {
	if t == 0 || int(t) >= len(transportNames) {
		return fmt.Sprintf("transport(%d)", uint8(t))
	}
	return transportNames[t]
}

// MarshalText gives the transport's name, in lower case.
func (t Transport) MarshalText() ([]byte, error) {
	return plain.TextOf(transportNames[:], "transport", t)
}

// UnmarshalText reads what MarshalText gave.
func (t *Transport) UnmarshalText(text []byte) error {
	return plain.FromText(transportNames[:], "transport", text, t)
}

// ParseTransport reads a transport's name, in lower case.
func ParseTransport(s string) (Transport, bool) {
	for _, t := range Transports {
		if t.String() == s {
			return t, true
		}
	}
	return 0, false
}

// DefaultPort is the port that a sip URI without one means (RFC 3261 19.1.1,
// table 1).
func (t Transport) DefaultPort() uint16 { return 5060 }

// Reliable reports whether the transport is a stream of its own connections.
func (t Transport) Reliable() bool { return t == TCP }
