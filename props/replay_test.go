package props

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

func TestReplayAsExpected(t *testing.T) {
	closed := contact(model.Closed, model.Finding, 0)
	hidden := contact(model.Closed, model.Latent, 2)
	race := contact(model.Inconclusive, model.None, 0)
	broken := model.Verdict{Class: model.Broken, Detail: "no lab", Advert: -1}
	var p Played
	p.Obs.Adverts = fakeAdverts
	sig, latentSig := closed.Signature(&p.Obs), hidden.Signature(&p.Obs)
	other := sig
	other.Message = "REGISTER"
	for _, x := range []struct {
		name     string
		verdicts []model.Verdict
		want     Want
		ok       bool
		result   Result
		shown    []model.Signature
	}{
		{"clean", nil, Want{}, true, ResultClean, nil},
		{"clean, but it is found", []model.Verdict{hidden, closed, closed}, Want{}, false, ResultFinding, []model.Signature{sig, latentSig}},
		{"clean, and something is latent", []model.Verdict{hidden}, Want{}, true, ResultLatent, []model.Signature{latentSig}},
		{"clean, but undecided", []model.Verdict{race}, Want{}, false, ResultInconclusive, nil},
		{"found", []model.Verdict{closed}, Want{true, sig}, true, ResultFinding, []model.Signature{sig}},
		{"found, whatever else is undecided", []model.Verdict{closed, race}, Want{true, sig}, true, ResultFinding, []model.Signature{sig}},
		{"not found", nil, Want{true, sig}, false, ResultClean, nil},
		{"another is found", []model.Verdict{closed}, Want{true, other}, false, ResultFinding, []model.Signature{sig}},
		{"any is found", []model.Verdict{closed}, Want{Finding: true}, true, ResultFinding, []model.Signature{sig}},
		{"any, and there is only a latent one", []model.Verdict{hidden}, Want{Finding: true}, false, ResultLatent, []model.Signature{latentSig}},
		{"a latent one", []model.Verdict{hidden}, Want{true, latentSig}, true, ResultLatent, []model.Signature{latentSig}},
		{"broken", []model.Verdict{broken}, Want{}, false, ResultBroken, nil},
		{"found, but broken", []model.Verdict{broken, closed}, Want{true, sig}, false, ResultBroken, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			eng := (&fake{faults: at(0, x.verdicts...)}).engine()
			r := replay(context.Background(), &eng, scenarioOf(0), x.want)
			if r.AsExpected != x.ok || r.Result != x.result {
				t.Errorf("as expected: %v, result %s", r.AsExpected, r.Result)
			}
			if d := cmp.Diff(x.shown, r.Shown); d != "" {
				t.Error(d)
			}
			if len(r.Findings()) != len(x.shown) {
				t.Errorf("%d findings", len(r.Findings()))
			}
		})
	}
}

// A scenario that a stack cannot play is refused before it is played.
func TestReplayOfWhatCannotBePlayed(t *testing.T) {
	parse := func(text string) *scenario.Scenario {
		s, err := scenario.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return &s
	}
	const agents = "net lan 4\nhost box lan\nua ann box tcp:5081\n"
	for want, x := range map[string]struct{ stack, text string }{
		"props: the scenario marks no element as sut":                                                  {"peer", agents + "ua bob box tcp:5072\ncall ann bob\n"},
		"props: kernel plays socket steps only, and the scenario has SIP elements":                     {"kernel", founding},
		"props: baresip cannot play this scenario: p is no user agent, and baresip plays nothing else": {"baresip", "net lan 4\nhost box lan\nproxy p box tcp:5060 deliver=flow sut\nua ann box tcp:5081 via=p\nua bob box tcp:5072 via=p\nregister bob\ncall ann bob\n"},
	} {
		stack := Kernel()
		if x.stack != stack.Name {
			stack = find(t, x.stack)
		}
		if _, err := Replay(context.Background(), stack, parse(x.text), Want{}); err == nil || err.Error() != want {
			t.Errorf("\ngot  %v\nwant %s", err, want)
		}
	}
}
