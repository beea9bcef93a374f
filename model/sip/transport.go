package sip

import (
	"fmt"

	"github.com/greka-sip/greka/model/plain"
)

// Carrier is the IP protocol below a transport. Sockets, look-ups and probes
// know nothing else: two transports on one carrier and port are one socket.
type Carrier uint8

// The carriers.
const (
	CarrierUDP Carrier = iota + 1
	CarrierTCP
)

// Carriers lists every carrier, in the order in which they print.
var Carriers = []Carrier{CarrierUDP, CarrierTCP}

var carrierNames = [...]string{"", "udp", "tcp"}

// String returns "udp" or "tcp".
func (c Carrier) String() string {
	if c == 0 || int(c) >= len(carrierNames) {
		return fmt.Sprintf("carrier(%d)", uint8(c))
	}
	return carrierNames[c]
}

// MarshalText gives the carrier's name, in lower case.
func (c Carrier) MarshalText() ([]byte, error) {
	return plain.TextOf(carrierNames[:], "carrier", c)
}

// UnmarshalText reads what MarshalText gave.
func (c *Carrier) UnmarshalText(text []byte) error {
	return plain.FromText(carrierNames[:], "carrier", text, c)
}

// ParseCarrier reads a carrier's name, in lower case.
func ParseCarrier(s string) (Carrier, bool) {
	for _, c := range Carriers {
		if c.String() == s {
			return c, true
		}
	}
	return 0, false
}

// Transport is a SIP transport (RFC 3261 18, 19.1.1): a row of the table below.
// The zero value means "not said".
type Transport uint8

// The transports that the model knows.
const (
	UDP Transport = iota + 1
	TCP
)

// transports is the table. A new transport is a constant above and a row here;
// who frames and carries its messages is package peer.
var transports = [...]struct {
	name    string // in a URI's transport parameter and in a scenario
	via     string // in a Via
	carrier Carrier
	port    uint16 // what a sip URI without a port means (RFC 3261 19.1.1, table 1)
}{
	UDP: {"udp", "UDP", CarrierUDP, 5060},
	TCP: {"tcp", "TCP", CarrierTCP, 5060},
}

// Transports lists every transport, in the order in which they print.
var Transports = all()

var transportNames = names()

func all() (list []Transport) {
	for t := range transports[1:] {
		list = append(list, Transport(t+1))
	}
	return list
}

func names() (list []string) {
	for _, row := range transports {
		list = append(list, row.name)
	}
	return list
}

// known reports whether the table has the transport.
func (t Transport) known() bool { return t != 0 && int(t) < len(transports) }

// String returns the name as it stands in a URI's transport parameter.
func (t Transport) String() string {
	if !t.known() {
		return fmt.Sprintf("transport(%d)", uint8(t))
	}
	return transports[t].name
}

// Via returns the name as it stands in a Via, "" for a transport that the model
// does not know.
func (t Transport) Via() string {
	if !t.known() {
		return ""
	}
	return transports[t].via
}

// MarshalText gives the transport's name, in lower case.
func (t Transport) MarshalText() ([]byte, error) {
	return plain.TextOf(transportNames, "transport", t)
}

// UnmarshalText reads what MarshalText gave.
func (t *Transport) UnmarshalText(text []byte) error {
	return plain.FromText(transportNames, "transport", text, t)
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

// Carrier returns the IP protocol below the transport, 0 for one that the model
// does not know.
func (t Transport) Carrier() Carrier {
	if !t.known() {
		return 0
	}
	return transports[t].carrier
}

// DefaultPort is the port that a sip URI without one means (RFC 3261 19.1.1,
// table 1), 0 for a transport that the model does not know.
func (t Transport) DefaultPort() uint16 {
	if !t.known() {
		return 0
	}
	return transports[t].port
}

// Reliable reports whether the transport delivers in order over connections of
// its own: whether its carrier is a stream.
func (t Transport) Reliable() bool { return t.Carrier() == CarrierTCP }
