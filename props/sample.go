package props

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// The kinds of samples.
const (
	sampleBroken       = "broken"
	sampleInconclusive = "inconclusive"
	sampleLatent       = "latent"
	sampleUnconfirmed  = "unconfirmed"
)

// sample is the first scenario that showed something which is no finding: kept
// with its evidence, so that who wonders about it later has it.
type sample struct {
	kind, name string
	signature  model.Signature // the zero value if it has none
	scenario   *scenario.Scenario
	index      int
	played     *Played
	why        string
	again      string // what came of playing it again with a capture; "" if it was not
	times      int
}

// maxSamples bounds how many kinds of trouble a hunt keeps.
const maxSamples = 50

// sampled notes what one play shows, and returns the samples that are new and
// that a play with a capture would make better.
func (l *ledger) sampled(index int, p *Played, result Result, why string) (fresh []*sample) {
	switch result {
	case ResultBroken:
		l.sample(sampleBroken, model.Signature{}, index, p, why)
		return nil
	case ResultInconclusive:
		l.sample(sampleInconclusive, model.Signature{}, index, p, why)
	}
	here := map[model.Signature]bool{}
	for i := range p.Verdicts {
		v := &p.Verdicts[i]
		sig := v.Signature(&p.Obs)
		if !latent(p, v) || !l.cfg.judges(v.Claim) || here[sig] {
			continue
		}
		here[sig] = true
		if s := l.sample(sampleLatent, sig, index, p, v.Detail); s != nil && l.engine.record != nil {
			fresh = append(fresh, s)
		}
	}
	return fresh
}

// sample counts one more of a kind. It returns the sample if this is the first.
func (l *ledger) sample(kind string, sig model.Signature, index int, p *Played, why string) *sample {
	if l.cfg.Out == "" || p == nil {
		return nil
	}
	name := sampleName(kind, sig, why)
	if s := l.samples[name]; s != nil {
		s.times++
		return nil
	}
	if len(l.samples) == maxSamples {
		return nil
	}
	s := &sample{kind: kind, name: name, signature: sig, scenario: &p.Scenario, index: index, played: p, why: why, times: 1}
	l.samples[name] = s
	l.keepSample(s)
	return s
}

// sampleName is the same for the same trouble: numbers in its reason (ports,
// process numbers) make no other one of it.
func sampleName(kind string, sig model.Signature, why string) string {
	if sig != (model.Signature{}) {
		return kind + "-" + strings.TrimSuffix(corpus.FileName(sig), ".txtar")
	}
	first, _, _ := strings.Cut(why, "\n")
	plainer := strings.Join(strings.FieldsFunc(first, func(r rune) bool { return unicode.IsDigit(r) || r == '.' }), "#")
	return fmt.Sprintf("%s-%x", kind, sha256.Sum256([]byte(plainer)))[:len(kind)+9]
}

// recordedSample takes in what came of playing a sample again with a capture.
func (l *ledger) recordedSample(s *sample, p *Played) {
	switch {
	case p == nil || p.Broken != "":
		s.again = "played again with a capture, it was broken"
	case !shows(p, s.signature):
		s.again = "played again with a capture, it did not show: the log is of the first play, and there are no packets"
	default:
		s.again, s.played = "played again with a capture, it showed", p
	}
	l.keepSample(s)
}

// keepSample writes a sample; each time with what is known by then.
func (l *ledger) keepSample(s *sample) {
	c := &corpus.Case{
		Comment:     s.comment(&l.sum),
		Scenario:    *s.scenario,
		Found:       &corpus.Found{Seed: l.cfg.Seed, Index: s.index, Kernel: kernelRelease(), Greka: Version()},
		Explanation: s.why,
	}
	if s.signature != (model.Signature{}) {
		c.Expect = []corpus.Expectation{{Stack: l.sum.Stack, Version: l.sum.Version, Signature: s.signature}}
		if v := verdictOf(s.played, s.signature); s.kind == sampleLatent {
			c.Explanation = title(s.played, v) + "\n\n" + wrapText(strings.Trim(l.engine.explain(s.played, v), "\n"), textWidth)
		}
	}
	dir := filepath.Join(caseDir(l.cfg.Out, l.sum.Stack), "samples")
	seen, err := keptAs(s.played, l.sum.Stack, l.sum.Version)
	l.outErr = cmp.Or(l.outErr, err)
	_, err = corpus.WriteSample(dir, s.name, c, corpus.Evidence{Packets: s.played.Packets, Log: s.played.Log, Observation: seen})
	l.outErr = cmp.Or(l.outErr, err)
}

// comment says what the sample is of, and how often that was seen.
func (s *sample) comment(sum *Summary) string {
	text := fmt.Sprintf("A sample, and no finding: %s. Seen in %d of %d scenarios and direct twins of a hunt of %s %s.",
		s.kind, s.times, max(sum.Cases+sum.Twins, s.times), sum.Stack, sum.Version)
	if s.kind == sampleUnconfirmed {
		text = fmt.Sprintf("A sample, and no finding: seen in a hunt of %s %s, and not confirmed: %s.", sum.Stack, sum.Version, s.why)
	}
	if s.again != "" {
		text += "\n" + strings.ToUpper(s.again[:1]) + s.again[1:] + "."
	}
	return text
}

// finishSamples writes every sample once more, with its rate in the whole hunt.
func (l *ledger) finishSamples() {
	for _, s := range l.samples {
		l.keepSample(s)
	}
}

// capture plays a scenario once more, with a capture.
func (p *player) capture(ctx context.Context, sc *scenario.Scenario) *Played {
	return (&player{stack: p.stack, record: true}).play(ctx, sc, false)
}
