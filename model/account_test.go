package model

import (
	"strings"
	"testing"
)

// Two proxies: bob is at home at p and ann at q.
const twoRegistrars = `net   lan 4
host  box lan
proxy p   box tcp:5060 deliver=flow
proxy q   box tcp:5061 udp:5061 deliver=flow
ua    bob box tcp:5072 udp:5072 via=p sut
ua    ann box tcp:5081 via=q

`

// TestAccounts: a registration belongs to the registrar that it was made at. A
// second one there refreshes it, and comes on another connection where the
// transport or the connection's end demands it.
func TestAccounts(t *testing.T) {
	for _, c := range []struct{ name, steps, want, uri string }{
		{"nobody is registered", "call ann bob", "ann>q q>bob ann>bob", "sip:bob@10.77.0.1:5072;transport=tcp"},
		{"registered elsewhere", "register bob\ncall ann bob", "bob>p | bob>p ann>q q>bob ann>bob", "sip:bob@10.77.0.1:5072;transport=tcp"},
		{"a further account", "register bob tcp via=q\ncall ann bob", "bob>q | bob>q ann>q ann>bob", "sip:bob@10.77.0.1:5061;transport=tcp"},
		{"two accounts", "register bob\nregister bob tcp via=q\ncall ann bob", "bob>p | bob>p bob>q | bob>p bob>q ann>q ann>bob", "sip:bob@10.77.0.1:5061;transport=tcp"},
		{"a refresh", "register bob tcp via=q\nregister bob tcp via=q\ncall ann bob", "bob>q | bob>q | bob>q ann>q ann>bob", "sip:bob@10.77.0.1:5061;transport=tcp"},
		{"over another transport", "register bob tcp via=q\nregister bob udp via=q", "bob>q | bob>q", ""},
		{"on another connection", "register bob tcp via=q\ndisconnect bob q\nregister bob tcp via=q\ncall ann bob", "bob>q |  | bob>q | bob>q ann>q ann>bob", ""},
		{"a registrar that forgot", "register bob\nregister bob tcp via=q\nrestart q\ncall ann bob", "bob>p | bob>p bob>q | bob>p | bob>p ann>q q>bob ann>bob", "sip:bob@10.77.0.1:5072;transport=tcp"},
	} {
		s := parsed(t, twoRegistrars+c.steps)
		p, err := Predict(&s)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := dialled(p); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
		if plan, err := s.PlanCall(len(s.Steps) - 1); c.uri != "" && (err != nil || plan.RequestURI != c.uri) {
			t.Errorf("%s: bob is called as %s (%v), want %s", c.name, plan.RequestURI, err, c.uri)
		}
	}
}

// TestPredictUnbound: who leaves its source to the kernel is seen where the
// routes choose, and cannot be played where nothing comes back to there.
func TestPredictUnbound(t *testing.T) {
	const world = `net   lan 6
net   far 6
host  box lan far
host  hut far
route hut lan via=box
ROUTE
ua    bob box tcp:5072 udp:5072 at=AT BIND sut
ua    ann hut tcp:5081 udp:5081

call bob ann TRANSPORT
`
	for _, c := range []struct{ name, at, bind, transport, route, want string }{
		{"another address than its own", "lan", "", "tcp", "", "fd77:1::1"},
		{"its own", "far", "", "tcp", "", "fd77:1::1"},
		{"one to which nothing comes back", "far", "", "tcp", "route box far on=far source=lan metric=10\nroute hut lan unreachable metric=5", "dial fails"},
		{"a bound UDP socket", "far", "", "udp", "route box far on=far source=lan metric=10\nroute hut lan unreachable metric=5", ""},
		{"a UDP socket on a wildcard", "far", "bind=::", "udp", "route box far on=far source=lan metric=10\nroute hut lan unreachable metric=5", "no answer of ann reaches bob"},
	} {
		s := parsed(t, strings.NewReplacer("ROUTE", c.route, "AT", c.at, "BIND", c.bind, "TRANSPORT", c.transport).Replace(world))
		if _, err := Predict(&s); err != nil {
			t.Errorf("%s: who binds its source: %v", c.name, err)
		}
		got := ""
		if p, err := PredictUnbound(&s, "bob"); err != nil {
			got = err.Error()
		} else if len(p.After[0]) > 0 {
			got = p.After[0][0].Source.String()
		}
		if !strings.Contains(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
