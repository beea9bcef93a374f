package sip

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/plain"
)

// ResolveKind tells why a URI has no target.
type ResolveKind uint8

// Why a URI has no target.
const (
	NeedsDNS             ResolveKind = iota + 1 // its host is a name
	UnsupportedTransport                        // it asks for TLS, WebSocket, SCTP, …
	UnknownTransport                            // nobody has registered that transport
	Contradiction                               // sips over UDP (RFC 3261 19.1.1, table 1)
)

// ResolveError says why a URI has no target.
type ResolveError struct {
	URI  string
	Kind ResolveKind
	Why  string
}

// Error is one line.
func (e *ResolveError) Error() string {
	return fmt.Sprintf("resolve %s: %s", plain.Quote(e.URI), e.Why)
}

// laterTransports are registered (the IANA registry of SIP transports, RFC
// 3261, 4168, 7118; wss is none, yet is written) and not in the model yet.
var laterTransports = map[string]bool{"tls": true, "sctp": true, "tls-sctp": true, "ws": true, "wss": true}

// Resolve says where a request for the URI goes, first choice first (RFC 3263
// 4.1, 4.2, for a numeric target): maddr takes the place of the host, and port
// and transport then belong to it; the transport parameter wins, whatever its
// case, else it is UDP; an absent port is the transport's default. Port 0
// stays port 0. An IPv4-mapped address is the IPv4 address that the packets
// carry. The error is a *ResolveError.
func Resolve(u URI) ([]Target, error) {
	t, err := u.transport()
	if err != nil {
		return nil, err
	}
	addr := u.Addr
	if m, ok := u.Param("maddr"); ok {
		c := cursor{text: m}
		_, addr = c.host()
	}
	if !addr.IsValid() {
		return nil, u.unresolved(NeedsDNS, "its host is a name, and the model asks no DNS; use a numeric address")
	}
	port := t.DefaultPort()
	if u.Port >= 0 {
		port = uint16(u.Port)
	}
	return []Target{{Transport: t, Addr: netip.AddrPortFrom(addr.Unmap(), port)}}, nil
}

// TargetOf returns the first target of a URI in its text form. The error is a
// *SyntaxError or a *ResolveError.
func TargetOf(uri string) (Target, error) {
	u, err := ParseURI(uri)
	if err != nil {
		return Target{}, err
	}
	list, err := Resolve(u)
	if err != nil {
		return Target{}, err
	}
	return list[0], nil
}

func (u URI) transport() (Transport, error) {
	value, said := u.Param("transport")
	name := lower(value)
	t, known := ParseTransport(name)
	switch {
	case u.Scheme == "sips" && t == UDP:
		return 0, u.unresolved(Contradiction, "sips cannot go over UDP")
	case u.Scheme == "sips" && (known || !said || laterTransports[name]):
		return 0, u.unresolved(UnsupportedTransport, "sips goes over TLS, which the model does not know yet")
	case known:
		return t, nil
	case !said:
		return UDP, nil
	case laterTransports[name]:
		return 0, u.unresolved(UnsupportedTransport, "the model does not know transport "+name+" yet")
	}
	return 0, u.unresolved(UnknownTransport, "nobody knows transport "+plain.Quote(value))
}

func (u URI) unresolved(k ResolveKind, why string) error {
	return &ResolveError{URI: u.String(), Kind: k, Why: why}
}
