package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
)

// ObservationError says where an observation's text cannot be read or makes no
// sense. It prints on one line.
type ObservationError struct {
	Line, Column int    // from 1; the column counts bytes, and is the item's if no better one is known
	Path         string // the item, as in "uses[3]"; "" is the whole
	Why          string
}

// Error is one short line, as compilers print it.
func (e *ObservationError) Error() string {
	return fmt.Sprintf("observation:%d:%d: %s", e.Line, e.Column, e.Said())
}

// Said is the error without its place in the text.
func (e *ObservationError) Said() string {
	if e.Path == "" {
		return e.Why
	}
	return e.Path + ": " + e.Why
}

// ParseObservation reads what FormatObservation wrote of the same scenario. Text
// that it does not know is refused, and so is an index that leads nowhere: Judge
// can be asked about whatever it returns. The error is an *ObservationError.
func ParseObservation(s *scenario.Scenario, text []byte) (*Observation, error) {
	if len(text) > MaxObservation {
		return nil, &ObservationError{1, 1, "", fmt.Sprintf("%d bytes, and at most %d are read", len(text), MaxObservation)}
	}
	r := &observationReader{text: text, dec: json.NewDecoder(bytes.NewReader(text)), o: &Observation{}, seen: map[string]bool{}, starts: map[string]int{}}
	r.dec.DisallowUnknownFields()
	err := r.read()
	if err == nil {
		err = r.resolve(s)
	}
	if err == nil {
		if wrong := fitsScenario(s, r.o); wrong != nil {
			err = r.place(wrong)
		}
	}
	if err != nil {
		return nil, err
	}
	return r.o, nil
}

// observationReader reads the document item by item, so that it always knows
// where it is.
type observationReader struct {
	text      []byte
	dec       *json.Decoder
	o         *Observation
	sockets   []linux.Socket
	snapshots []snapshotText
	seen      map[string]bool
	path      string
	starts    map[string]int // where each item begins, by its path
}

// read reads all members of the object, and nothing behind it.
func (r *observationReader) read() error {
	if err := r.delim('{'); err != nil {
		return err
	}
	for r.dec.More() {
		r.path = ""
		at := r.next()
		token, err := r.dec.Token()
		if err != nil {
			return r.failAt(at, err)
		}
		name, _ := token.(string)
		if r.seen[name] {
			return r.failAt(at, fmt.Errorf("%s again", plain.Quote(name)))
		}
		r.seen[name], r.path = true, name
		if err := r.member(name); err != nil {
			return err
		}
	}
	r.path = ""
	if err := r.delim('}'); err != nil {
		return err
	}
	at := r.next()
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return r.failAt(at, errors.New("more text behind the end"))
	}
	return nil
}

func (r *observationReader) member(name string) error {
	o := r.o
	switch name {
	case "broken":
		return readValue(r, &o.Broken)
	case "own":
		return readValue(r, &o.Own)
	case "after":
		return readValue(r, &o.After)
	case "adverts":
		return readList(r, &o.Adverts)
	case "uses":
		return readList(r, &o.Uses)
	case "outcomes":
		return readList(r, &o.Outcomes)
	case "requests":
		return readList(r, &o.Requests)
	case "sendings":
		return readList(r, &o.Sendings)
	case "route_sets":
		return readList(r, &o.RouteSets)
	case "breakdowns":
		return readList(r, &o.Breakdowns)
	case "sockets":
		return readList(r, &r.sockets)
	case "snapshots":
		return readList(r, &r.snapshots)
	}
	return r.fail(errors.New("nothing of an observation has that name"))
}

// readValue reads one value.
func readValue[T any](r *observationReader, v *T) error {
	r.mark()
	at := r.starts[r.path]
	if err := r.dec.Decode(v); err != nil {
		return r.failAt(at, err)
	}
	if err := eachString(reflect.ValueOf(v).Elem(), false, literal); err != nil {
		return r.failAt(at, err)
	}
	return nil
}

// readList reads a list; an empty one is not nil.
func readList[T any](r *observationReader, list *[]T) error {
	name := r.path
	r.mark()
	if err := r.delim('['); err != nil {
		return err
	}
	*list = []T{}
	for r.dec.More() {
		r.path = fmt.Sprintf("%s[%d]", name, len(*list))
		if len(*list) == maxItems {
			return r.fail(fmt.Errorf("more than %d", maxItems))
		}
		var item T
		if err := readValue(r, &item); err != nil {
			return err
		}
		*list = append(*list, item)
	}
	return r.delim(']')
}

// mark notes where an item begins: it may be refused when all is read.
func (r *observationReader) mark() { r.starts[r.path] = r.next() }

// next is where the next value begins.
func (r *observationReader) next() int {
	at := int(r.dec.InputOffset())
	for at < len(r.text) && strings.IndexByte(" \t\r\n,:", r.text[at]) >= 0 {
		at++
	}
	return at
}

func (r *observationReader) delim(want json.Delim) error {
	at := r.next()
	token, err := r.dec.Token()
	if err != nil {
		return r.failAt(at, err)
	}
	if token != want {
		return r.failAt(at, fmt.Errorf("found %s, want %q", plain.Quote(fmt.Sprint(token)), want.String()))
	}
	return nil
}

func (r *observationReader) fail(err error) error { return r.failAt(r.next(), err) }

// failAt says what is wrong at an offset.
func (r *observationReader) failAt(at int, err error) error {
	var mistyped *json.UnmarshalTypeError
	e := &ObservationError{Path: r.path}
	switch {
	case errors.As(err, &mistyped):
		e.Why = fmt.Sprintf("a %s cannot be %s", word(mistyped.Value), orThis(mistyped.Field))
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, e.Why = len(r.text), "the text ends too soon"
	default:
		e.Why = quoted(strings.TrimPrefix(err.Error(), "json: "))
	}
	if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
		at = r.syntaxAt(at)
	}
	return r.at(e, at)
}

// syntaxAt finds what is no JSON in the value at an offset: a decoder's own count
// leaves out what it took as tokens.
func (r *observationReader) syntaxAt(at int) int {
	var whole json.RawMessage
	var syntax *json.SyntaxError
	if errors.As(json.Unmarshal(r.text[at:], &whole), &syntax) && syntax.Offset > 0 {
		return at + int(syntax.Offset) - 1
	}
	return at
}

// word keeps what JSON calls a value, without the value itself.
func word(value string) string {
	first, _, _ := strings.Cut(value, " ")
	return first
}

func orThis(field string) string {
	if field == "" {
		return "here"
	}
	return field
}

// quoted bounds the text of an error and keeps it on one line.
func quoted(text string) string {
	const most = 120
	q := fmt.Sprintf("%+q", text)
	q = strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
	if len(q) > most {
		return q[:most] + "…"
	}
	return q
}

func (r *observationReader) at(e *ObservationError, offset int) error {
	before := r.text[:min(max(offset, 0), len(r.text))]
	e.Line, e.Column = 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n')
	return e
}

// place finds the item that an error is about in the text: its list, where it is
// on one line with the others.
func (r *observationReader) place(e *ObservationError) error {
	at, known := r.starts[e.Path]
	if list, _, isItem := strings.Cut(e.Path, "["); isItem && !known {
		at = r.starts[list]
	}
	return r.at(e, at)
}
