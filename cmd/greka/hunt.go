package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

// huntFlags are the flags of greka hunt.
type huntFlags struct {
	config        props.Config
	json          bool
	install       bool
	yes, insecure bool
}

func newHunt(s streams) *cobra.Command {
	var f huntFlags
	c := &cobra.Command{
		Use:   "hunt [flags] [STACK|FILE...]",
		Short: "find, minimise, explain; writes cases",
		Long: `Hunt plays random scenarios with each stack as the element that is judged,
minimises and explains what it finds, and writes it as cases.

A FILE describes a stack of your own. What it runs, it runs in a sandbox; all
the same you are asked before a file with this content is run for the first
time. Without a stack's name the mutants are hunted that Greka brings along:
each lies in one way, to show what findings look like.

--json writes one object a line. Its "event" is scenario, finding or summary;
each stack has one summary, after everything else of it.`,
		Example: `  greka hunt --install baresip
  greka hunt --time 10m --transport tcp baresip ./mine.txtar`,
		ValidArgsFunction: completeStacks,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(c); err != nil {
				return err
			}
			return f.hunt(s, args)
		},
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.IntVar(&f.config.Checks, "checks", 200, "scenarios per stack")
	fl.DurationVar(&f.config.Time, "time", 0, "how long to play scenarios per stack, instead of --checks")
	fl.Uint64Var(&f.config.Seed, "seed", 0, "of the list of scenarios (default random, always printed)")
	fl.StringVar(&f.config.Out, "out", "greka-out", "directory for cases; of two cases of a finding the smaller one stays")
	fl.BoolVar(&f.json, "json", false, "one JSON object a line on standard output, the last one the summary")
	fl.BoolVar(&f.config.Fresh, "fresh", false, "every scenario in namespaces of its own (labs of self-tests are reset and used again otherwise)")
	fl.IntVarP(&f.config.Workers, "jobs", "j", 0, "labs at once (default all cores)")
	fl.StringSliceVar(&f.config.Only, "only", nil, "judge this claim only; may be repeated")
	fl.StringVar(&f.config.Transport, "transport", "", "only scenarios in which the stack has this transport")
	fl.StringVar(&f.config.Role, "role", "", "only scenarios in which the stack has this role: caller, callee, proxy")
	fl.BoolVar(&f.install, "install", false, "install a stack that is not there, after asking")
	fl.BoolVar(&f.yes, "yes", false, yesUsage)
	fl.BoolVar(&f.insecure, "insecure", false, insecureUsage)
	return c
}

// check looks at the flags by themselves, and draws the seed.
func (f *huntFlags) check(c *cobra.Command) error {
	given := c.Flags().Changed
	switch {
	case given("checks") && given("time"):
		return errors.New("--checks and --time: give one of them")
	case f.config.Checks < 1:
		return fmt.Errorf("--checks %d: give 1 or more", f.config.Checks)
	case given("time") && f.config.Time <= 0:
		return fmt.Errorf("--time %v: give a time above 0, such as 10m", f.config.Time)
	case given("jobs") && f.config.Workers < 1:
		return fmt.Errorf("-j %d: give 1 or more", f.config.Workers)
	case f.config.Out == "":
		return errors.New("--out: give a directory")
	}
	if !given("seed") {
		f.config.Seed = uint64(rand.Uint32())
	}
	return nil
}

// hunt hunts the stacks one after the other. What keeps one of them from being
// hunted is told, and the others are hunted all the same.
func (f *huntFlags) hunt(s streams, names []string) error {
	none := len(names) == 0
	if none {
		names = mutants()
	}
	stacks, err := findAll(names)
	if err != nil {
		return err
	}
	if err := f.fit(stacks); err != nil {
		return err
	}
	if err := netns.Start(); err != nil {
		return err
	}
	if none {
		fmt.Fprintln(s.err, "no stack named: hunting the mutants, to show what findings look like (greka stacks lists real ones)")
	}
	ctx, stop := untilInterrupted()
	defer stop()
	if err := f.prepare(ctx, s, stacks); err != nil {
		return err
	}
	worst := props.ExitClean
	for _, stack := range stacks {
		status, err := f.one(ctx, s, stack)
		if err != nil {
			status = s.tell(err)
		}
		worst = worse(worst, status)
		if ctx.Err() != nil {
			break
		}
	}
	return ended(worst)
}

// fit says what makes no sense for a stack, before anything is run.
func (f *huntFlags) fit(stacks []*sut.Stack) error {
	for _, stack := range stacks {
		if err := f.config.Fits(stack); err != nil {
			return err
		}
		if err := f.config.TryOut(stack); err != nil {
			return fmt.Errorf("--out: %w", err)
		}
	}
	return nil
}

// prepare makes sure that all stacks can be hunted, before the first hunt takes
// its time.
func (f *huntFlags) prepare(ctx context.Context, s streams, stacks []*sut.Stack) error {
	if err := s.allow(ctx, stacks, f.yes); err != nil {
		return err
	}
	if f.install {
		if err := installMissing(ctx, s, stacks, f.yes); err != nil {
			return err
		}
	}
	if err := s.sandboxed(stacks, f.insecure); err != nil {
		return err
	}
	for _, stack := range stacks {
		if _, err := stack.Installed(ctx); err != nil {
			return err
		}
	}
	return nil
}

// one hunts one stack.
func (f *huntFlags) one(ctx context.Context, s streams, stack *sut.Stack) (status int, err error) {
	cfg := f.config
	bar := newProgress(s.err, plan(&cfg, stack))
	show := f.shower(s, bar)
	cfg.Event, cfg.Progress = show, bar.update
	sum, err := props.Hunt(ctx, stack, cfg)
	bar.end()
	if err != nil {
		return 0, err
	}
	show(sum)
	if sum.OutErr != nil {
		fmt.Fprintln(s.err, "greka: "+oneLine(sum.OutErr))
	}
	if sum.EmptyRun != "" && len(sum.Findings) == 0 {
		fmt.Fprintf(s.err, "greka: %s: the run proves nothing: %s\n", stack.Name, plain.Line(sum.EmptyRun))
	}
	return sum.ExitStatus(), nil
}

// plan is the line that a hunt begins with: it tells the seed, should the hunt
// not live to tell it at the end.
func plan(cfg *props.Config, stack *sut.Stack) string {
	length := fmt.Sprintf("%d scenarios", cfg.Checks)
	if cfg.Time > 0 {
		length = cfg.Time.Round(time.Millisecond).String()
	}
	return fmt.Sprintf("hunting %s %s: %s, seed %d", stack.Name, stack.Version, length, cfg.Seed)
}

// shower returns what writes events: as JSON, or for people.
func (f *huntFlags) shower(s streams, bar *progress) func(props.Event) {
	if f.json {
		enc := json.NewEncoder(s.out)
		enc.SetEscapeHTML(false)
		return func(e props.Event) { _ = enc.Encode(e) } // s.out remembers the error
	}
	p := printerFor(s.out)
	return func(e props.Event) {
		switch e := e.(type) {
		case *props.Finding:
			if e.Severity != model.Puzzle { // the summary tells of it, and where it is kept
				bar.aside(func() { p.Finding(e) })
			}
		case *props.Summary:
			p.Summary(e)
		}
	}
}

// mutants are the stacks that lie.
func mutants() []string {
	var names []string
	for _, s := range sut.SelfTests() {
		if strings.HasPrefix(s.Name, "mutant/") {
			names = append(names, s.Name)
		}
	}
	return names
}
