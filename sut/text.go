package sut

import (
	"errors"
	"fmt"
	"strings"
	"text/template"
	syntax "text/template/parse"
)

// text is one compiled template of a description.
type text struct {
	file string
	line int    // of its first line
	body string // as the file has it
	tmpl *template.Template
}

// templateName is what the templates of all files are called, so that errors
// name their places in a way that templateError knows.
const templateName = "greka-description"

// maxNesting bounds how deep a template may be nested: the parser goes one call
// deeper with each block and parenthesis.
const maxNesting = 200

// compile reads the template that starts on a line of a file.
func compile(file string, line int, body string) (*text, error) {
	t := &text{file: file, line: line, body: body}
	if nesting(body) > maxNesting {
		return nil, &SyntaxError{File: file, Line: line, Msg: "template: it is nested too deep"}
	}
	var none budget // the functions are those of each expansion
	tmpl, err := template.New(templateName).Option("missingkey=error").Funcs(none.funcs()).Parse(body)
	if err != nil {
		return nil, templateError(file, line, err)
	}
	for _, part := range tmpl.Templates() {
		if part.Tree != nil && part.Root != nil {
			meter(part.Root, callSteps)
		}
	}
	t.tmpl = tmpl
	return t, nil
}

// nesting is how deep the blocks of a template are nested, or the parentheses
// of an action. It reads no quotes, so it can be fooled; what 1 MB can nest then
// still takes no more than some 40 MB.
func nesting(body string) int {
	deepest, depth := 0, 0
	for rest := body; ; {
		_, after, more := strings.Cut(rest, "{{")
		if !more {
			return deepest
		}
		var action string
		action, rest, _ = strings.Cut(after, "}}")
		switch word, then := keywords(action); word {
		case "if", "range", "with", "define", "block":
			depth++
		case "else":
			if then == "if" || then == "with" {
				depth++ // a block of its own to the parser, which the same end closes
			}
		case "end":
			depth = max(depth-1, 0)
		}
		deepest = max(deepest, depth, strings.Count(action, "("))
	}
}

// keywords are the first two words of an action, as far as they are letters.
func keywords(action string) (first, second string) {
	word := func(s string) (string, string) {
		s = strings.TrimLeft(s, " \t\r\n")
		n := 0
		for n < len(s) && s[n] >= 'a' && s[n] <= 'z' {
			n++
		}
		return s[:n], s[n:]
	}
	first, rest := word(strings.TrimPrefix(action, "-"))
	second, _ = word(rest)
	return first, second
}

// expand fills the template.
func (t *text) expand(d *Data) (string, error) {
	b := d.budget
	if b == nil {
		b = newBudget()
	}
	tmpl, err := t.tmpl.Clone()
	if err != nil {
		return "", templateError(t.file, t.line, err)
	}
	out := &bounded{budget: b}
	err = tmpl.Funcs(b.funcs()).Execute(out, d)
	var spent *spentError
	if errors.As(err, &spent) {
		return "", &SyntaxError{File: t.file, Line: t.line, Msg: "template: " + spent.Error()}
	}
	if err != nil {
		return "", templateError(t.file, t.line, err)
	}
	return out.String(), nil
}

// argv fills the template and splits what comes out into a command.
func (t *text) argv(d *Data) ([]string, error) {
	line, err := t.expand(d)
	if err != nil {
		return nil, err
	}
	argv, err := words(line)
	if err == nil && len(argv) == 0 {
		err = fmt.Errorf("the command is empty")
	}
	if err != nil {
		return nil, &SyntaxError{File: t.file, Line: t.line, Msg: err.Error()}
	}
	return argv, nil
}

// meter puts a step of the budget in front of a list of nodes and of the body
// of every loop in it: what it costs to go through it once, and so many steps
// more.
func meter(list *syntax.ListNode, more int) {
	if list == nil {
		return
	}
	n := more
	for _, node := range list.Nodes {
		n += steps(node)
	}
	list.Nodes = append([]syntax.Node{spending(n)}, list.Nodes...)
}

// steps is what a node costs at the most, without the bodies of its loops: as
// many steps as its text has bytes.
func steps(node syntax.Node) int {
	switch n := node.(type) {
	case *syntax.ListNode:
		total := 0
		if n != nil {
			for _, inner := range n.Nodes {
				total += steps(inner)
			}
		}
		return total
	case *syntax.RangeNode:
		meter(n.List, loopSteps)
		return len(n.Pipe.String()) + steps(n.ElseList)
	case *syntax.IfNode:
		return len(n.Pipe.String()) + steps(n.List) + steps(n.ElseList)
	case *syntax.WithNode:
		return len(n.Pipe.String()) + steps(n.List) + steps(n.ElseList)
	case *syntax.TextNode:
		return 1
	}
	return len(node.String()) // an action, a call, break, continue: nothing is inside
}

// spending is the node of an action that spends steps.
func spending(steps int) syntax.Node {
	trees, err := syntax.Parse(templateName, fmt.Sprintf("{{%s %d}}", spendFunction, steps), "", "", map[string]any{spendFunction: true})
	if err != nil {
		panic(err) // it is our own text
	}
	return trees[templateName].Root.Nodes[0]
}
