package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/props"
)

func newJudge(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "judge FILE...",
		Short: "judge kept observations again, without a lab",
		Long: `Judge takes what was seen when a case was played and judges it again. Nothing is
played: no stack is needed, and no privilege. A FILE is a case that has its
observation beside it, as a hunt leaves it, or an observation (greka replay
--observation FILE CASE writes one).

Exit status: 0 the verdicts are what was kept, 1 they differ, and it is shown
how; 2 the work could not be done.`,
		Args:              atLeastOne("case or observation"),
		ValidArgsFunction: completeObserved,
		RunE:              func(_ *cobra.Command, args []string) error { return s.judge(args) },
	}
}

// completeObserved has the shell list the files that can be judged.
func completeObserved(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"txtar", "observation"}, cobra.ShellCompDirectiveFilterFileExt
}

// judge judges all files. Each is read before the first verdict is shown.
func (s streams) judge(files []string) error {
	all := make([]*corpus.Observed, len(files))
	for i, file := range files {
		var err error
		if all[i], err = corpus.ReadObserved(file); err != nil {
			return err
		}
	}
	status, printer := props.ExitClean, printerFor(s.out)
	for i, file := range files {
		if !s.judgeOne(file, all[i], printer) {
			status = props.ExitFindings
		}
	}
	return ended(status)
}

// judgeOne reports whether the verdicts are what was kept.
func (s streams) judgeOne(file string, o *corpus.Observed, printer *props.Printer) (same bool) {
	j := props.Judge(o)
	var latent []string
	for _, f := range j.Findings() {
		if f.Severity != model.Finding {
			latent = append(latent, corpus.FormatSignature(f.Signature))
			continue
		}
		if strings.HasSuffix(file, ".txtar") {
			f.CaseFile = file
		}
		printer.Finding(f)
	}
	said := "as they were kept"
	if j.Difference != "" {
		said = "not as they were kept"
	}
	fmt.Fprintf(s.out, "%s: %s %s: %d verdicts, %s\n", plain.Spelled(file), o.Stack, o.Version, len(j.Lines), said)
	for _, sig := range latent {
		fmt.Fprintf(s.out, "  latent, nobody is hurt: %s\n", sig)
	}
	if j.Played.Broken != "" {
		fmt.Fprintf(s.out, "  the play was broken: %s\n", oneLine(errors.New(j.Played.Broken)))
	}
	if j.Difference != "" {
		fmt.Fprintf(s.out, "  kept (-) and now (+):\n")
		for _, l := range strings.Split(strings.TrimSuffix(j.Difference, "\n"), "\n") {
			fmt.Fprintf(s.out, "  %s\n", plain.Spelled(l))
		}
	}
	return j.Difference == ""
}
