package model

// Class says what is wrong with an advert, or that nothing is.
type Class string

// The classes, in the order in which they are decided.
const (
	Malformed               Class = "Malformed"
	Unspecified             Class = "Unspecified"
	Loopback                Class = "Loopback"
	Unreachable             Class = "Unreachable"
	Accepting               Class = "Accepting"
	AcceptingOtherTransport Class = "AcceptingOtherTransport"
	WrongOwner              Class = "WrongOwner"
	WrongTransport          Class = "WrongTransport"
	WrongPort               Class = "WrongPort"
	ConnectionPort          Class = "ConnectionPort"
	Closed                  Class = "Closed"

	// DiffersFromDirect is ProxyTransparent's own: the outcome differs and
	// no address explains it.
	DiffersFromDirect Class = "DiffersFromDirect"
	// SocketsDiffer is SocketsAgree's own: a socket is there that the model
	// does not allow, or one that it demands is missing.
	SocketsDiffer Class = "SocketsDiffer"

	// Broken is trouble of the harness, Inconclusive an undecided race.
	// Neither is ever reported as a bug.
	Broken       Class = "Broken"
	Inconclusive Class = "Inconclusive"
)

// Severity tells whether somebody is hurt.
type Severity string

// The severities.
const (
	// Finding: the viewpoint that uses the address next has to dial it.
	Finding Severity = "Finding"
	// Latent: the rule is broken but nobody in this scenario is hurt.
	Latent Severity = "Latent"
	// None: the claim holds, or nothing can be said.
	None Severity = ""
)

// Verdict is one claim judged once.
type Verdict struct {
	Claim    string
	Class    Class
	Severity Severity
	Advert   int // index into Observation.Adverts, -1 if the claim is not about one
	Use      int // index into Observation.Uses, -1 if none
	Step     int // index of the step
	Target   Target
	Picked   *Socket // what Lookup picked, nil if nothing
	Detail   string  // for people
}

// Signature is what makes two findings the same: no port, pid or time.
type Signature struct {
	Claim     string   `json:"claim"`
	Class     Class    `json:"class"`
	Severity  Severity `json:"severity"`
	Header    string   `json:"header"`
	Message   string   `json:"message"`
	Role      string   `json:"role"`
	Transport string   `json:"transport"`
}
