package scenario

// DualStack is the family of a network that carries both.
const DualStack Family = 46

// ReversePath says how strictly a host looks at the source of what arrives
// over IPv4 (rp_filter, RFC 3704). Linux has no such thing for IPv6.
type ReversePath uint8

// The strictnesses, with the kernel's numbers.
const (
	ReversePathOff ReversePath = iota
	// ReversePathStrict drops what comes by another interface than the one
	// that leads back to its source.
	ReversePathStrict
	// ReversePathLoose drops what comes from where no route leads back to.
	ReversePathLoose
)

// HostAddr is a further address of a host, or says what is special about one
// that it has.
type HostAddr struct {
	Host  string
	Place Place
	Fate  Fate
}

// Fate tells of an address that is there and not like others.
type Fate uint8

// What may be special about an address.
const (
	// Usable: nothing is.
	Usable Fate = iota
	// Tentative: duplicate address detection never ends (RFC 4862 5.4). The
	// address shows in every list; nothing can be bound to it, nothing sent
	// to it is taken. IPv6 only.
	Tentative
	// Duplicate: detection has found another host that has it. As Tentative.
	Duplicate
	// Deprecated addresses work; one is not chosen as a source if there is another
	// one (RFC 4862 5.5.4, RFC 6724 rule 3; over IPv4 Linux does not care).
	Deprecated
)

// Dead reports whether the address is there and of no use.
func (f Fate) Dead() bool { return f == Tentative || f == Duplicate }

// HostRoute is a route of a host beside those to the networks that it is
// attached to. For a router it is the same.
type HostRoute struct {
	Host   string
	To     string // a network, or ToAll
	Family Family // 0: in each family that the way can carry
	Kind   RouteKind
	Via    string // the host that takes it from here; "": the destination is on the link
	On     string // the network to send on; "" is the first that the host shares with Via
	// From makes it a policy route: it holds only for packets whose source
	// address is of this network, and then goes before all routes without it
	// (ip rule add from …).
	From   string
	Source Place  // the source address for packets that have none yet; zero: the kernel chooses
	Metric uint16 // of several to one destination the lowest wins; 0 is the default of the family
}

// ToAll is the destination of a default route.
const ToAll = "default"

// RouteKind says what a route does to packets.
type RouteKind uint8

// The kinds of route.
const (
	Unicast          RouteKind = iota // sends them on
	UnreachableRoute                  // "host unreachable"
	ProhibitRoute                     // "communication prohibited"
	BlackholeRoute                    // not a word
)

// Bind says on which address an element's listeners listen.
type Bind uint8

// Where an element listens.
const (
	BindAddr     Bind = iota // on the address on which it is found
	BindAny4                 // on 0.0.0.0
	BindAny6                 // on ::, which takes IPv4 as well
	BindAny6Only             // on ::, IPv6 only (IPV6_V6ONLY)
)

// Way returns the network on which a route line sends packets of a family, ""
// for one that refuses them, and whether it says anything about that family.
func (s *Scenario) Way(r *HostRoute, f Family) (net string, ok bool) {
	if r.Family != 0 && r.Family != f {
		return "", false
	}
	if to, _ := s.Net(r.To); r.To != ToAll && (to == nil || !to.Family.Has(f)) {
		return "", false
	}
	if from, _ := s.Net(r.From); r.From != "" && (from == nil || !from.Family.Has(f)) {
		return "", false
	}
	if r.Kind != Unicast {
		return "", true
	}
	h, _ := s.Host(r.Host)
	gw, _ := s.Host(r.Via)
	for _, name := range h.Nets {
		n, _ := s.Net(name)
		if n != nil && n.Family.Has(f) && (r.On == "" || r.On == name) && (gw == nil || gw.on(name)) {
			return name, true
		}
	}
	return "", false
}

// Routed reports whether there is more than one network of each family on which
// everybody has one address: then Topology says who reaches whom.
func (s *Scenario) Routed() bool {
	if len(s.Addrs)+len(s.Routes) > 0 {
		return true
	}
	seen := map[Family]bool{}
	for i := range s.Nets {
		if n := &s.Nets[i]; n.Family == DualStack || n.LinkLocal || seen[n.Family] {
			return true
		}
		seen[s.Nets[i].Family] = true
	}
	for i := range s.Hosts {
		if s.Hosts[i].Router || s.Hosts[i].ReversePath != ReversePathOff {
			return true
		}
	}
	return false
}
