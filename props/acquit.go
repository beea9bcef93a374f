package props

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// puzzling reports whether a call did not go through and no advert explains it.
func puzzling(p *Played) bool {
	return slices.ContainsFunc(p.Verdicts, unexplained)
}

// unexplained picks the verdicts of failed calls that nothing explains.
func unexplained(v model.Verdict) bool { return v.Claim == "" && v.Class == model.Inconclusive }

// compare judges ProxyTransparent. What nothing explained is no longer open if
// the direct call fares otherwise: it is the difference that was found.
func (p *Played) compare(sc *scenario.Scenario) {
	verdicts := model.Compare(sc, &p.Obs, &p.Twin.Obs, p.explained() || p.Twin.explained())
	if slices.ContainsFunc(verdicts, func(v model.Verdict) bool { return v.Severity != model.None }) {
		p.Verdicts = slices.DeleteFunc(p.Verdicts, unexplained)
	}
	p.Verdicts = append(p.Verdicts, verdicts...)
}

// explained reports whether a verdict says why a call fared as it did.
func (p *Played) explained() bool {
	return slices.ContainsFunc(p.Verdicts, func(v model.Verdict) bool {
		return v.Severity != model.None || v.Class == model.Inconclusive && !unexplained(v) || p.Obs.UserLacks(&v)
	})
}

// acquit turns what speaks against an element that is not judged into Broken:
// an honest element is never guilty, so it is we who are.
func acquit(sc *scenario.Scenario, o *model.Observation, verdicts []model.Verdict) []model.Verdict {
	judged := ""
	if e := sc.SUT(); e != nil {
		judged = e.Name
	}
	for i := range verdicts {
		v := &verdicts[i]
		if v.Severity == model.None {
			continue
		}
		against := judged
		if v.Advert >= 0 {
			against = o.Adverts[v.Advert].Giver
		} else if v.Class == model.SocketsDiffer && !o.Own[judged] {
			against = ""
		}
		switch {
		case against == judged && judged != "":
		case v.Severity == model.Latent && o.UserLacks(v): // drawn so, and nobody's fault
			v.Severity = model.None
		default:
			v.Detail = fmt.Sprintf("%s speaks against %s: %s", v.Class, notJudged(against), v.Detail)
			v.Class, v.Severity = model.Broken, model.None
		}
	}
	return verdicts
}

// notJudged names who cannot be guilty.
func notJudged(element string) string {
	if element == "" {
		return "Greka's own elements"
	}
	return element + ", who is not judged"
}
