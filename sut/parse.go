package sut

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
)

// parse reads a description and refuses what is not one. Its errors are
// *SyntaxError.
func parse(file, dir string, data []byte) (*Description, error) {
	if len(data) > maxDescription {
		return nil, &SyntaxError{File: file, Msg: "a description of more than 1 MB: is this the right file?"}
	}
	data = unixLines(data)
	if at, what := plain.Unfit(data); what != "" {
		return nil, &SyntaxError{File: file, Line: 1 + bytes.Count(data[:at], []byte("\n")), Msg: what + ": a description is text in UTF-8"}
	}
	p := &parser{Description: &Description{file: file, dir: dir,
		home: map[string]*text{}, control: map[string]*text{}}, seen: map[string]int{}}
	parts := sections(data)
	if len(parts) > maxParts {
		return nil, p.errorf(parts[maxParts].line, "more than %d parts", maxParts)
	}
	for _, s := range parts {
		if err := p.section(s); err != nil {
			return nil, err
		}
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	if err := p.rehearse(); err != nil {
		return nil, err
	}
	return p.Description, nil
}

// What a description may have: more is no description, but takes its time.
const (
	maxParts  = 256
	maxFields = 256 // lines of the part "stack"
	maxWords  = 100 // of a list
	maxName   = 64  // bytes of a name
)

// parser fills a Description and remembers on which line each thing was said.
type parser struct {
	*Description
	seen map[string]int
}

func (p *parser) errorf(line int, format string, args ...any) error {
	return &SyntaxError{File: p.file, Line: line, Msg: fmt.Sprintf(format, args...)}
}

// once notes that something was said, and refuses it the second time.
func (p *parser) once(what string, line int) error {
	if first, ok := p.seen[what]; ok {
		return p.errorf(line, "%s is there twice (first on line %d)", what, first)
	}
	p.seen[what] = line
	return nil
}

func (p *parser) section(s section) error {
	if err := p.once(fmt.Sprintf("part %q", s.name), s.line); err != nil {
		return err
	}
	name, isHome := strings.CutPrefix(s.name, "home/")
	switch {
	case s.name == "stack":
		fields := s.fields()
		if len(fields) > maxFields {
			return p.errorf(fields[maxFields].line, "more than %d fields", maxFields)
		}
		for _, f := range fields {
			if err := p.field(f); err != nil {
				return err
			}
		}
		return nil
	case isHome && name == path.Clean(name) && name != "." && filepath.IsLocal(name):
		return p.compile(s, name, p.home)
	case s.name == "register", s.name == "call", s.name == "hangup":
		return p.compile(s, s.name, p.control)
	}
	return p.errorf(s.line, "unknown part %q (stack, home/PATH, register, call, hangup)", s.name)
}

func (p *parser) compile(s section, name string, into map[string]*text) error {
	t, err := compile(p.file, s.line+1, s.text)
	into[name] = t
	return err
}

// complete refuses a description in which something is missing.
func (p *parser) complete() error {
	stackLine, ok := p.seen[`part "stack"`]
	if !ok {
		return p.errorf(0, `no part "stack": a description is a txtar file with a line "-- stack --"`)
	}
	for _, key := range required {
		if _, ok := p.seen[key]; !ok {
			return p.errorf(stackLine, `the field "%s" is missing`, key)
		}
	}
	for _, part := range []string{"register", "hangup", "call"} {
		t, ok := p.control[part]
		if part == "call" && !p.plays(model.RoleCaller) {
			if ok {
				return p.errorf(t.line-1, `a part "call", but "caller" is not among its roles`)
			}
			continue
		}
		if !ok {
			return p.errorf(0, `the part "%s" is missing`, part)
		}
	}
	if err := p.checkBinds(); err != nil {
		return err
	}
	return p.checkReady()
}

// checkBinds demands something to listen on in every family.
func (p *parser) checkBinds() error {
	for _, f := range p.Families {
		ok := p.binds(scenario.BindAddr) || p.binds(scenario.BindAny6)
		if f == scenario.IPv4 {
			ok = ok || p.binds(scenario.BindAny4)
		} else {
			ok = ok || p.binds(scenario.BindAny6Only)
		}
		if !ok {
			return p.errorf(p.seen["bind"], "bind: on an IPv%d network it could listen on nothing", f)
		}
	}
	return nil
}

func (p *parser) checkReady() error {
	for _, r := range p.Ready {
		if r.Listeners {
			continue
		}
		found := r.Port == "sip" && p.talks(r.Transport)
		for _, port := range p.Ports {
			found = found || port.Name == r.Port && port.Transport == r.Transport
		}
		if !found {
			return p.errorf(p.seen["ready"], "ready: there is no %s port %q", r.Transport, r.Port)
		}
	}
	return nil
}
