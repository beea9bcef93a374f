package scenario

import (
	"errors"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/table"
	"github.com/greka-sip/greka/internal/texts"
)

// TestValidate: nonsense that no text can hold is found in a scenario that was
// made by a program, and named.
func TestValidate(t *testing.T) {
	for want, breakIt := range map[string]func(*Scenario){
		`net lan: found "5", want 4, 6 or 46`:     func(s *Scenario) { s.Nets[0].Family = 5 },
		`host box: found nothing`:                 func(s *Scenario) { s.Hosts[0].Nets = nil },
		`host A B: found "A B", want a name`:      func(s *Scenario) { s.Hosts[0].Name = "A B" },
		`host \x00: found "\x00", want a name`:    func(s *Scenario) { s.Hosts[0].Name = "\x00" },
		`ua bob: found nothing, want a listener`:  func(s *Scenario) { s.Elements[1].Listen = nil },
		`found "transport(9):5072"`:               func(s *Scenario) { s.Elements[1].Listen[0].Transport = 9 },
		`found "tcp:0"`:                           func(s *Scenario) { s.Elements[1].Listen[0].Port = 0 },
		`found "kind 7"`:                          func(s *Scenario) { s.Elements[1].Kind = 7 },
		`proxy p: found nothing, want deliver`:    func(s *Scenario) { s.Elements[0].Deliver = 0 },
		`want deliver=flow or deliver=contact`:    func(s *Scenario) { s.Elements[0].Deliver = 9 },
		`found "via=p", want a proxy without`:     func(s *Scenario) { s.Elements[0].Via = "p" },
		`found "deliver=flow via=p sut", want`:    func(s *Scenario) { s.Elements[1].Deliver = DeliverFlow },
		`found "record-route via=p sut", want`:    func(s *Scenario) { s.Elements[1].RecordRoute = true },
		`found "stack=x y"`:                       func(s *Scenario) { s.Elements[2].Stack = "x y" },
		`found "stack=a/../b"`:                    func(s *Scenario) { s.Elements[2].Stack = "a/../b" },
		`step 1: <nil>: found "<nil>", want a`:    func(s *Scenario) { s.Steps[0] = nil },
		`found "*scenario.Register", want a step`: func(s *Scenario) { s.Steps[0] = &Register{UA: "bob"} },
		`step 1: register bob transport(9)`:       func(s *Scenario) { s.Steps[0] = Register{UA: "bob", Transport: 9} },
		`found "hangup=side(2)", want hangup=ca`:  func(s *Scenario) { s.Steps[1] = Call{From: "ann", To: "bob", Hangup: 2} },
		`step 2: call ann : found nothing`:        func(s *Scenario) { s.Steps[1] = Call{From: "ann"} },
	} {
		s, err := Parse(texts.Founding)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(); err != nil {
			t.Fatal(err)
		}
		breakIt(&s)
		err = s.Validate()
		var e *InvalidError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
			continue
		}
		table.OneLine(t, err)
		if _, err := Parse(Format(s)); err == nil {
			t.Errorf("%s: its text makes sense:\n%s", want, Format(s))
		}
	}
}

func TestValidateEmpty(t *testing.T) {
	if err := new(Scenario).Validate(); err == nil || err.Error() != "scenario: found nothing, want at least one net" {
		t.Error(err)
	}
}

func TestUsageIsWhatParseReads(t *testing.T) {
	for _, usage := range Usage() {
		word, _, _ := strings.Cut(usage, " ")
		_, err := Parse("\n" + word)
		var e *ParseError
		if !errors.As(err, &e) || e.Line != 2 || e.Column != len(word)+1 {
			t.Errorf("%s: %v", usage, err)
		}
	}
}
