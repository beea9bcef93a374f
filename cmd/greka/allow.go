package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/greka-sip/greka/props"
	"github.com/greka-sip/greka/sut"
)

// find returns a stack by its name or file; the kernel is one to hunt, too.
// Only what a person wrote on the command line may come here: what a case says
// is a name, and sut.Find's.
func find(nameOrFile string) (*sut.Stack, error) {
	switch {
	case nameOrFile == props.Kernel().Name:
		return props.Kernel(), nil
	case sut.IsFile(nameOrFile):
		return sut.Load(nameOrFile)
	}
	return sut.Find(nameOrFile)
}

// findAll returns the stacks, each of them read before the first is asked about.
func findAll(namesOrFiles []string) ([]*sut.Stack, error) {
	var stacks []*sut.Stack
	for _, name := range namesOrFiles {
		stack, err := find(name)
		if err != nil {
			return nil, err
		}
		stacks = append(stacks, stack)
	}
	return stacks, nil
}

// allow asks for each description file whether to run what it describes, if a
// file with this content was not allowed before. Without a yes it is an error.
func (s streams) allow(ctx context.Context, stacks []*sut.Stack, yes bool) error {
	for _, stack := range stacks {
		if stack.File == "" {
			continue
		}
		if err := s.allowOne(ctx, stack, yes); err != nil {
			return err
		}
		stack.Allow()
	}
	return nil
}

func (s streams) allowOne(ctx context.Context, stack *sut.Stack, yes bool) error {
	// Without a fingerprint, or a place to keep it, one asks each time.
	print, printErr := stack.Fingerprint()
	known, knownErr := memory{}, error(nil)
	if printErr == nil {
		if known, knownErr = openMemory(); knownErr == nil && known.has(print) {
			return nil
		}
	}
	what := fmt.Sprintf("%s was not run before in this form; in a sandbox it will run %s", word(stack.File), stack.Description.Runs())
	if yes {
		fmt.Fprintf(s.err, "greka: %s\n", what)
	} else if err := s.ask(ctx, "greka: "+what+". Run it?", "give --yes if you trust it that far", what); err != nil {
		return err
	}
	if printErr == nil && knownErr == nil {
		knownErr = known.add(print, stack.File)
	}
	if err := errors.Join(printErr, knownErr); err != nil {
		fmt.Fprintf(s.err, "greka: this will be asked again: %s\n", oneLine(err))
	}
	return nil
}

// ask asks a person, and is an error unless the answer is yes. Where nobody can
// be asked the error says what it was about, and what to do.
func (s streams) ask(ctx context.Context, question, remedy, what string) error {
	if !s.interactive() {
		return fmt.Errorf("%s: there is no terminal to ask whether to (%s)", what, remedy)
	}
	fmt.Fprint(s.err, question+" [y/N] ")
	yes, err := s.answer(ctx)
	if err != nil {
		return err
	}
	if !yes {
		return fmt.Errorf("not run, as you say (answer y, or %s)", remedy)
	}
	return nil
}

// interactive reports whether somebody sees a question and can answer it.
func (s streams) interactive() bool {
	return isTerminal(s.in) && isTerminal(s.err)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// answer reads one line, and reports whether it is a yes. No answer is no.
func (s streams) answer(ctx context.Context) (yes bool, err error) {
	line := make(chan string, 1)
	go func() {
		text, err := bufio.NewReader(oneByte{s.in}).ReadString('\n')
		if err != nil {
			fmt.Fprintln(s.err)
		}
		line <- strings.ToLower(strings.TrimSpace(text))
	}()
	select {
	case text := <-line:
		return text == "y" || text == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		return false, ctx.Err()
	}
}
