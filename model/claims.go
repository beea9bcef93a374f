package model

// Claim is one guarantee. Its text is what a user reads.
type Claim struct {
	Name    string
	Section string // where the guarantee comes from
	Text    string
}

// The claims.
var (
	ContactAccepts = Claim{"ContactAccepts", "RFC 3261 8.1.1.8, 12.1.1, 12.1.2, 18.2.1",
		"every Contact resolves to a socket of its giver that accepts whoever uses it next"}
	RecordRouteAccepts = Claim{"RecordRouteAccepts", "RFC 3261 16.6(4)",
		"every Record-Route resolves to a socket of the proxy that put it there and accepts whoever uses it next"}
	ProxyTransparent = Claim{"ProxyTransparent", "RFC 3261 16",
		"a call through a proxy has the same outcome as the same call without it"}
	LookupAgrees = Claim{"LookupAgrees", "the kernel's socket look-up",
		"a probe meets the socket that the snapshot says it meets"}
	SocketsAgree = Claim{"SocketsAgree", "RFC 3261 18.1.1",
		"an element has the listeners and connections that the model predicts, and no others"}
)

// Claims lists every claim, in the order in which they are judged.
var Claims = []Claim{ContactAccepts, RecordRouteAccepts, ProxyTransparent, LookupAgrees, SocketsAgree}

// claimOf returns the claim about an advert in a header.
func claimOf(header string) string {
	if header == "Record-Route" {
		return RecordRouteAccepts.Name
	}
	return ContactAccepts.Name
}
