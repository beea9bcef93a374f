package model

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

// Subject is what a class is said of.
type Subject uint8

// The subjects of classes.
const (
	OfAddress Subject = iota + 1 // an address that was handed out
	OfRequest                    // a request that an element sent or was sent
	OfAnswer                     // an answer that an element gave
	OfProgram                    // a program as a whole
	OfSockets                    // what sockets an element has
	OfNothing                    // the harness, or what has no explanation
)

// ClassRow is what everybody needs to know of a class: reports, signatures,
// titles and cases read it here.
type ClassRow struct {
	Class   Class
	Subject Subject
	// Says ends the sentence that begins with the subject, for people. In what
	// is said of a request, %[1]s is the element and %[2]s the request.
	Says string
	// Right marks a class that is no fault at all, and Trouble what is the
	// harness's own: neither ever stands in a finding.
	Right, Trouble bool
	// Nominal marks a class that follows from the address alone: no packet
	// decides it.
	Nominal bool
}

// Classes are all of them, those of addresses in the order in which they are
// decided.
var Classes = []ClassRow{
	{Class: Malformed, Subject: OfAddress, Says: "is no address"},
	{Class: Unspecified, Subject: OfAddress, Says: "is the unspecified address", Nominal: true},
	{Class: Loopback, Subject: OfAddress, Says: "is the loopback address"},
	{Class: LinkLocalNoScope, Subject: OfAddress, Says: "is a link-local address without a zone", Nominal: true},
	{Class: Unreachable, Subject: OfAddress, Says: "cannot be reached"},
	{Class: Accepting, Subject: OfAddress, Says: "accepts", Right: true},
	{Class: AcceptingOtherTransport, Subject: OfAddress, Says: "accepts over another transport than it came by"},
	{Class: WrongOwner, Subject: OfAddress, Says: "leads to somebody else"},
	{Class: WrongTransport, Subject: OfAddress, Says: "does not accept"},
	{Class: WrongPort, Subject: OfAddress, Says: "does not accept"},
	{Class: ConnectionPort, Subject: OfAddress, Says: "does not accept"},
	{Class: CannotAccept, Subject: OfAddress, Says: "does not accept"},
	{Class: Closed, Subject: OfAddress, Says: "does not accept"},
	{Class: NoAnswer, Subject: OfRequest, Says: "%[1]s does not answer the %[2]s that came to its socket"},
	{Class: Misrouted, Subject: OfRequest, Says: "%[1]s sends its %[2]s to the wrong place"},
	{Class: DiffersFromDirect, Subject: OfRequest, Says: "%[1]s refuses the %[2]s that comes through a proxy, and accepts a direct one"},
	{Class: RouteSetDropped, Subject: OfAnswer, Says: "does not copy the Record-Route"},
	{Class: Crashed, Subject: OfProgram, Says: "ends by itself"},
	{Class: Hung, Subject: OfProgram, Says: "stands still"},
	{Class: Flooded, Subject: OfProgram, Says: "sends without end"},
	{Class: SocketsDiffer, Subject: OfSockets, Says: "are others than the model predicts"},
	{Class: Unexplained, Subject: OfNothing, Says: "is not explained by a broken obligation"},
	{Class: Broken, Subject: OfNothing, Says: "could not be played", Trouble: true},
	{Class: Inconclusive, Subject: OfNothing, Says: "is not decided", Trouble: true},
}

// Row returns the class's row in Classes, the zero row for no class of ours.
func (c Class) Row() ClassRow {
	for _, r := range Classes {
		if r.Class == c {
			return r
		}
	}
	return ClassRow{}
}
