package props

import (
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/sut/peer"
)

// TestUsesBelongToWhoHasTheAddress: a request is a use of an address that its
// sender was given, by whoever gave it to him, and of no other.
func TestUsesBelongToWhoHasTheAddress(t *testing.T) {
	sc, err := scenario.Parse(`net   lan 4
host  box lan
proxy p    box udp:5060 deliver=contact
ua    bob  box udp:5072 via=p sut
ua    ann  box udp:5081 via=p
ua    carl box udp:5083
ua    dora box udp:5085 via=p

register bob
call ann  bob
call ann  bob
call carl bob
call dora bob
call carl ann
`)
	if err != nil {
		t.Fatal(err)
	}
	const uri = "sip:bob@10.77.0.1:5072"
	adverts := []model.Advert{
		{Header: "Contact", Message: "REGISTER", URI: uri, Giver: "bob", Seer: "p", CallID: "register", Step: 0},
		{Header: "Contact", Message: "200 INVITE", URI: uri, Giver: "bob", Seer: "p", CallID: "one", Step: 1},
		{Header: "Contact", Message: "200 INVITE", URI: "sip:bob@10.77.0.1:5073", Giver: "bob", Seer: "p", CallID: "one", Step: 1},
	}
	for _, c := range []struct {
		what string
		step int
		u    peer.Use
		want int
	}{
		{"the binding", 2, peer.Use{Element: "p", Request: "INVITE", CallID: "two", URI: uri}, 0},
		{"the dialog", 1, peer.Use{Element: "ann", Request: "ACK", CallID: "one", URI: uri}, 1},
		{"the dialog's other Contact", 1, peer.Use{Element: "ann", Request: "ACK", CallID: "one", URI: "sip:bob@10.77.0.1:5073"}, 2},
		{"another dialog", 2, peer.Use{Element: "ann", Request: "ACK", CallID: "two", URI: uri}, -1},
		{"a new call from who never had it", 3, peer.Use{Element: "carl", Request: "INVITE", CallID: "three", URI: uri}, -1},
		{"the binding, for who never had it", 4, peer.Use{Element: "p", Request: "INVITE", CallID: "four", URI: uri}, 0},
		{"a call to somebody else", 5, peer.Use{Element: "p", Request: "INVITE", CallID: "five", URI: uri}, -1},
	} {
		s := &session{sc: &sc, step: c.step}
		s.obs.Adverts = adverts
		if got := s.find(c.u); got != c.want {
			t.Errorf("%s: advert %d, want %d", c.what, got, c.want)
		}
	}
	// Without a registration the next call's Request-URI is bob's own address:
	// carl has it from bob once he has called him, dora never.
	direct := sc
	direct.Steps = []scenario.Step{scenario.Call{From: "carl", To: "bob"}, scenario.Call{From: "carl", To: "bob"}, scenario.Call{From: "dora", To: "bob"}}
	had := []model.Advert{{Header: "Contact", Message: "200 INVITE", URI: uri, Giver: "bob", Seer: "carl", CallID: "one", Step: 0}}
	for step, want := range map[int]int{1: 0, 2: -1} {
		s := &session{sc: &direct, step: step}
		s.obs.Adverts = had
		if got := s.find(peer.Use{Element: "carl", Request: "INVITE", CallID: "next", URI: uri}); got != want {
			t.Errorf("step %d: advert %d, want %d", step+1, got, want)
		}
	}
}
