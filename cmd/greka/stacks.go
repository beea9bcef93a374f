package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

func newStacks(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "stacks",
		Short: "what is known, installed, which version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			ctx, stop := untilInterrupted()
			defer stop()
			w := tabwriter.NewWriter(s.out, 0, 0, 3, ' ', 0)
			fmt.Fprintln(w, "Real stacks")
			for _, stack := range sut.All() {
				version, err := stack.Installed(ctx)
				listStack(w, stack, version, err)
			}
			fmt.Fprintln(w, "\nSelf-tests, which are Greka's own")
			for _, stack := range sut.SelfTests() {
				fmt.Fprintf(w, "  %s\t%s\n", stack.Name, about(stack))
			}
			fmt.Fprintf(w, "  %s\t%s\n", props.Kernel().Name, "socket steps only: the model of ports against Linux")
			return w.Flush()
		},
	}
}

func listStack(w io.Writer, stack *sut.Stack, version string, err error) {
	state := "installed"
	switch {
	case errors.Is(err, sut.ErrNotInstalled):
		version, state = "-", "not installed; run: greka install "+stack.Name
	case err != nil:
		version, state = "-", oneLine(err)
	}
	fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", stack.Name, version, words(stack.Roles), words(stack.Transports), state)
}

func about(stack *sut.Stack) string {
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
