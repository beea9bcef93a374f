package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

func newStacks(s streams) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "stacks [flags] [STACK|FILE...]",
		Short: "what is known, installed, which version",
		Long: `Stacks lists the stacks that Greka knows, or those that are named. Their
versions are asked in a sandbox; before a description file with this content is
run for the first time you are asked.`,
		ValidArgsFunction: completeStacks,
		RunE:              func(_ *cobra.Command, args []string) error { return s.listStacks(args, yes) },
	}
	c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	return c
}

func (s streams) listStacks(names []string, yes bool) error {
	named, err := findAll(names)
	if err != nil {
		return err
	}
	noLabs := netns.Start()
	ctx, stop := untilInterrupted()
	defer stop()
	if err := s.allow(ctx, named, yes); err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
	reals, own := named, []*sut.Stack(nil)
	if len(named) == 0 {
		reals, own = sut.All(), append(sut.SelfTests(), props.Kernel())
	}
	heading := "Real stacks"
	for _, stack := range reals {
		if stack.Kind == sut.SelfTest {
			own = append(own, stack)
			continue
		}
		if heading != "" {
			fmt.Fprintln(w, heading)
			heading = ""
		}
		version, err := stack.Installed(ctx)
		if err != nil && noLabs != nil && stack.Present() == nil {
			err = noLabs // the version is asked in the sandbox
		}
		listStack(w, stack, version, err)
	}
	heading = "\nSelf-tests, which are Greka's own"
	for _, stack := range own {
		if heading != "" {
			fmt.Fprintln(w, heading)
			heading = ""
		}
		fmt.Fprintf(w, "  %s\t%s\n", stack.Name, about(stack))
	}
	return w.Flush()
}

func listStack(w io.Writer, stack *sut.Stack, version string, err error) {
	state := "installed"
	switch {
	case errors.Is(err, sut.ErrNotInstalled):
		version, state = "-", "not installed; run: greka install "+plain.ShellWord(cmp.Or(stack.File, stack.Name))
	case err != nil:
		version, state = "-", oneLine(err)
	}
	fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", stack.Name, version, words(stack.Roles), words(stack.Transports), state)
}

func about(stack *sut.Stack) string {
	if stack.Name == props.Kernel().Name {
		return "socket steps only: the model of ports against Linux"
	}
	if stack.Kind == sut.Real {
		return "a real stack"
	}
	if stack.Lie.Doc != "" {
		return stack.Lie.Doc
	}
	return "the honest reference: never guilty"
}

func words[T fmt.Stringer](list []T) string {
	var names []string
	for _, x := range list {
		names = append(names, x.String())
	}
	return strings.Join(names, " ")
}
