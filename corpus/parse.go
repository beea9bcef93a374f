package corpus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
)

// MaxSize is the most bytes that a case may have. Real ones have about two
// thousand; what is larger is no case, and is not read to its end.
const MaxSize = 1 << 20

// SyntaxError says where a case cannot be read, and what was expected there.
// It prints on one line.
type SyntaxError struct {
	File         string // as it was given to Parse
	Line, Column int    // from 1; the column counts bytes
	Found        string
	Want         string
}

// Error is one line, as compilers print it.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: found %s, want %s", e.File, e.Line, e.Column, e.Found, e.Want)
}

// ReadFile reads the case in a file. A text that is no case gives a
// *SyntaxError.
func ReadFile(name string) (*Case, error) {
	data, err := readBounded(name, MaxSize)
	if err != nil {
		return nil, err
	}
	return Parse(name, data)
}

// ReadScenario reads the case in a file, or the plain scenario: a text without
// any section, or without the section expect, is a case that expects nothing.
func ReadScenario(name string) (*Case, error) {
	data, err := readBounded(name, MaxSize)
	if err != nil {
		return nil, err
	}
	data = unixLines(data, MaxSize)
	p := caseParser(name)
	p.unexpected = true
	c := &Case{}
	if len(txtar.Parse(data).Files) > 0 {
		c = p.parse(data)
	} else if p.checkText(data) {
		c.Scenario = p.readScenario(section{line: 1, text: string(data)})
	}
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("corpus: read case: %w", err)
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("corpus: read case %s: not a file (give the .txtar file of a case)", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("corpus: read case: %w", err)
	}
	return data, nil
}

// unixLines ends lines as this system does: a case may have gone through an
// editor or a mail of another one. What is too large stays so.
func unixLines(data []byte, most int) []byte {
	if len(data) > most {
		return data
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
}

// Parse reads a case strictly: every section and every word of it has to be
// one that the format knows. The name stands in errors, which are of type
// *SyntaxError.
func Parse(name string, data []byte) (*Case, error) {
	p := caseParser(name)
	c := p.parse(unixLines(data, MaxSize))
	if p.err != nil {
		return nil, p.err
	}
	return c, nil
}

// parser keeps the first error; what comes after it does not matter.
type parser struct {
	file string
	what string // it reads: "a case"
	most int    // bytes that the text may have
	err  error
	// unexpected: a text may expect nothing.
	unexpected bool
}

func caseParser(name string) *parser { return &parser{file: name, what: "a case", most: MaxSize} }

// section is the text of one section, and the line of the file on which its
// text begins.
type section struct {
	name string
	line int
	text string
}

func (p *parser) fail(line, column int, found, want string) {
	if p.err == nil {
		p.err = &SyntaxError{p.file, line, column, found, want}
	}
}

func (p *parser) parse(data []byte) *Case {
	if !p.checkText(data) {
		return nil
	}
	comment, secs := split(data)
	if !p.checkSections(secs) {
		return nil
	}
	c := &Case{Comment: freeText(comment)}
	for _, s := range secs {
		switch s.name {
		case secScenario:
			c.Scenario = p.readScenario(s)
		case secExpect:
			p.expect(c, s)
		case secFound:
			p.found(c, s)
		case secExplanation:
			c.Explanation = freeText(s.text)
		}
	}
	return c
}

// checkText refuses what is no case's size, and what nobody can see and a
// terminal might obey.
func (p *parser) checkText(data []byte) bool {
	if len(data) > p.most {
		p.fail(1, 1, "more", fmt.Sprintf("%s of at most %d bytes", p.what, p.most))
		return false
	}
	at, what := plain.Unfit(data)
	if what == "" {
		return true
	}
	before := data[:at]
	p.fail(1+bytes.Count(before, []byte("\n")), at-bytes.LastIndexByte(before, '\n'), what, "text in UTF-8")
	return false
}

// split cuts a file into its comment and its sections.
func split(data []byte) (comment string, secs []section) {
	a := txtar.Parse(data)
	line := 1 + bytes.Count(a.Comment, []byte("\n"))
	for _, f := range a.Files {
		line++ // the marker's own
		secs = append(secs, section{f.Name, line, string(f.Data)})
		line += bytes.Count(f.Data, []byte("\n"))
	}
	return string(a.Comment), secs
}

// checkSections looks at the sections of a case: the first two are needed.
func (p *parser) checkSections(secs []section) bool {
	if p.unexpected {
		return p.checkOrder(secs, sections, 1)
	}
	return p.checkOrder(secs, sections, 2)
}

// checkOrder wants every section at most once, in order, the first ones in any
// case.
func (p *parser) checkOrder(secs []section, sections []string, needed int) bool {
	next := 0
	for _, s := range secs {
		at := slices.Index(sections, s.name)
		switch {
		case at < 0:
			p.fail(s.line-1, 4, quote(s.name), "one of the sections "+strings.Join(sections, ", "))
		case at < next, at > next && next < needed:
			p.fail(s.line-1, 4, quote(s.name), "the sections "+strings.Join(sections, ", ")+", once each and in this order")
		}
		next = at + 1
	}
	if next < needed {
		p.fail(1, 1, "none", p.what+" with the section -- "+sections[next]+" --")
	}
	return p.err == nil
}

// readScenario hands the text to the model, and shifts its error to the file's
// lines.
func (p *parser) readScenario(s section) scenario.Scenario {
	sc, err := scenario.Parse(s.text)
	var bad *scenario.ParseError
	switch {
	case errors.As(err, &bad):
		p.fail(s.line-1+bad.Line, bad.Column, bad.Found, bad.Want)
	case err != nil:
		p.fail(s.line, 1, err.Error(), "a scenario")
	}
	return sc
}

// eachLine calls f with the words of every line that has some.
func (s section) eachLine(f func(line int, ws []word)) {
	for i, l := range strings.Split(s.text, "\n") {
		if ws := splitWords(l); len(ws) > 0 {
			f(s.line+i, ws)
		}
	}
}

func (p *parser) expect(c *Case, s section) {
	s.eachLine(func(line int, ws []word) {
		e, ok := p.expectation(line, ws)
		if !ok {
			return
		}
		for _, have := range c.Expect {
			if have.Stack == e.Stack && have.Version == e.Version {
				p.fail(line, ws[0].col, quote(ws[0].text)+" again", "each stack and version once")
			}
		}
		c.Expect = append(c.Expect, e)
	})
	if len(c.Expect) == 0 {
		p.fail(s.line, 1, "none", "a line such as baresip@1.0.0 clean")
	}
}

func (p *parser) expectation(line int, ws []word) (Expectation, bool) {
	stack, version, _ := strings.Cut(ws[0].text, "@")
	if scenario.NamesFile(stack) {
		p.fail(line, ws[0].col, quote(ws[0].text), "a stack and its version, such as baresip@1.0.0 ("+scenario.WhereFilesAreNamed+")")
		return Expectation{}, false
	}
	if !isStack(stack) || version == "" {
		p.fail(line, ws[0].col, quote(ws[0].text), "a stack and its version, such as baresip@1.0.0")
		return Expectation{}, false
	}
	e := Expectation{Stack: stack, Version: version}
	if len(ws) == 2 && ws[1].text == clean {
		return e, true
	}
	sig, bad := readSignature(ws[1:])
	if bad != nil {
		p.fail(line, max(bad.col, endCol(ws[:1])), bad.found, "clean or a signature: "+bad.want)
		return e, false
	}
	e.Signature = sig
	return e, true
}

// isStack accepts the name of a stack: lower-case words, with "/" for a kind
// of them, as in mutant/contact-loopback.
func isStack(s string) bool {
	for _, part := range strings.Split(s, "/") {
		bad := strings.IndexFunc(part, func(r rune) bool {
			return !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.+", r))
		})
		if bad >= 0 || strings.Trim(part, ".") == "" {
			return false
		}
	}
	return true
}

func (p *parser) found(c *Case, s section) {
	f, seen := &Found{}, map[string]bool{}
	s.eachLine(func(line int, ws []word) {
		key := ws[0].text
		if len(ws) != 2 {
			p.fail(line, endCol(ws[:1]), strconv.Itoa(len(ws)-1), "one value after "+quote(key))
			return
		}
		if seen[key] {
			p.fail(line, ws[0].col, quote(key)+" again", "each line once")
		}
		seen[key] = true
		p.foundField(f, line, ws[0], ws[1])
	})
	for _, key := range foundKeys {
		if !seen[key] {
			p.fail(s.line, 1, "none", "a line that begins with "+key)
		}
	}
	c.Found = f
}

var foundKeys = []string{"seed", "index", "kernel", "greka"}

func (p *parser) foundField(f *Found, line int, key, value word) {
	var err error
	switch key.text {
	case "seed":
		f.Seed, err = strconv.ParseUint(value.text, 10, 64)
	case "index":
		var n uint64
		n, err = strconv.ParseUint(value.text, 10, 31)
		f.Index = int(n)
	case "kernel":
		f.Kernel = value.text
	case "greka":
		f.Greka = value.text
	case "files":
		if f.Evidence = value.text; !isMark(value.text) {
			p.fail(line, value.col, quote(value.text), "the mark in the names of its files")
		}
	default:
		p.fail(line, key.col, quote(key.text), "one of "+strings.Join(foundKeys, ", ")+", files")
	}
	if err != nil {
		p.fail(line, value.col, quote(value.text), "a number after "+key.text)
	}
}
