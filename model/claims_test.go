package model

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/sip"
)

// TestSectionsAreTheRequestsOwn: no section is quoted that binds another request.
func TestSectionsAreTheRequestsOwn(t *testing.T) {
	const ofACK, ofBYE, ofBYETaken, ofINVITE = "13.2.2.4", "15.1.1", "15.1.2", "17.2.1"
	all := []string{ofACK, ofBYE, ofBYETaken, ofINVITE}
	for _, x := range []struct {
		claim   Claim
		request string
		want    string
	}{
		{RoutedByTheRules, "ACK", ofACK}, {RoutedByTheRules, "BYE", ofBYE}, {RoutedByTheRules, "INFO", ""},
		{Answers, "INVITE", ofINVITE}, {Answers, "BYE", ofBYETaken}, {Answers, "OPTIONS", ""}, {KeepsRunning, "BYE", ""},
	} {
		got := x.claim.SectionFor(x.request)
		for _, s := range all {
			if strings.Contains(got, s) != (s == x.want) {
				t.Errorf("%s of %s: %q", x.claim.Name, x.request, got)
			}
		}
	}
	for name, own := range sectionsOf {
		for request, s := range own {
			if !strings.HasPrefix(s, "RFC 3261 ") || name == "" || request == "" {
				t.Errorf("%q of %q: %q", name, request, s)
			}
		}
	}
}

// TestMisroutedSaysWhoseHopItWas: a remote target is none of a route set's.
func TestMisroutedSaysWhoseHopItWas(t *testing.T) {
	sc := parsed(t, texts.Founding)
	for hop, set := range map[string][]string{"remote target": nil, "first route": {"<sip:10.77.0.1:5072;transport=tcp;lr>"}} {
		o := &Observation{Sendings: []Sending{{Method: "BYE", Sender: "ann", RouteSet: set, RemoteTarget: "sip:bob@10.77.0.1:5072;transport=tcp", Size: 400,
			Transport: sip.UDP, To: netip.MustParseAddrPort("10.77.0.1:5072"), Step: 1}}}
		got := judgeSendings(&sc, o)
		if len(got) != 1 || got[0].Class != Misrouted || !strings.Contains(got[0].Detail, "; the dialog's "+hop+", sip:") {
			t.Errorf("%s: %+v", hop, got)
		}
	}
}

// TestEveryClaimIsJudged: a claim that nobody judges would always hold. Those
// without a judge of their own are judged with another one.
func TestEveryClaimIsJudged(t *testing.T) {
	with := map[string]Claim{RecordRouteAccepts.Name: ContactAccepts, LookupAgrees.Name: ContactAccepts}
	for _, c := range Claims {
		if other, ok := with[c.Name]; (judges[c.Name] != nil) == ok || ok && judges[other.Name] == nil {
			t.Errorf("%s: judged by itself %t, with another one %t", c.Name, judges[c.Name] != nil, ok)
		}
		if c.Broken == "" || c.Text == "" || c.Section == "" {
			t.Errorf("%s lacks words: %+v", c.Name, c)
		}
	}
	for name := range judges {
		if !slices.ContainsFunc(Claims, func(c Claim) bool { return c.Name == name }) {
			t.Errorf("%s is judged and not listed", name)
		}
	}
}
