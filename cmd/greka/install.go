package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

func newInstall(s streams) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "install [flags] STACK...",
		Short: "print the install command, ask, run it",
		Long: `Install shows the command that installs what a stack needs, asks, and runs it.
A stack that is there already is left as it is. Before a description file with
this content is used for the first time you are asked, too.`,
		Args:              atLeastOne("stack (greka stacks lists them)"),
		ValidArgsFunction: completeStacks,
		RunE: func(_ *cobra.Command, args []string) error {
			stacks, err := findAll(args)
			if err != nil {
				return err
			}
			return s.install(stacks, yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, yesUsage)
	return c
}

// install installs what is missing and tells the versions. They are asked in
// the sandbox: where there can be none, as while an image is built, what was
// installed is installed all the same.
func (s streams) install(stacks []*sut.Stack, yes bool) error {
	noLabs := netns.Start()
	ctx, stop := untilInterrupted()
	defer stop()
	if err := s.allow(ctx, stacks, yes); err != nil {
		return err
	}
	if err := installMissing(ctx, s, stacks, yes); err != nil {
		return err
	}
	for _, stack := range stacks {
		version, err := stack.Installed(ctx)
		switch {
		case err != nil && noLabs != nil, errors.Is(err, netns.ErrInsecure):
			fmt.Fprintf(s.out, "%s is installed; its version cannot be asked: %s\n", stack.Name, oneLine(cmp.Or(noLabs, err)))
		case err != nil:
			return err
		default:
			fmt.Fprintf(s.out, "%s %s\n", stack.Name, version)
		}
	}
	return nil
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
// they are then. Nothing but the installation is run.
func installMissing(ctx context.Context, s streams, stacks []*sut.Stack, yes bool) error {
	for _, stack := range stacks {
		err := stack.Present()
		if err == nil {
			continue
		}
		command := stack.InstallCommand()
		if !errors.Is(err, sut.ErrNotInstalled) || command == nil {
			return err
		}
		fmt.Fprintf(s.err, "to install %s:  %s\n", stack.Name, strings.Join(command, " "))
		if !yes {
			fmt.Fprint(s.err, "run it? [y/N] ")
			if yes, err := s.answer(ctx); err != nil {
				return err
			} else if !yes {
				return fmt.Errorf("%s is not installed (answer y, or give --yes, or run that command yourself)", stack.Name)
			}
		}
		if err := stack.Install(ctx, s.err); err != nil {
			return err
		}
		if err := stack.Present(); err != nil {
			return err
		}
	}
	return nil
}
