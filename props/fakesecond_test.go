package props

import (
	"cmp"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model"
)

// Manners of programs that are wrong only where there is a second of something:
// an address, a registration, an account. Each is caught, and named so.
var secondManners = map[string]struct {
	manners
	want   []model.Class
	checks int // 0: 30
}{
	"names-the-first-address": {manners{contact: hostsFirst}, []model.Class{model.Closed, model.Unreachable}, 0},
	"names-its-wildcard":      {manners{contact: itsWildcard}, []model.Class{model.Unspecified}, 0},
	"refreshes-wrongly":       {manners{contact: refreshDead}, []model.Class{model.Closed}, 0},
	"confuses-its-accounts":   {manners{contact: otherAccount}, []model.Class{model.ConnectionPort}, 80},
	"names-its-link-local":    {manners{contact: itsLinkLocal("")}, []model.Class{model.LinkLocalNoScope}, 0},
	"names-its-zone":          {manners{contact: itsLinkLocal("eth0")}, []model.Class{model.Malformed}, 0},
}

func init() {
	for name, m := range secondManners {
		mannersOf[name] = m.manners
	}
}

// TestWrongAboutTheSecond: in far fewer scenarios than people play.
func TestWrongAboutTheSecond(t *testing.T) {
	t.Parallel()
	for _, how := range slices.Sorted(maps.Keys(secondManners)) {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how, Config{Checks: checks(cmp.Or(secondManners[how].checks, 30))})
			found := map[model.Class]bool{}
			for _, f := range sum.Findings {
				found[f.Class] = true
			}
			want := secondManners[how].want
			if !slices.ContainsFunc(want, func(c model.Class) bool { return found[c] }) {
				t.Errorf("found %v, want one of %v", found, want)
			}
			for _, c := range want {
				delete(found, c)
			}
			if len(found) > 0 {
				t.Errorf("named %v as well", found)
			}
		})
	}
}

// hostsFirst names what a program finds that asks for the addresses of its host
// and takes the first of the right family, wherever it listens.
func hostsFirst(u *fakeUA, _, uri string) string {
	own, _ := netip.ParseAddr(strings.Trim(u.host, "[]"))
	for _, a := range hostAddrs() {
		if a.Is4() == own.Is4() && !a.IsLinkLocalUnicast() {
			return "<" + strings.Replace(uri, u.own(), inURI(a), 1) + ">"
		}
	}
	return "<" + uri + ">"
}

func itsWildcard(u *fakeUA, _, uri string) string {
	return "<" + strings.Replace(uri, u.own(), u.bind, 1) + ">"
}

func refreshDead(u *fakeUA, message, uri string) string {
	if message == "REGISTER" && slices.Contains(slices.Collect(maps.Values(u.registered)), 2) {
		return fmt.Sprintf("<sip:%s@%s:9;transport=tcp>", u.name, u.own())
	}
	return "<" + uri + ">"
}

// otherAccount names the local end of a connection to a registrar that has
// nothing to do with the call.
func otherAccount(u *fakeUA, message, uri string) string {
	if len(u.registered) < 2 || message == "REGISTER" || !strings.Contains(uri, "transport=tcp") {
		return "<" + uri + ">"
	}
	for to, c := range u.conns {
		if u.registered[to.String()] > 0 {
			return fmt.Sprintf("<sip:%s@%s;transport=tcp>", u.name, c.LocalAddr())
		}
	}
	return "<" + uri + ">"
}

func itsLinkLocal(zone string) func(*fakeUA, string, string) string {
	return func(u *fakeUA, _, uri string) string {
		for _, a := range hostAddrs() {
			if a.IsLinkLocalUnicast() && strings.Contains(u.host, ":") {
				return "<" + strings.Replace(uri, u.own(), inURI(a.WithZone(zone)), 1) + ">"
			}
		}
		return "<" + uri + ">"
	}
}

// hostAddrs lists the addresses of the host, interface by interface.
func hostAddrs() (out []netip.Addr) {
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLoopback() {
			out = append(out, p.Addr())
		}
	}
	return out
}

func inURI(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}
