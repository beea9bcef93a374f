package sut

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// What the templates of a description may cost when they are filled for one
// element. They are programs that a stranger wrote: without a bound a loop
// holds up the hunt for ever, or takes all memory.
const (
	maxSteps     = 1_000_000 // bytes of actions gone through: a tenth of a second
	callSteps    = 500       // what each template that is called costs at least
	loopSteps    = 20        // what each turn of a loop costs at least
	maxExpansion = 1 << 20   // bytes that come out, of all texts together
	maxValue     = 4 << 10   // bytes of a value that is made on the way
	maxVerbs     = 32        // of one printf
)

// budget is what is left of it.
type budget struct {
	steps, bytes int
}

func newBudget() *budget { return &budget{steps: maxSteps, bytes: maxExpansion} }

// spentError is the error of templates that cost too much.
type spentError struct{ what string }

// Error says what there was too much of.
func (e *spentError) Error() string { return e.what }

// spend takes from the steps that are left. A template may call it, too.
func (b *budget) spend(steps int) (string, error) {
	if steps < 0 || steps > b.steps {
		return "", &spentError{"it does not come to an end (loops, or templates that call each other)"}
	}
	b.steps -= steps
	return "", nil
}

// spendFunction is what templates know spend by.
const spendFunction = "spend"

// funcs are what templates can call, besides what costs next to nothing.
func (b *budget) funcs() template.FuncMap {
	return template.FuncMap{
		spendFunction: b.spend,
		"print":       b.bound(fmt.Sprint),
		"println":     b.bound(fmt.Sprintln),
		"html":        b.bound(template.HTMLEscaper),
		"js":          b.bound(template.JSEscaper),
		"urlquery":    b.bound(template.URLQueryEscaper),
		"printf": func(format string, args ...any) (string, error) {
			if err := modest(format); err != nil {
				return "", err
			}
			return b.bound(func(args ...any) string { return fmt.Sprintf(format, args...) })(args...)
		},
	}
}

// hugeWidth finds a width or precision that is an argument, or has more than
// four digits.
var hugeWidth = regexp.MustCompile(`%[^%a-zA-Z]*(\*|[0-9]{5})`)

// modest refuses a format that makes a long text of nothing.
func modest(format string) error {
	if len(format) > maxValue || strings.Count(format, "%") > maxVerbs || hugeWidth.MatchString(format) {
		return &spentError{fmt.Sprintf("printf has more than %d verbs, or a width above 9999 or that is an argument", maxVerbs)}
	}
	return nil
}

// bound has a function refuse what would take long, and what is long.
func (b *budget) bound(f func(...any) string) func(...any) (string, error) {
	return func(args ...any) (string, error) {
		in := 0
		for _, a := range args {
			if s, ok := a.(string); ok {
				in += len(s)
			}
		}
		tooLong := &spentError{fmt.Sprintf("it makes a value of more than %d bytes", maxValue)}
		if in > maxValue {
			return "", tooLong
		}
		out := f(args...)
		if len(out) > maxValue {
			return "", tooLong
		}
		_, err := b.spend(len(out) / 16)
		return out, err
	}
}

// bounded is what templates write to.
type bounded struct {
	bytes.Buffer
	budget *budget
}

// Write fails once there is too much.
func (w *bounded) Write(p []byte) (int, error) {
	if len(p) > w.budget.bytes {
		return 0, &spentError{"it expands to more than 1 MB"}
	}
	w.budget.bytes -= len(p)
	return w.Buffer.Write(p)
}
