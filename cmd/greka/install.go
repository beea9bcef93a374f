package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/sut"
)

func newInstall(s streams) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "install [flags] STACK...",
		Short: "print the install command, ask, run it",
		Long: `Install shows the command that installs what a stack needs, asks, and runs it.
A stack that is there already is left as it is.`,
		Args: atLeastOne("stack (greka stacks lists them)"),
		RunE: func(_ *cobra.Command, args []string) error {
			stacks, err := findAll(args)
			if err != nil {
				return err
			}
			ctx, stop := untilInterrupted()
			defer stop()
			if err := installMissing(ctx, s, stacks, yes); err != nil {
				return err
			}
			for _, stack := range stacks {
				fmt.Fprintf(s.out, "%s %s\n", stack.Name, stack.Version)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "don't ask")
	return c
}

func atLeastOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("%s: name at least one %s", c.CommandPath(), what)
		}
		return nil
	}
}

// installMissing installs the stacks that are not there, and makes sure that
// they are then.
func installMissing(ctx context.Context, s streams, stacks []*sut.Stack, yes bool) error {
	in := bufio.NewReader(s.in)
	for _, stack := range stacks {
		_, err := stack.Installed(ctx)
		if err == nil {
			continue
		}
		command := stack.InstallCommand()
		if !errors.Is(err, sut.ErrNotInstalled) || command == nil {
			return err
		}
		fmt.Fprintf(s.err, "to install %s:  %s\n", stack.Name, strings.Join(command, " "))
		if !yes && !confirmed(in, s.err) {
			return fmt.Errorf("%s is not installed (answer y, or give --yes, or run that command yourself)", stack.Name)
		}
		if err := stack.Install(ctx, s.err); err != nil {
			return err
		}
		if _, err := stack.Installed(ctx); err != nil {
			return err
		}
	}
	return nil
}

// confirmed asks whether to go on. No answer is no.
func confirmed(in *bufio.Reader, out io.Writer) bool {
	fmt.Fprint(out, "run it? [y/N] ")
	answer, err := in.ReadString('\n')
	if err != nil {
		fmt.Fprintln(out)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
