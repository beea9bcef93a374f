package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/props"
)

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exitStatus is an error that has been told already, or is none: only the
// status is left to return.
type exitStatus int

// Error is never shown: what there is to say was said.
func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// run runs one command line and returns its exit status. Whatever keeps it
// from its work is one line on the error stream, and status 2; findings stand,
// whatever else went wrong.
func run(args []string, s streams) int {
	out := &checked{w: s.out}
	s.out = out
	root := newRoot(s)
	root.SetArgs(args)
	err := root.Execute()
	var told exitStatus
	status := props.ExitClean
	switch {
	case errors.As(err, &told):
		status = int(told)
	case err != nil:
		status = s.tell(err)
	}
	if out.err != nil {
		status = worse(status, s.tell(fmt.Errorf("write to standard output: %w", out.err)))
	}
	return status
}

// tell writes what keeps a command from its work, and returns the status that
// it ends with.
func (s streams) tell(err error) int {
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(s.err, "greka: interrupted")
		return props.ExitInterrupted
	}
	fmt.Fprintln(s.err, "greka: "+oneLine(err))
	return props.ExitNoWork
}

// worse orders exit statuses: findings stand whatever else went wrong, then
// comes work that could not be done, then an interruption.
func worse(a, b int) int {
	for _, s := range []int{props.ExitFindings, props.ExitNoWork, props.ExitInterrupted} {
		if a == s || b == s {
			return s
		}
	}
	return props.ExitClean
}

// ended is a status as an error that has been told.
func ended(status int) error {
	if status == props.ExitClean {
		return nil
	}
	return exitStatus(status)
}

// oneLine is an error's text for who does not know our packages.
func oneLine(err error) string {
	text := plain.Line(err.Error())
	for _, p := range []string{"model", "netns", "sut", "corpus", "props"} {
		text = strings.TrimPrefix(text, p+": ")
	}
	return text
}

// checked remembers the first failure to write: a full disk is no clean end.
type checked struct {
	w   io.Writer
	err error
}

// Write passes on, and remembers the first failure.
func (c *checked) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	if c.err == nil {
		c.err = err
	}
	return n, err
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "greka",
		Short: "find addresses that SIP software hands out, and on which nobody accepts",
		Long: `Greka finds, minimises and explains one class of bug in SIP software:
an address that was handed out, and on which nobody accepts.

Exit status: 0 nothing found, or all as expected; 1 findings, or not as
expected; 2 the work could not be done, and one line says why; 130 interrupted
without findings.`,
		Version: props.Version(),
		// No Args: cobra then suggests a command where one is mistyped.
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w (%s --help lists the flags)", err, c.CommandPath())
	})
	root.AddCommand(newHunt(s), newReplay(s), newJudge(s), newTopology(s), newStacks(s), newInstall(s))
	return root
}

// untilInterrupted is a context that Ctrl-C ends, and SIGTERM. The second one
// ends the program at once.
func untilInterrupted() (context.Context, func()) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
