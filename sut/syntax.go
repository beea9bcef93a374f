package sut

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// SyntaxError is what is wrong with a description, and where.
type SyntaxError struct {
	File string
	Line int // 1 is the first; 0 means the file as a whole
	Msg  string
}

// Error returns "file:line: message", one line whatever the file has in it.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + printable(e.Msg)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, printable(e.Msg))
}

// section is one file of the archive, and where its text starts.
type section struct {
	name string
	line int // of the marker; its text starts on the next
	text string
}

// unixLines ends lines as this system does: a description may have gone
// through an editor or a mail of another one.
func unixLines(data []byte) []byte { return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")) }

// sections splits an archive. txtar keeps no line numbers, but every line of
// the input is a marker or in exactly one text, so they can be counted.
func sections(data []byte) []section {
	archive := txtar.Parse(data)
	line := 1 + bytes.Count(archive.Comment, []byte("\n"))
	var list []section
	for _, f := range archive.Files {
		list = append(list, section{name: f.Name, line: line, text: string(f.Data)})
		line += 1 + bytes.Count(f.Data, []byte("\n"))
	}
	return list
}

// field is one "key value" line of the stack section.
type field struct {
	key, value string
	line       int
}

// fields reads the lines of a section: a key, blanks, a value. Empty lines and
// lines that begin with # are left out.
func (s section) fields() []field {
	var list []field
	for i, l := range strings.Split(s.text, "\n") {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' {
			continue
		}
		key, value := l, ""
		if at := strings.IndexAny(l, " \t"); at >= 0 {
			key, value = l[:at], strings.TrimSpace(l[at:])
		}
		list = append(list, field{key: key, value: value, line: s.line + 1 + i})
	}
	return list
}

// words splits a command into its arguments at blanks. Single and double
// quotes keep blanks, and nothing else is special: no shell reads it.
func words(s string) ([]string, error) {
	var (
		list  []string
		word  strings.Builder
		in    bool // inside a word, which may be empty: ""
		quote rune
	)
	for _, r := range s {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				list = append(list, word.String())
				word.Reset()
			}
			in = false
		default:
			in = true
			word.WriteRune(r)
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed in %q", quote, s)
	}
	if in {
		list = append(list, word.String())
	}
	return list, nil
}

var (
	templatePlace = regexp.MustCompile(`^template: ` + templateName + `:(\d+)(?::\d+)?: (?:executing ".*?" at )?`)
	anotherPlace  = regexp.MustCompile(templateName + `:(\d+)`)
)

// templateError turns an error of text/template into a SyntaxError: the lines
// that it names are the template's, which begins on a line of the file.
func templateError(file string, line int, err error) *SyntaxError {
	msg, at := err.Error(), line
	ofFile := func(templateLine string) int {
		n, err := strconv.Atoi(templateLine)
		if err != nil {
			return line
		}
		return line + n - 1
	}
	if m := templatePlace.FindStringSubmatch(msg); m != nil {
		at, msg = ofFile(m[1]), msg[len(m[0]):]
	}
	msg = anotherPlace.ReplaceAllStringFunc(msg, func(place string) string {
		return fmt.Sprintf("line %d", ofFile(place[len(templateName)+1:]))
	})
	return &SyntaxError{File: file, Line: at, Msg: "template: " + msg}
}
