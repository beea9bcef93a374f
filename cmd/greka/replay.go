package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

// replayFlags are the flags of greka replay.
type replayFlags struct {
	times         int
	json          bool
	stack, expect string
	pcap          string
	observation   string
	output        bool
	yes, insecure bool
}

func newReplay(s streams) *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay [flags] CASE...",
		Short: "run cases again",
		Long: `Replay plays the scenario of each case again and compares what it shows with
what the case expects of this stack in this version: a version that the case
does not list is expected to be clean. A file with nothing but a scenario will
do, too.

--json writes one object a line. Its "event" is finding (once for each
signature that a case showed), replay (one for each case), and at the end
summary.`,
		Args:              atLeastOne("case"),
		ValidArgsFunction: completeCases,
		RunE:              func(_ *cobra.Command, args []string) error { return f.replay(s, args) },
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.IntVarP(&f.times, "times", "n", 1, "how often to play each case")
	fl.BoolVar(&f.json, "json", false, "one JSON object a line on standard output")
	fl.StringVar(&f.stack, "stack", "", "the stack to judge, or a file that describes it (default the first that the case names, or else peer)")
	_ = c.RegisterFlagCompletionFunc("stack", completeStacks) // it fails for flags that are not there
	fl.BoolVar(&f.output, "output", false, "show what the programs of each play were told (>) and what they wrote")
	fl.StringVar(&f.pcap, "pcap", "", "play a case once more and write its packets to this file (pcapng)")
	fl.StringVar(&f.observation, "observation", "", "write what was seen in the last play of a case to this file, for greka judge")
	fl.StringVar(&f.expect, "expect", "", "finding or clean (default what the case says)")
	fl.BoolVar(&f.yes, "yes", false, yesUsage)
	fl.BoolVar(&f.insecure, "insecure", false, insecureUsage)
	return c
}

// rerun is one case to replay.
type rerun struct {
	file  string
	c     *corpus.Case
	stack *sut.Stack
	want  props.Want
}

// replayed is what came of a case, as JSON.
type replayed struct {
	Event        string   `json:"event"` // "replay"
	CaseFile     string   `json:"case_file"`
	Stack        string   `json:"stack"`
	Version      string   `json:"version"`
	Expect       string   `json:"expect"` // a signature, "any finding" or "clean"
	Plays        int      `json:"plays"`
	AsExpected   int      `json:"as_expected"`
	Broken       int      `json:"broken"`
	Inconclusive int      `json:"inconclusive"`
	Shown        []string `json:"shown"` // signatures
	Detail       string   `json:"detail,omitempty"`
	latent       []string // of those
}

// replaySummary is the last object of a replay, as JSON.
type replaySummary struct {
	Event        string           `json:"event"` // "summary"
	Cases        int              `json:"cases"`
	Plays        int              `json:"plays"`
	AsExpected   int              `json:"as_expected"`
	Broken       int              `json:"broken"`
	Inconclusive int              `json:"inconclusive"`
	Findings     []*props.Finding `json:"findings"`
}

// replay plays all cases. Every case is read before the first one is played.
func (f *replayFlags) replay(s streams, files []string) error {
	if f.times < 1 {
		return fmt.Errorf("-n %d: give 1 or more", f.times)
	}
	if f.expect != "" && f.expect != "finding" && f.expect != "clean" {
		return fmt.Errorf("--expect %s: give finding or clean", f.expect)
	}
	if err := f.outputs(files); err != nil {
		return err
	}
	reruns, err := f.readAll(files)
	if err != nil {
		return err
	}
	if err := netns.Start(); err != nil {
		return err
	}
	ctx, stop := untilInterrupted()
	defer stop()
	if err := f.prepare(ctx, s, reruns); err != nil {
		return err
	}
	out := &replayOutput{streams: s, json: f.json, stack: f.stack, printer: printerFor(s.out)}
	out.sum.Event, out.sum.Findings = "summary", []*props.Finding{}
	for _, r := range reruns {
		if err := f.one(ctx, r, out); err != nil {
			return err
		}
	}
	if f.pcap != "" {
		if err := record(ctx, reruns[0], f.pcap); err != nil {
			return err
		}
	}
	return out.end(ctx)
}

// outputs refuses files to write that make no sense.
func (f *replayFlags) outputs(files []string) error {
	for _, x := range []struct{ flag, file string }{{"--pcap", f.pcap}, {"--observation", f.observation}} {
		if x.file != "" && len(files) != 1 {
			return fmt.Errorf("%s: name one case, since it is one file", x.flag)
		}
		if err := apart(x.flag, x.file, append(files, f.stack)...); err != nil {
			return err
		}
	}
	return apart("--observation", f.observation, f.pcap)
}

// keep writes what was seen in a play.
func (f *replayFlags) keep(p *props.Replayed) error {
	if f.observation == "" || p == nil {
		return nil
	}
	seen := p.Observed()
	if seen == nil {
		return errors.New("--observation: the kernel's cases are judged while they are played, and nothing of them is kept")
	}
	text, err := corpus.FormatObserved(seen)
	if err != nil {
		return err
	}
	return corpus.WriteFile(f.observation, text)
}

// record plays a case once more, with a capture.
func record(ctx context.Context, r *rerun, file string) error {
	var packets bytes.Buffer
	err := props.Record(ctx, r.stack, &r.c.Scenario, &packets)
	if err != nil {
		err = fmt.Errorf("%s: %w", r.file, err)
	}
	if packets.Len() == 0 {
		return err
	}
	return errors.Join(corpus.WriteFile(file, packets.Bytes()), err)
}

// readAll reads the cases and finds out with which stacks to play them.
func (f *replayFlags) readAll(files []string) (reruns []*rerun, err error) {
	var given *sut.Stack
	if f.stack != "" {
		if given, err = find(f.stack); err != nil {
			return nil, err
		}
	}
	for _, file := range files {
		c, err := corpus.ReadScenario(file)
		if err != nil {
			return nil, err
		}
		stack := given
		if stack == nil {
			if stack, err = stackOf(c); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
		reruns = append(reruns, &rerun{file: file, c: c, stack: stack})
	}
	return reruns, nil
}

// stackOf returns the stack that a case names: what it says is a name, and
// never a file's.
func stackOf(c *corpus.Case) (*sut.Stack, error) {
	name := "peer"
	if len(c.Expect) > 0 {
		name = c.Expect[0].Stack
	}
	if name == props.Kernel().Name {
		return props.Kernel(), nil
	}
	stack, err := sut.Find(name)
	if err != nil {
		return nil, fmt.Errorf("no stack %s is known; name the file that describes it: greka replay --stack FILE CASE", name)
	}
	return stack, nil
}

// prepare makes sure that all cases can be played, and finds out what to expect
// of the stacks in the versions that are here.
func (f *replayFlags) prepare(ctx context.Context, s streams, reruns []*rerun) error {
	var stacks []*sut.Stack
	for _, r := range reruns {
		if !slices.Contains(stacks, r.stack) {
			stacks = append(stacks, r.stack)
		}
	}
	if err := s.allow(ctx, stacks, f.yes); err != nil {
		return err
	}
	if err := s.sandboxed(stacks, f.insecure); err != nil {
		return err
	}
	for _, r := range reruns {
		version, err := r.stack.Installed(ctx)
		if err != nil {
			return err
		}
		r.want = f.want(r.c, r.stack.Name, version)
	}
	return nil
}

func (f *replayFlags) want(c *corpus.Case, stack, version string) props.Want {
	want := props.WantOf(c, stack, version)
	switch {
	case f.expect == "clean":
		return props.Want{}
	case f.expect == "finding" && !want.Finding:
		// What the case is about, if it says so for any stack.
		for _, e := range c.Expect {
			if !e.Clean() {
				return props.Want{Finding: true, Signature: e.Signature}
			}
		}
		return props.Want{Finding: true}
	}
	return want
}

// one plays one case so often as was asked for.
func (f *replayFlags) one(ctx context.Context, r *rerun, out *replayOutput) error {
	res := replayed{Event: "replay", CaseFile: r.file, Stack: r.stack.Name, Version: r.stack.Version,
		Expect: r.want.String(), Shown: []string{}}
	var last *props.Replayed
	for range f.times {
		p, err := props.Replay(ctx, r.stack, &r.c.Scenario, r.want)
		if err != nil {
			return fmt.Errorf("%s: %w", r.file, err)
		}
		if ctx.Err() != nil {
			break
		}
		res.add(p)
		last = p
		out.findings(r.file, &res, p.Findings())
		if f.output {
			out.programs(p)
		}
	}
	out.tell(&res)
	return f.keep(last)
}

func (r *replayed) add(p *props.Replayed) {
	r.Plays++
	switch p.Result {
	case props.ResultBroken:
		r.Broken++
	case props.ResultInconclusive:
		r.Inconclusive++
	}
	if p.AsExpected {
		r.AsExpected++
	} else if r.Detail == "" {
		r.Detail = p.Detail
	}
}

// replayOutput writes what came of replays, as JSON or for people.
type replayOutput struct {
	streams
	json    bool
	printer *props.Printer
	stack   string // as --stack was given
	sum     replaySummary
}

func (o *replayOutput) encode(v any) {
	enc := json.NewEncoder(o.out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // o.out remembers the error
}

// programs shows what passed between the programs of a play and us: beside the
// results, so that who reads JSON can do so.
func (o *replayOutput) programs(p *props.Replayed) {
	w := o.out
	if o.json {
		w = o.err
	}
	if log := p.Played.Log; len(log) > 0 {
		fmt.Fprintf(w, "%s\n", log)
	} else {
		fmt.Fprintln(w, "no programs: Greka plays every element itself")
	}
}

// findings shows each signature of a case once. Latent ones are only named.
func (o *replayOutput) findings(file string, r *replayed, fs []*props.Finding) {
	for _, f := range fs {
		sig := corpus.FormatSignature(f.Signature)
		if slices.Contains(r.Shown, sig) {
			continue
		}
		r.Shown = append(r.Shown, sig)
		if f.Severity != model.Finding {
			r.latent = append(r.latent, sig)
			continue
		}
		f.CaseFile, f.ReplayStack = file, o.stack
		o.sum.Findings = append(o.sum.Findings, f)
		if o.json {
			o.encode(f)
		} else {
			o.printer.Finding(f)
		}
	}
}

func (o *replayOutput) tell(r *replayed) {
	o.sum.Cases++
	o.sum.Plays += r.Plays
	o.sum.AsExpected += r.AsExpected
	o.sum.Broken += r.Broken
	o.sum.Inconclusive += r.Inconclusive
	if o.json {
		o.encode(r)
		return
	}
	fmt.Fprintf(o.out, "%s: %s %s: %d of %d as expected (%s)\n", plain.Spelled(r.CaseFile), r.Stack, r.Version, r.AsExpected, r.Plays, r.Expect)
	for _, sig := range r.latent {
		fmt.Fprintf(o.out, "  latent, nobody is hurt: %s\n", sig)
	}
	if r.AsExpected < r.Plays && r.Detail != "" {
		fmt.Fprintf(o.out, "  %s\n", oneLine(errors.New(r.Detail)))
	}
}

// end tells the summary, and makes the exit status of it: what was not as
// expected stands, whatever else went wrong.
func (o *replayOutput) end(ctx context.Context) error {
	if o.json {
		o.encode(&o.sum)
	}
	s, status := o.sum, props.ExitClean
	if s.Broken > 0 {
		status = o.streams.tell(fmt.Errorf("%d of %d plays were broken: that is not the stack's doing", s.Broken, s.Plays))
	}
	if s.AsExpected+s.Broken < s.Plays {
		status = worse(status, props.ExitFindings)
	}
	if ctx.Err() != nil {
		status = worse(status, props.ExitInterrupted)
	}
	return ended(status)
}
