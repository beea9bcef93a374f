package sut

import (
	"fmt"

	"github.com/greka-sip/greka/model/scenario"
)

// fitsHost tells why a stack cannot be put on the host of an element, or be told
// to listen there as the scenario says.
func (d *Description) fitsHost(sc *scenario.Scenario, e *scenario.Element) error {
	if !d.binds(e.Bind) {
		if e.Bind == scenario.BindAddr {
			return fmt.Errorf("%s listens on its address, and %s only on wildcards", e.Name, d.Name)
		}
		return fmt.Errorf("%s listens on %s, which %s cannot be told (no \"bind %s\")", e.Name, e.Bind, d.Name, e.Bind)
	}
	has := HostHas(sc, e.Host)
	for _, x := range []struct {
		has, can bool
		what     string
	}{
		{has.Interfaces, d.Several.Interfaces, "interfaces"},
		{has.Addresses, d.Several.Addresses, "addresses"},
		{has.Families, d.Several.Families, "families"},
	} {
		if x.has && !x.can {
			return fmt.Errorf("%s has several %s, and %s does not keep to one of them (no \"several %s\")", e.Host, x.what, d.Name, x.what)
		}
	}
	return nil
}

// HostHas says of what a host has several at the start: interfaces, addresses of
// one family on one of them, families. Every interface with IPv6 has a link-local
// address in the world too: that counts as none.
func HostHas(sc *scenario.Scenario, host string) (has Several) {
	h, _ := sc.Host(host)
	if h == nil {
		return has
	}
	has.Interfaces = len(h.Nets) > 1
	type kind struct {
		net    string
		family scenario.Family
	}
	addrs, families := map[kind]int{}, map[scenario.Family]bool{}
	for _, p := range sc.Places(host) {
		if p.LinkLocal {
			continue
		}
		f := familyOf(sc.PlaceAddr(host, p))
		families[f] = true
		addrs[kind{p.Net, f}]++
		has.Addresses = has.Addresses || addrs[kind{p.Net, f}] > 1
	}
	has.Families = len(families) > 1
	return has
}

// Covers reports whether what a host has is among what a stack can be put on.
func (s Several) Covers(has Several) bool {
	return (s.Interfaces || !has.Interfaces) && (s.Addresses || !has.Addresses) && (s.Families || !has.Families)
}
