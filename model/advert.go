package model

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Role is the part that the giver of an advert plays in the call.
// A user agent that registers is the callee of the calls to come.
type Role uint8

// The roles of a giver.
const (
	RoleCaller Role = iota + 1
	RoleCallee
	RoleProxy
)

// Roles lists every role of a giver.
var Roles = []Role{RoleCaller, RoleCallee, RoleProxy}

var giverNames = [...]string{"", "caller", "callee", "proxy"}

// String returns the role's name as it stands in a finding.
func (r Role) String() string { return giverNames[r] }

// Leg is the pair of addresses between which a message travelled, from the
// point of view of who saw it.
type Leg struct {
	Transport sip.Transport  `json:"transport,omitzero"`
	Local     netip.AddrPort `json:"local,omitzero"`
	Remote    netip.AddrPort `json:"remote,omitzero"`
}

// Advert is an address that was handed out.
type Advert struct {
	Header  string `json:"header,omitzero"`  // "Contact", "Record-Route"
	Value   string `json:"value,omitzero"`   // the header's value, raw
	URI     string `json:"uri,omitzero"`     // the URI in it, raw; "" if no single one can be made out
	Problem string `json:"problem,omitzero"` // why not, "" if it can
	Message string `json:"message,omitzero"` // "REGISTER", "INVITE", "180 INVITE", "200 INVITE"
	Giver   string `json:"giver,omitzero"`   // the element that gave it
	Role    Role   `json:"role,omitzero"`    // the giver's part
	Seer    string `json:"seer,omitzero"`    // the element that saw it first
	Leg     Leg    `json:"leg,omitzero"`     // where it was seen first: the leg that it was sent on
	CallID  string `json:"call_id,omitzero"`
	// Nth is its place among the Of values that the message has in this header,
	// from 1 and from the top. Both are 0 where it is the only one, or that was
	// not noted.
	Nth  int `json:"nth,omitzero"`
	Of   int `json:"of,omitzero"`
	Step int `json:"step"` // index of the step in which it was seen
}

// Viewpoint is who will use an advert next, from where.
type Viewpoint struct {
	Element string     `json:"element,omitzero"`
	Host    string     `json:"host,omitzero"`
	Source  netip.Addr `json:"source,omitzero"` // the address that it will dial from
}

// ProbeResult says what became of a connect (TCP) or a datagram (UDP) sent to
// a target from a viewpoint, from a fresh port.
type ProbeResult uint8

// What a probe can meet.
const (
	ProbeNone        ProbeResult = iota // not probed
	ProbeAccepted                       // TCP: SYN-ACK; UDP: no ICMP error came back
	ProbeRefused                        // TCP: RST; UDP: ICMP port unreachable
	ProbeUnreachable                    // no route, or ICMP host/network unreachable
	ProbeTimeout                        // no answer within the bound
	ProbeSelf                           // connected to itself (same address and port)
	ProbeError                          // the probe itself failed: harness trouble
)

var probeNames = [...]string{"not probed", "accepted", "connection refused", "unreachable", "no answer", "connected to itself", "probe failed"}

// String says it in the words of a report.
func (p ProbeResult) String() string { return probeNames[p] }

// Probe is one probe and its outcome.
type Probe struct {
	Carrier sip.Carrier    `json:"carrier,omitzero"`
	Source  netip.AddrPort `json:"source,omitzero"` // where it was sent from
	Target  netip.AddrPort `json:"target,omitzero"`
	Result  ProbeResult    `json:"result,omitzero"`
	Owner   string         `json:"owner,omitzero"`  // TCP, accepted: owner of the socket that took it, "" if unknown
	Detail  string         `json:"detail,omitzero"` // the system's error text, for people
}

// Use is the moment at which a viewpoint holds an advert: when it was received,
// and again when a request is about to be sent there.
type Use struct {
	Advert   int       `json:"advert"` // index into Observation.Adverts
	View     Viewpoint `json:"view,omitzero"`
	Request  string    `json:"request,omitzero"`   // what it is about to send there: "ACK", "BYE", "INVITE"; "" on receipt
	MustDial bool      `json:"must_dial,omitzero"` // no live connection of the viewpoint carries it: it has to dial
	Snapshot int       `json:"snapshot"`           // index into Observation.Snapshots
	Probe    Probe     `json:"probe,omitzero"`     // zero if the target cannot be probed, or was spared
	// Lacks says that the viewpoint does not implement the transport that the
	// URI selects: the scenario says so, and RFC 3261 18 does not.
	Lacks bool `json:"lacks,omitzero"`
	// Spared is why the target was not probed though it could have been: a
	// play without probes, or a queue that a probe might fill. Then the
	// sockets decide, and what the user's own connect met.
	Spared string `json:"spared,omitzero"`
	// Met is what became of the user's own connect, with no help of ours;
	// ProbeNone if it did not have to dial, or nothing is known of it.
	Met  ProbeResult `json:"met,omitzero"`
	Step int         `json:"step"`
}

// Outcome is what became of one call, as far as the elements saw it.
type Outcome struct {
	Step     int    `json:"step"`
	Status   int    `json:"status,omitzero"`    // final status at the caller, 0 if none came
	Acked    bool   `json:"acked,omitzero"`     // the ACK of the 2xx arrived at the callee
	Bye      bool   `json:"bye,omitzero"`       // a BYE was sent by one of our elements, or came to one
	ByeReply int    `json:"bye_reply,omitzero"` // status of the response to BYE, 0 if none came to its sender
	Failure  string `json:"failure,omitzero"`
}

// Completed reports whether the call went through from INVITE to BYE.
func (o Outcome) Completed() bool { return o.Status/100 == 2 && o.Acked && o.ByeReply/100 == 2 }

// Observation is what was there when a scenario was played.
type Observation struct {
	Adverts    []Advert
	Uses       []Use
	Snapshots  []linux.Snapshot
	Outcomes   []Outcome
	Requests   []Request  // that were sent to a judged program
	Sendings   []Sending  // requests inside a dialog that it sent
	RouteSets  []RouteSet // of answers to INVITE that a judged element gave
	Breakdowns []Breakdown
	// After is, for each step played, the index of the snapshot taken when
	// it had ended. It may be shorter than the scenario's steps: the rest
	// was not played, since an earlier step failed.
	After []int
	// Own marks the elements whose every socket the model predicts.
	Own map[string]bool
	// Broken is the harness's own trouble, "" if none: nothing else in the
	// observation may be relied on then.
	Broken string
}

// String tells the outcome in a few words.
func (o Outcome) String() string { return o.text("", "", "BYE") }

// Told is String with the names of who saw what: the caller its final status, the
// callee the ACK, and whoever sent the BYE the answer to it. unread is where the
// ACK lies in a socket of the callee's, if it does: it was not seen, and has arrived.
func (o Outcome) Told(c scenario.Call, unread string) string {
	bye := c.From
	if c.Hangup == scenario.Callee {
		bye = c.To
	}
	if within, silent := strings.CutPrefix(o.Failure, "nothing more happened within "); silent {
		o.Failure = fmt.Sprintf("nothing new came within %s; what is sent again is not new", within)
	}
	text := o.text(" at "+c.From, " at "+c.To, "BYE of "+bye)
	if unread != "" {
		text = strings.Replace(text, unseen+" at "+c.To, fmt.Sprintf(", the ACK came to %s's socket (%s) and lies there unread", c.To, unread), 1)
	}
	return text
}

// unseen says that nobody has noted the ACK. That does not say that it did not
// arrive.
const unseen = ", no ACK was seen to arrive"

// text says where the final status came, where the ACK arrived, and whose BYE it
// was.
func (o Outcome) text(final, acked, bye string) string {
	s := fmt.Sprintf("final status %d%s", o.Status, final)
	if o.Status == 0 {
		s = "no final status" + final
	}
	if o.Status/100 == 2 {
		switch {
		case o.Acked:
			s += ", ACK arrived" + acked
		case strings.Contains(o.Failure, "ACK"):
			s += ", ACK lost"
		default:
			s += unseen + acked
		}
		s += o.byeText(bye)
	}
	if o.Failure != "" {
		s += " (" + o.Failure + ")"
	}
	return s
}

// byeText says no more of a BYE than was seen: an answer that went elsewhere is
// none that came.
func (o Outcome) byeText(bye string) string {
	switch {
	case o.ByeReply != 0:
		return fmt.Sprintf(", %s answered with %d", bye, o.ByeReply)
	case !o.Acked && o.Failure != "":
		return "" // the call was given up before a BYE was waited for
	case o.Bye:
		return fmt.Sprintf(", no answer to the %s came", bye)
	}
	return ", no BYE was seen"
}
