package model

import (
	"slices"

	"github.com/greka-sip/greka/model/scenario"
)

// Claim is one guarantee. Its text is what a user reads.
type Claim struct {
	Name    string
	Section string // where the guarantee comes from
	Text    string
	Broken  string // what is wrong where it does not hold, if no address is
}

// The claims.
var (
	ContactAccepts = Claim{"ContactAccepts", "RFC 3261 8.1.1.8, 12.1.1, 12.1.2, 18.2.1",
		"every Contact resolves to a socket of its giver that accepts whoever uses it next",
		"a Contact does not accept"}
	RecordRouteAccepts = Claim{"RecordRouteAccepts", "RFC 3261 16.6(4)",
		"every Record-Route resolves to a socket of the proxy that put it there and accepts whoever uses it next",
		"a Record-Route does not accept"}
	RouteSetCopied = Claim{"RouteSetCopied", "RFC 3261 12.1.1",
		"an answer that makes a dialog has the Record-Routes of its INVITE: all of them, in the same order",
		"an answer does not copy the Record-Route"}
	// ProxyTransparent is what we expect: RFC 3261 16 binds proxies, and a user
	// agent may refuse whatever it wants to.
	ProxyTransparent = Claim{"ProxyTransparent", "by Greka; no sentence of RFC 3261 forbids a refusal",
		"a user agent takes a request that it takes directly also when it comes through a proxy",
		"the call through a proxy does not end as the direct one does"}
	Answers = Claim{"Answers", "RFC 3261 8.2, 17.1",
		"an element answers every request but ACK that reached its socket, before the sender gives up after 32 s, 64*T1",
		"a request that came to a socket of the stack is not answered"}
	RoutedByTheRules = Claim{"RoutedByTheRules", "RFC 3261 12.2.1.1, 18.1.1, RFC 3263 4",
		"a request inside a dialog goes where its route set and remote target lead, over the transport that they select",
		"a request inside the dialog goes to the wrong place"}
	KeepsRunning = Claim{"KeepsRunning", "what everybody expects of a program",
		"a program neither ends by itself, nor stands still, nor sends without end, whatever call it is in",
		"the program does not go on"}
	LookupAgrees = Claim{"LookupAgrees", "the kernel's socket look-up",
		"a probe meets the socket that the snapshot says it meets",
		"a probe met another socket than the snapshot says"}
	// SocketsAgree is stricter than RFC 3261 18.1.1, which recommends that a
	// connection is used again and permits another one.
	SocketsAgree = Claim{"SocketsAgree", "by Greka; RFC 3261 18.1.1 recommends to use a connection again, and permits another one",
		"an element has the listeners and connections that the model predicts, and no others",
		"there are other sockets than the model predicts"}
)

// Claims lists every claim, in the order in which they are judged.
var Claims = []Claim{ContactAccepts, RecordRouteAccepts, RouteSetCopied, Answers, RoutedByTheRules, KeepsRunning, ProxyTransparent, LookupAgrees, SocketsAgree}

// ClaimNamed returns the claim of that name.
func ClaimNamed(name string) (c Claim, ok bool) {
	i := slices.IndexFunc(Claims, func(c Claim) bool { return c.Name == name })
	if i < 0 {
		return Claim{}, false
	}
	return Claims[i], true
}

// judges say of an observation whether a claim holds, by its name. sofar is what
// the claims before it have come to. A claim that is judged together with another
// one has none of its own (see TestEveryClaimIsJudged).
var judges = map[string]func(s *scenario.Scenario, o *Observation, sofar []Verdict) []Verdict{}

// judgedBy makes known who judges a claim.
func judgedBy(c Claim, judge func(s *scenario.Scenario, o *Observation) []Verdict) {
	judges[c.Name] = func(s *scenario.Scenario, o *Observation, _ []Verdict) []Verdict { return judge(s, o) }
}

// sectionsOf are the sections of a claim that bind one request, where it has
// sections of its own.
var sectionsOf = map[string]map[string]string{
	RoutedByTheRules.Name: {
		"ACK": "RFC 3261 12.2.1.1, 13.2.2.4, 18.1.1, RFC 3263 4",
		"BYE": "RFC 3261 12.2.1.1, 15.1.1, 18.1.1, RFC 3263 4",
	},
	Answers.Name: {
		"INVITE": "RFC 3261 13.3.1, 17.2.1; the sender's Timer B: 17.1.1.2",
		"BYE":    "RFC 3261 15.1.2; the sender's Timer F: 17.1.2.2",
	},
}

// SectionFor is where the guarantee comes from for a request ("ACK", "BYE"): its
// own sections, if it has any, and no other request's.
func (c Claim) SectionFor(request string) string {
	if s := sectionsOf[c.Name][request]; s != "" {
		return s
	}
	return c.Section
}

// AdvertKind is one kind of address that SIP elements hand out.
type AdvertKind struct {
	Header string
	Claim  Claim  // what is owed of it
	Rule   string // what makes it one
}

// AdvertKinds lists them. A header that is not here is none: nothing is claimed
// of it.
var AdvertKinds = []AdvertKind{
	{"Contact", ContactAccepts, "RFC 3261 8.1.1.8, 20.10"},
	{"Record-Route", RecordRouteAccepts, "RFC 3261 16.6 step 4, 20.30"},
}

// kindOfAdvert returns the kind of an advert in a header; not ok for a header
// that hands out no address.
func kindOfAdvert(header string) (k AdvertKind, ok bool) {
	for _, k := range AdvertKinds {
		if k.Header == header {
			return k, true
		}
	}
	return AdvertKind{}, false
}
