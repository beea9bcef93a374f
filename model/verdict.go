package model

import (
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
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
