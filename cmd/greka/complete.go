package main

import (
	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

// completeStacks lists, for the shell, the stacks that can be named; the shell
// adds description files itself.
func completeStacks(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, stack := range append(append(sut.All(), sut.SelfTests()...), props.Kernel()) {
		names = append(names, stack.Name+"\t"+about(stack))
	}
	return names, cobra.ShellCompDirectiveDefault
}

// completeCases has the shell list the files that can be cases.
func completeCases(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"txtar"}, cobra.ShellCompDirectiveFilterFileExt
}
