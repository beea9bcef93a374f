package scenario

import (
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// Family is the address family of a network: 4, 6, or 46 for both.
type Family uint8

// The address families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// FamilyOf returns the family of an address. An IPv4-mapped one is IPv6, as its
// socket is.
func FamilyOf(a netip.Addr) Family {
	if a.Is6() {
		return IPv6
	}
	return IPv4
}

// FamilyName names the family of the packets that go to an address, for people.
func FamilyName(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "IPv4"
	}
	return "IPv6"
}

// Scenario is a topology and the steps played in it: pure data.
// Its text form (Format, Parse) is what a failure prints, a bug report quotes
// and corpus/ keeps.
type Scenario struct {
	Nets     []Net
	Hosts    []Host
	Addrs    []HostAddr  // beside the one of each family that a host has on each network
	Routes   []HostRoute // beside those to the networks that a host is attached to
	Elements []Element
	Steps    []Step
}

// Net is one network: a link to which hosts are attached.
type Net struct {
	Name      string
	Family    Family
	LinkLocal bool // hosts on it have a link-local address too (fe80::); needs IPv6
}

// Host is one network namespace. Several elements may share it.
type Host struct {
	Name string
	Nets []string // attached networks, by name, in the order of its interfaces

	Router      bool        // forwards what is not for itself
	ReversePath ReversePath // what it lets in
}

// Kind tells what an element does.
type Kind uint8

// The kinds of element.
const (
	UserAgent Kind = iota + 1
	Proxy          // with its registrar
)

// Deliver says how a proxy sends a request to a registered user agent.
type Deliver uint8

// How a proxy delivers.
const (
	// DeliverContact resolves the registered Contact (RFC 3261 16.6) and
	// dials it unless RFC 3261 18.1.1 lets it reuse a connection.
	DeliverContact Deliver = iota + 1
	// DeliverFlow sends down the connection (or to the source address) that
	// the REGISTER came on, as proxies do for clients behind NAT.
	DeliverFlow
)

// Element is a SIP actor on a host.
type Element struct {
	Kind   Kind
	Name   string
	Host   string
	Listen []Listen // where it accepts, in the order of its preference
	Via    string   // user agent: its outbound proxy and registrar; "" is none
	At     Place    // where it is found and what it hands out; zero: its host's first address
	Bind   Bind     // where its listeners listen

	Deliver     Deliver // proxy only; the zero value is not valid there
	RecordRoute bool    // proxy only

	// Lacks is the one transport that the element does not implement at all.
	// Every element implements both (RFC 3261 18) unless it says so, whether
	// it listens there or not.
	Lacks sip.Transport

	SUT   bool   // the element that is judged; its stack comes from outside
	Stack string // a stack's name, "" is peer; never set together with SUT
}

// Listen is one port on which an element accepts.
type Listen struct {
	Transport sip.Transport
	Port      uint16
}

// Register makes a user agent register its Contact at its proxy, or at another
// one, where it then has a further account. The second time it refreshes what it
// has registered there.
type Register struct {
	UA        string
	Transport sip.Transport // 0: the first of its listeners' that the proxy shares
	Via       string        // the proxy of a further account; "": the user agent's own
}

// Side is one end of a call.
type Side uint8

// The two ends of a call.
const (
	Caller Side = iota // the zero value: the caller, as calls usually end
	Callee
)

// Call is INVITE, 180, 200, ACK, BYE, 200 between two user agents.
//
// If the caller has a proxy (Via), the INVITE goes there, by a pre-loaded
// Route, and names the callee at the proxy if the callee registered there, or
// else by its own listener's URI. Without a proxy it goes to the callee's
// listener.
type Call struct {
	From, To  string
	Transport sip.Transport // of the first hop; 0: the caller's first that the next hop shares
	OverFlow  bool          // the INVITE goes down a live connection that the next hop dialled
	Hangup    Side          // who sends BYE
}

// Kind is SIPStep.
func (Register) Kind() StepKind { return SIPStep }

// Kind is SIPStep.
func (Call) Kind() StepKind { return SIPStep }

// Host returns the host of that name and its index.
func (s *Scenario) Host(name string) (*Host, int) {
	for i := range s.Hosts {
		if s.Hosts[i].Name == name {
			return &s.Hosts[i], i
		}
	}
	return nil, -1
}

// Net returns the network of that name and its index.
func (s *Scenario) Net(name string) (*Net, int) {
	for i := range s.Nets {
		if s.Nets[i].Name == name {
			return &s.Nets[i], i
		}
	}
	return nil, -1
}

// Element returns the element of that name, or nil.
func (s *Scenario) Element(name string) *Element {
	for i := range s.Elements {
		if s.Elements[i].Name == name {
			return &s.Elements[i]
		}
	}
	return nil
}

// SUT returns the element that is judged, or nil.
func (s *Scenario) SUT() *Element {
	for i := range s.Elements {
		if s.Elements[i].SUT {
			return &s.Elements[i]
		}
	}
	return nil
}

// Addr returns the first address of a host on one of its networks, IPv4 before
// IPv6. Addresses read as identities: host 3 on the first network is 10.77.0.3
// or fd77::3. It is the zero Addr if there is no such attachment.
func (s *Scenario) Addr(host, net string) netip.Addr {
	return s.PlaceAddr(host, Place{Net: net})
}

// ElementAddr returns the address on which an element is found, and which it
// hands out: that of its At, or its host's first one. It is the zero Addr for
// an unknown element.
func (s *Scenario) ElementAddr(name string) netip.Addr {
	e := s.Element(name)
	if e == nil {
		return netip.Addr{}
	}
	h, _ := s.Host(e.Host)
	if h == nil || len(h.Nets) == 0 {
		return netip.Addr{}
	}
	if e.At != (Place{}) {
		return s.PlaceAddr(e.Host, e.At)
	}
	return s.Addr(e.Host, h.Nets[0])
}

// ElementAt returns the name of the element that is found at a target, "" if
// none is.
func (s *Scenario) ElementAt(t sip.Target) string {
	for _, e := range s.Elements {
		if p := e.Port(t.Transport); p != 0 && p == t.Addr.Port() && s.ElementAddr(e.Name) == t.Addr.Addr().Unmap() {
			return e.Name
		}
	}
	return ""
}

// BindAddr returns the address to which an element binds its listeners, and
// whether they take IPv6 only. It is 0.0.0.0 or :: for a wildcard.
func (s *Scenario) BindAddr(name string) (a netip.Addr, v6only bool) {
	switch e := s.Element(name); {
	case e == nil:
		return netip.Addr{}, false
	case e.Bind == BindAny4:
		return netip.IPv4Unspecified(), false
	case e.Bind != BindAddr:
		return netip.IPv6Unspecified(), e.Bind == BindAny6Only
	}
	return s.ElementAddr(name), false
}

// Port returns the port on which an element accepts a transport, 0 if none.
func (e *Element) Port(t sip.Transport) uint16 {
	for _, l := range e.Listen {
		if l.Transport == t {
			return l.Port
		}
	}
	return 0
}

// Stream returns the first listener of an element that takes connections, which
// wait in its queue until they are accepted.
func (e *Element) Stream() (l Listen, ok bool) {
	for _, l := range e.Listen {
		if l.Transport.Reliable() {
			return l, true
		}
	}
	return Listen{}, false
}

// address is host 0's for the network itself.
func address(f Family, net, host int) netip.Addr {
	if f == IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xfd, 1: 0x77, 2: byte(net >> 8), 3: byte(net), 14: byte(host >> 8), 15: byte(host)})
	}
	return netip.AddrFrom4([4]byte{10, 77, byte(net), byte(host)})
}
