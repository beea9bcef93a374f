package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/props/picture"
)

func newTopology(s streams) *cobra.Command {
	var svg bool
	var out string
	c := &cobra.Command{
		Use:   "topology [flags] FILE",
		Short: "draw a case's scenario",
		Long: `Topology draws the scenario of a case, or a file with nothing but a scenario:
its networks, hosts and elements, where they listen, and which connections the
model expects when all steps are done. Nothing is played.`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%s: name one case, since it is one picture", c.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: completeCases,
		RunE: func(c *cobra.Command, args []string) error {
			if c.Flags().Changed("out") && out == "" {
				return errors.New("--out: give a file")
			}
			if err := apart("--out", out, args...); err != nil {
				return err
			}
			drawn, err := draw(args[0], svg)
			if err != nil {
				return err
			}
			if out != "" {
				return corpus.WriteFile(out, []byte(drawn))
			}
			_, err = io.WriteString(s.out, drawn)
			return err
		},
	}
	fl := c.Flags()
	fl.SortFlags = false
	fl.BoolVar(&svg, "svg", false, "draw SVG instead of text")
	fl.StringVarP(&out, "out", "o", "", "write to this file (default standard output)")
	return c
}

// draw draws the scenario in a file.
func draw(file string, svg bool) (string, error) {
	c, err := corpus.ReadScenario(file)
	if err != nil {
		return "", err
	}
	p := picture.Of(&c.Scenario)
	if svg {
		return p.SVG(), nil
	}
	return p.Text(), nil
}
