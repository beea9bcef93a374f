package model

import (
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// Class says what is wrong with an advert, or that nothing is.
type Class string

// The classes, in the order in which they are decided.
const (
	Malformed               Class = "Malformed"
	Unspecified             Class = "Unspecified"
	Loopback                Class = "Loopback"
	LinkLocalNoScope        Class = "LinkLocalNoScope"
	Unreachable             Class = "Unreachable"
	Accepting               Class = "Accepting"
	AcceptingOtherTransport Class = "AcceptingOtherTransport"
	WrongOwner              Class = "WrongOwner"
	WrongTransport          Class = "WrongTransport"
	WrongPort               Class = "WrongPort"
	ConnectionPort          Class = "ConnectionPort"
	CannotAccept            Class = "CannotAccept"
	Closed                  Class = "Closed"

	// NoAnswer is Answers' own: a request came to a socket of the element and
	// was never answered.
	NoAnswer Class = "NoAnswer"
	// RouteSetDropped is RouteSetCopied's own: an answer without the
	// Record-Routes that came, or with others.
	RouteSetDropped Class = "RouteSetDropped"
	// Misrouted is RoutedByTheRules' own: the address is fine, and its user
	// sent elsewhere.
	Misrouted Class = "Misrouted"
	// Crashed, Hung and Flooded are KeepsRunning's own: a program that ended
	// by itself, one that stands still, one that sends without end.
	Crashed Class = "Crashed"
	Hung    Class = "Hung"
	Flooded Class = "Flooded"
	// DiffersFromDirect is ProxyTransparent's own: the element refuses behind
	// a proxy what it accepts directly, and only the path explains it.
	DiffersFromDirect Class = "DiffersFromDirect"
	// Unexplained is a difference of outcome for which no broken obligation
	// of the element has been found. It accuses nobody: a description that is
	// wrong, a peer that gave up, a race look the same.
	Unexplained Class = "Unexplained"
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
	// Puzzle: what was seen has no explanation yet. It is kept for people, and
	// is no accusation.
	Puzzle Severity = "Unexplained"
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
	About    About
	Target   sip.Target
	Picked   *linux.Socket // what Lookup picked, nil if nothing
	Detail   string        // for people
	// Missing and Extra are of SocketsDiffer: what is predicted and not there,
	// and what is there and not predicted.
	Missing, Extra []SocketLine
}

// About says what a verdict is about where no advert does.
type About struct {
	Element   string // whose obligation it is
	Message   string // "ACK", "BYE", "INVITE"
	Role      Role
	Transport sip.Transport
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
