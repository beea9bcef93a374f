package model

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Sending is a request inside a dialog that a judged program sent, and where it
// went.
type Sending struct {
	Method string `json:"method,omitzero"`
	Sender string `json:"sender,omitzero"`
	CallID string `json:"call_id,omitzero"`
	// RouteSet and RemoteTarget are those of the sender's dialog, by what was
	// sent to it.
	RouteSet     []string       `json:"route_set,omitzero"`
	RemoteTarget string         `json:"remote_target,omitzero"`
	Size         int            `json:"size,omitzero"`      // of the message in bytes, 0 if it was not seen
	Transport    sip.Transport  `json:"transport,omitzero"` // it went by this one
	To           netip.AddrPort `json:"to,omitzero"`
	Seer         string         `json:"seer,omitzero"` // the element that received it, "" if none did
	Step         int            `json:"step"`
}

func init() { judgedBy(RoutedByTheRules, judgeSendings) }

// judgeSendings judges RoutedByTheRules: one verdict for each request inside a
// dialog whose way was seen.
func judgeSendings(s *scenario.Scenario, o *Observation) []Verdict {
	var out []Verdict
	for i := range o.Sendings {
		x := &o.Sendings[i]
		want, next, ok := x.target()
		if !ok {
			continue
		}
		v := Verdict{Claim: RoutedByTheRules.Name, Class: Accepting, Advert: -1, Use: -1, Step: x.Step, Target: want,
			About: About{Element: x.Sender, Message: x.Method, Role: roleAt(s, x.Step, x.Sender), Transport: x.Transport}}
		if why := x.astray(s, want, next); why != "" {
			v.Class, v.Severity = Misrouted, Finding
			v.Detail = fmt.Sprintf("%s; the dialog's %s, %s, leads to %s %s: %s", x.way(), x.hop(), next, want.Transport, want.Addr, why)
		}
		out = append(out, v)
	}
	return out
}

// way says where the request went. Of one that never left only the dial was seen.
func (x *Sending) way() string {
	if x.Seer == "" && x.Size == 0 {
		return fmt.Sprintf("%s dialled %s %s for its %s, where nobody took it", x.Sender, x.Transport, x.To, x.Method)
	}
	return fmt.Sprintf("the %s of %s went to %s %s%s", x.Method, x.Sender, x.Transport, x.To, x.receiver())
}

// hop is what says where the next hop is (RFC 3261 12.2.1.1).
func (x *Sending) hop() string {
	if len(x.RouteSet) == 0 {
		return "remote target"
	}
	return "first route"
}

func (x *Sending) receiver() string {
	if x.Seer == "" {
		return ", where no element got it"
	}
	return " (" + x.Seer + ")"
}

// target is where the dialog's rules send the request (RFC 3261 12.2.1.1), and
// the URI that says so; not ok if that leads nowhere that the model knows.
func (x *Sending) target() (t sip.Target, next string, ok bool) {
	_, _, next = sip.InDialog(x.RouteSet, x.RemoteTarget)
	t, err := sip.TargetOf(next)
	return t, next, err == nil
}

// largeRequest is the size above which a request goes over TCP, whatever its
// URI says (RFC 3261 18.1.1).
const largeRequest = 1300

// astray says why a request did not go where it had to, "" if it did. It may go
// to the sender's own proxy: that is local policy (RFC 3261 8.1.2), as long as
// a route set does not say otherwise. And it may ride on any connection of whom it
// has to come to.
func (x *Sending) astray(s *scenario.Scenario, want sip.Target, next string) string {
	owner := s.ElementAt(want)
	me := s.Element(x.Sender)
	switch {
	case len(x.RouteSet) == 0 && me != nil && me.Via != "" && x.Seer == me.Via:
		return ""
	case x.Seer != "" && owner != "" && x.Seer != owner:
		return fmt.Sprintf("it belongs to %s", owner)
	case x.Transport != want.Transport && !(x.Transport == sip.TCP && x.Size > largeRequest):
		return overWhat(next, want.Transport)
	case x.Seer != "" && x.Seer == owner && x.Transport == sip.TCP:
		return ""
	case x.To.Port() != want.Addr.Port():
		return "that is another port"
	case x.To.Addr().Unmap() != want.Addr.Addr().Unmap() && x.Seer == "":
		return "that is another address"
	}
	return ""
}

// overWhat says which transport a URI selects, and by what.
func overWhat(uri string, t sip.Transport) string {
	if u, err := sip.ParseURI(uri); err == nil {
		if _, said := u.Param("transport"); said {
			return fmt.Sprintf("it has to go over %s, as the transport parameter says (RFC 3263 4.1)", t)
		}
	}
	return fmt.Sprintf("without a transport parameter it should go over %s (RFC 3263 4.1), and nothing asks for another one (RFC 3261 18.1.1)", t)
}
