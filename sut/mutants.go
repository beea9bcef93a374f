package sut

import (
	"fmt"
	"math/rand"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut/peer"
)

func init() {
	selfTests = append(selfTests, selfTest("peer", peer.Lie{}))
	for _, lie := range Lies {
		s := selfTest("mutant/"+lie.Name, lie)
		s.Roles = []model.Role{model.RoleCaller, model.RoleCallee}
		if lie.RecordRoute != nil {
			s.Roles = []model.Role{model.RoleProxy}
		}
		selfTests = append(selfTests, s)
	}
}

func selfTest(name string, lie peer.Lie) *Stack {
	return &Stack{Name: name, Version: "built in", Kind: SelfTest, Lie: lie,
		Roles: model.Roles, Transports: sip.Transports, Families: []scenario.Family{scenario.IPv4, scenario.IPv6}}
}

// SelfTests returns peer and its mutants.
func SelfTests() []*Stack { return append([]*Stack(nil), selfTests...) }

// Lies are what the mutants say instead of the truth. Each has to be found, to
// be minimised and to be named right.
var Lies = []peer.Lie{
	{Name: "contact-from-connection", Doc: "Contact is the address that the message arrived on, as libre built it in 2012",
		Contact: func(c peer.ContactFor) string {
			if !c.Arrived.Local.IsValid() {
				return c.Honest
			}
			return at(c, c.Arrived.Local)
		}},
	{Name: "contact-unspecified", Doc: "Contact has the wildcard address that the socket is bound to",
		Contact: func(c peer.ContactFor) string { return host(c, netip.IPv4Unspecified(), netip.IPv6Unspecified()) }},
	{Name: "contact-loopback", Doc: "Contact has the loopback address",
		Contact: func(c peer.ContactFor) string {
			return host(c, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
		}},
	{Name: "contact-without-transport", Doc: "Contact lacks its transport parameter, and nothing listens on UDP there",
		Contact: func(c peer.ContactFor) string {
			if c.Element.Port(sip.UDP) == c.Element.Port(c.Transport) {
				return c.Honest
			}
			return strings.ReplaceAll(c.Honest, ";transport=tcp", "")
		}},
	{Name: "contact-of-neighbour", Doc: "Contact has the address and port of another element on the same host",
		Contact: func(c peer.ContactFor) string {
			for i := range c.Scenario.Elements {
				e := &c.Scenario.Elements[i]
				if p := e.Port(c.Transport); e.Host == c.Element.Host && e.Name != c.Element.Name && p != 0 {
					return at(c, netip.AddrPortFrom(c.Scenario.ElementAddr(e.Name), p))
				}
			}
			return c.Honest
		}},
	{Name: "contact-dead-port", Doc: "Contact has a port on which nobody is",
		Contact: func(c peer.ContactFor) string { return port(c, 9) }},
	{Name: "stops-listening", Doc: "the TCP listener is closed after REGISTER; the connection stays", AfterRegister: true},
	{Name: "contact-malformed", Doc: "Contact lacks its closing bracket",
		Contact: func(c peer.ContactFor) string { return strings.TrimSuffix(c.Honest, ">") }},
	{Name: "lies-as-caller", Doc: "only the Contact of INVITE has a port on which nobody is",
		Contact: only("INVITE")},
	{Name: "lies-in-register", Doc: "only the Contact of REGISTER has a port on which nobody is",
		Contact: only("REGISTER")},
	{Name: "contact-without-port", Doc: "Contact lacks its port, and the listener is not on 5060",
		Contact: func(c peer.ContactFor) string {
			if c.Element.Port(c.Transport) == c.Transport.DefaultPort() {
				return c.Honest
			}
			return strings.Replace(c.Honest, fmt.Sprintf(":%d", c.Element.Port(c.Transport)), "", 1)
		}},
	{Name: "two-contacts", Doc: "a 200 with two Contacts, the first with a port on which nobody is",
		Contact: func(c peer.ContactFor) string {
			if c.Message != "200 INVITE" {
				return c.Honest
			}
			return port(c, 9) + ", " + c.Honest
		}},
	{Name: "connects-udp", Doc: "the UDP socket is connected to whoever sends the first request, and takes nobody else's datagrams",
		ConnectUDP: true},
	{Name: "drops-record-route", Doc: "answers to INVITE lack the Record-Routes that came with it",
		DropRecordRoute: true},
	{Name: "record-route-dead-port", Doc: "a proxy whose Record-Route has a port on which nobody is",
		RecordRoute: func(honest string) string {
			u, err := sip.ParseURI(honest)
			if err != nil {
				return honest
			}
			u.Port = 9
			return u.String()
		}},
	{Name: "contact-of-other-interface", Doc: "Contact has the address of another interface of the host than the one that is listened on",
		Contact: func(c peer.ContactFor) string {
			own := c.Scenario.ElementAddr(c.Element.Name)
			return first(c, func(p scenario.Place) bool { return p.Net != placeOf(c, own).Net })
		}},
	{Name: "contact-first-address", Doc: "Contact has the first address of the host, whichever is listened on",
		Contact: func(c peer.ContactFor) string {
			return first(c, func(scenario.Place) bool { return c.Element.Bind == scenario.BindAddr })
		}},
	{Name: "wildcard-first-address", Doc: "on a wildcard, Contact has the first address of the host, whoever is to use it",
		Contact: func(c peer.ContactFor) string {
			return first(c, func(scenario.Place) bool { return c.Element.Bind != scenario.BindAddr })
		}},
	{Name: "wildcard-unspecified", Doc: "on a wildcard, Contact has the address that the socket is bound to",
		Contact: func(c peer.ContactFor) string {
			if c.Element.Bind == scenario.BindAddr {
				return c.Honest
			}
			return host(c, netip.IPv4Unspecified(), netip.IPv6Unspecified())
		}},
	{Name: "refresh-from-connection", Doc: "the first REGISTER is right; a refresh has the port of the connection that it is sent on",
		Contact: func(c peer.ContactFor) string {
			return connectionTo(c, func(proxy string) bool { return c.Message == "REGISTER" && c.Accounts[proxy] > 1 })
		}},
	{Name: "refresh-dead-port", Doc: "the first REGISTER is right; a refresh has a port on which nobody is",
		Contact: func(c peer.ContactFor) string {
			for _, n := range c.Accounts {
				if c.Message == "REGISTER" && n > 1 {
					return port(c, 9)
				}
			}
			return c.Honest
		}},
	{Name: "contact-of-other-account", Doc: "with two accounts, the Contact of a call has the port of the connection to the other registrar",
		Contact: func(c peer.ContactFor) string {
			return connectionTo(c, func(proxy string) bool {
				return len(c.Accounts) > 1 && c.Message != "REGISTER" && proxy != c.Element.Via && c.Accounts[proxy] > 0
			})
		}},
	{Name: "own-link-local", Doc: "on a network with link-local addresses, Contact has the element's own, which nobody can use who does not know on which link",
		Contact: func(c peer.ContactFor) string {
			if a := linkLocal(c); a.IsValid() {
				return at(c, netip.AddrPortFrom(a, c.Element.Port(c.Transport)))
			}
			return c.Honest
		}},
	{Name: "contact-zone", Doc: "Contact has the link-local address with its zone, which no URI can have",
		Contact: func(c peer.ContactFor) string {
			if a := linkLocal(c); a.IsValid() {
				return at(c, netip.AddrPortFrom(a.WithZone("eth0"), c.Element.Port(c.Transport)))
			}
			return c.Honest
		}},
	{Name: "refuses-behind-proxy", Doc: "a user agent that refuses calls with more than one Via: no address explains it",
		RefuseBehindProxy: true},
	{Name: "contact-port-zero", Doc: "Contact has port 0",
		Contact: func(c peer.ContactFor) string { return port(c, 0) }},
	{Name: "contact-other-family", Doc: "Contact has an address of the family that the element does not use",
		Contact: func(c peer.ContactFor) string {
			a := netip.MustParseAddr("2001:db8::1")
			if c.Scenario.ElementAddr(c.Element.Name).Is6() {
				a = netip.MustParseAddr("192.0.2.1")
			}
			return at(c, netip.AddrPortFrom(a, c.Element.Port(c.Transport)))
		}},
	{Name: "contact-link-local", Doc: "Contact has a link-local address, which is good on one link only",
		Contact: func(c peer.ContactFor) string {
			return at(c, netip.AddrPortFrom(netip.MustParseAddr("fe80::1"), c.Element.Port(c.Transport)))
		}},
	{Name: "lies-every-other-time", Doc: "every second Contact of an element has a port on which nobody is",
		Contact: func(c peer.ContactFor) string {
			if c.Nth%2 == 0 {
				return c.Honest
			}
			return port(c, 9)
		}},
	{Name: "lies-half-the-time", Doc: "Contact has a port on which nobody is, in one of two calls, as a coin falls",
		Contact: func(c peer.ContactFor) string {
			if rand.Intn(2) == 0 {
				return c.Honest
			}
			return port(c, 9)
		}},
	{Name: "deaf-to-bye", Doc: "a user agent that never answers BYE", DeafTo: "BYE"},
	{Name: "ack-over-other-transport", Doc: "a user agent that sends its ACK over another transport than the URI selects", OtherTransport: "ACK"},
	{Name: "bye-over-other-transport", Doc: "a user agent that sends its BYE over another transport than the URI selects", OtherTransport: "BYE"},
	{Name: "dials-anew", Doc: "a user agent that dials for each request, though a connection is there", DialAnew: true},
}

// first writes a Contact with the first address of the host that fits, of the
// family of the element's own.
func first(c peer.ContactFor, fits func(scenario.Place) bool) string {
	own := c.Scenario.ElementAddr(c.Element.Name)
	for _, p := range c.Scenario.Places(c.Element.Host) {
		if a := c.Scenario.PlaceAddr(c.Element.Host, p); !p.LinkLocal && a.Is4() == own.Is4() && fits(p) {
			return at(c, netip.AddrPortFrom(a, c.Element.Port(c.Transport)))
		}
	}
	return c.Honest
}

func placeOf(c peer.ContactFor, a netip.Addr) scenario.Place {
	for _, p := range c.Scenario.Places(c.Element.Host) {
		if c.Scenario.PlaceAddr(c.Element.Host, p) == a {
			return p
		}
	}
	return scenario.Place{}
}

// linkLocal is the link-local address beside the element's own one.
func linkLocal(c peer.ContactFor) netip.Addr {
	own := c.Scenario.ElementAddr(c.Element.Name)
	if own.Is4() {
		return netip.Addr{}
	}
	return c.Scenario.PlaceAddr(c.Element.Host, scenario.Place{Net: placeOf(c, own).Net, LinkLocal: true})
}

// connectionTo writes a Contact with the local end of a connection to one of some
// proxies.
func connectionTo(c peer.ContactFor, of func(proxy string) bool) string {
	for _, f := range c.Flows {
		for i := range c.Scenario.Elements {
			p := &c.Scenario.Elements[i]
			if p.Kind == scenario.Proxy && of(p.Name) && f.Transport == c.Transport &&
				f.Remote == netip.AddrPortFrom(c.Scenario.ElementAddr(p.Name), p.Port(f.Transport)) {
				return at(c, f.Local)
			}
		}
	}
	return c.Honest
}

func only(message string) func(peer.ContactFor) string {
	return func(c peer.ContactFor) string {
		if c.Message != message {
			return c.Honest
		}
		return port(c, 9)
	}
}

// at writes a Contact with another address and port, with the transport of
// the leg.
func at(c peer.ContactFor, a netip.AddrPort) string {
	params := ""
	if c.Transport != sip.UDP {
		params = ";transport=" + c.Transport.String()
	}
	return fmt.Sprintf("<sip:%s@%s%s>", c.Element.Name, a, params)
}

func port(c peer.ContactFor, p uint16) string {
	return at(c, netip.AddrPortFrom(c.Scenario.ElementAddr(c.Element.Name), p))
}

func host(c peer.ContactFor, v4, v6 netip.Addr) string {
	a := v4
	if c.Scenario.ElementAddr(c.Element.Name).Is6() {
		a = v6
	}
	return at(c, netip.AddrPortFrom(a, c.Element.Port(c.Transport)))
}
