package peer

import (
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Lie makes a peer a mutant: it tells one untruth. The zero value is honest.
type Lie struct {
	// Name is the mutant's name without "mutant/", "" for an honest peer.
	Name string
	// Doc says what it does and what that means for the class, in a line.
	Doc string
	// Contact returns the raw value of a Contact header.
	Contact func(c ContactFor) string
	// AfterRegister: the element closes its TCP listener once it has
	// registered.
	AfterRegister bool
	// RecordRoute returns what a proxy writes into a Record-Route's URI.
	RecordRoute func(honest string) string
	// RefuseBehindProxy: the element refuses calls that came through a proxy.
	RefuseBehindProxy bool
	// ConnectUDP: the element connects its UDP socket to whoever sends the
	// first request, and so to nobody else.
	ConnectUDP bool
	// DropRecordRoute: the element's answers lack the Record-Routes that came.
	DropRecordRoute bool
	// DeafTo: the element never answers requests of this method.
	DeafTo string
	// OtherTransport: the element sends its requests of this method over
	// another transport than their URI selects.
	OtherTransport string
	// DialAnew: the element never uses a connection twice for requests. RFC
	// 3261 18.1.1 allows it; the model's elements do not do it.
	DialAnew bool
}

// Addresses reports whether the lie is about addresses: then what others dial
// is no longer what the model predicts of honest elements.
func (l Lie) Addresses() bool {
	return l.Contact != nil || l.AfterRegister || l.ConnectUDP || l.DropRecordRoute || l.RecordRoute != nil || l.OtherTransport != ""
}

// ContactFor is what a Contact is made for.
type ContactFor struct {
	Scenario  *scenario.Scenario
	Element   *scenario.Element
	Message   string         // "REGISTER", "INVITE", "180 INVITE", "200 INVITE"
	Transport sip.Transport  // of the leg that carries it
	Arrived   model.Leg      // the leg that the request came on; zero in requests
	Honest    string         // what an honest peer writes
	Nth       int            // how many Contacts of such a message the element has given before
	Flows     []sip.Flow     // the element's live connections
	Accounts  map[string]int // how many REGISTERs it has sent to whom, this one included
}

// contact returns the Contact value for a message.
func (e *element) contact(message string, t sip.Transport, arrived model.Leg) string {
	if e.el.Port(t) == 0 { // it talks over t, and accepts where it was told to
		t = e.el.Listen[0].Transport
	}
	honest := "<" + e.uri(e.el.Name, t, "") + ">"
	if e.lie.Contact == nil {
		return honest
	}
	n := e.given[message]
	e.given[message]++
	accounts := map[string]int{}
	for proxy, a := range e.accounts {
		accounts[proxy] = a.cseq
	}
	return e.lie.Contact(ContactFor{Scenario: e.world.sc, Element: e.el, Message: message,
		Transport: t, Arrived: arrived, Honest: honest, Flows: e.world.Flows(e.el.Name), Accounts: accounts, Nth: n})
}

// stopListening closes the TCP listener and keeps the connections.
func (e *element) stopListening() {
	for _, s := range e.world.socks {
		if s.owner == e && s.listening {
			e.world.drop(s)
		}
	}
}
