package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/netns"
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
	what := fmt.Sprintf("%s was not run before in this form; in a sandbox it will run %s", plain.ShellWord(stack.File), stack.Description.Runs())
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
	line := make(chan string, 1) // a read of a terminal cannot be stopped
	go func() {
		line <- strings.ToLower(strings.TrimSpace(readLine(s.in)))
	}()
	select {
	case text := <-line:
		if !isTerminal(s.in) {
			fmt.Fprintln(s.err) // where no Return was pressed
		}
		return text == "y" || text == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(s.err)
		return false, ctx.Err()
	}
}

// readLine reads a line and nothing beyond it, which the next question reads.
func readLine(r io.Reader) string {
	const most = 100
	var line []byte
	for one := make([]byte, 1); len(line) < most; {
		n, err := r.Read(one)
		if n == 1 && one[0] == '\n' || err != nil {
			break
		}
		line = append(line, one[:n]...)
	}
	return string(line)
}

const (
	yesUsage      = "don't ask: not before a description file is run for the first time, nor before something is installed"
	insecureUsage = "run stacks even where this machine cannot give the whole sandbox; what is missing is said before"
)

// sandbox is a variable for tests.
var sandbox = netns.Sandbox

// sandboxed says what this machine cannot give of the sandbox that stacks run
// in. Without --insecure that is an error.
func (s streams) sandboxed(stacks []*sut.Stack, insecure bool) error {
	isReal := func(stack *sut.Stack) bool { return stack.Kind == sut.Real }
	missing := sandbox()
	if len(missing) == 0 || !slices.ContainsFunc(stacks, isReal) {
		return nil
	}
	what := "the sandbox of stacks is not whole on this machine: it lacks " + strings.Join(missing, ", ")
	if !insecure {
		return fmt.Errorf("%s (--insecure runs them all the same)", what)
	}
	fmt.Fprintf(s.err, "greka: %s\n", plain.Line(what))
	for _, stack := range stacks {
		stack.Insecure = stack.Insecure || isReal(stack)
	}
	return nil
}
