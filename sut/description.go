package sut

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/greka-sip/greka/model"
)

// Description is a real stack as data. It is read from a txtar file: prose
// for people first, then these parts.
//
// The part "stack" has one "key value" line for each of
//
//	name           what findings call it: lower case letters, digits, - and _
//	debian         the Debian packages that install it (may be left out)
//	version        a command that prints its version
//	version-match  a regular expression with one group: the version in that output
//	roles          what it can be in a call: caller, callee
//	transports     what it can talk over: udp, tcp
//	families       on which networks it works: 4, 6
//	listen         "apart": the port of each transport is its own, and one that
//	               the element does not list is not opened. "same": one port
//	               number for all of its transports, and it opens all of them
//	port           NAME udp|tcp COUNT    so many ports in a row that it takes besides
//	               NAME udp|tcp sip+N    or one at a fixed distance from the SIP port
//	               (any number of such lines)
//	env            NAME=VALUE for its environment (any number of such lines)
//	start          the command that starts it, in the foreground
//	ready          the sockets by which one sees that it is ready: "listeners"
//	               (all that the element lists), "udp:sip", "tcp:sip", or
//	               TRANSPORT:NAME of a declared port
//
// Every part "home/PATH" is a file in its private home, which is its current
// directory too, fresh each time. The parts "register", "call" and "hangup" are
// what is written to its standard input to make it register at its proxy, call
// a URI, and end every call that it has.
//
// env, start, ready's owner and all parts but "stack" are templates
// (text/template); what they see is told at Data. A command is split at blanks,
// quotes keep blanks, and no shell reads it.
//
// The format is strict: what is unknown, missing, said twice or does not
// expand is an error with its line. Goals: a stack is added without a line of
// Go and without knowing Greka's inside. Non-goals: logic beyond what a
// template can say, and stacks that cannot be driven through standard input.
type Description struct {
	Name         string
	Debian       []string
	VersionMatch *regexp.Regexp
	Roles        []model.Role
	Transports   []model.Transport
	Families     []model.Family
	SamePort     bool
	Ports        []Port
	Ready        []Ready

	file    string // where it was read from, for errors
	dir     string // the file's directory, "" if embedded
	version *text
	env     []*text
	start   *text
	home    map[string]*text
	control map[string]*text // register, call, hangup
}

// Ready is one socket that has to exist before a stack is driven.
type Ready struct {
	Listeners bool // all that the element lists
	Transport model.Transport
	Port      string // "sip" or a declared port's name
}

// maxDescription bounds what is read of a file that a stranger names.
const maxDescription = 1 << 20

// Load reads a description from a file. Every error is one line that names
// the file and, where there is one, the line in it.
func Load(file string) (*Description, error) {
	// Opening a pipe would wait for somebody to write into it.
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("sut: read the description: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sut: read the description: %s is not a regular file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err != nil {
		return nil, fmt.Errorf("sut: read the description: %w", err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, fmt.Errorf("sut: read the description %s: %w", file, err)
	}
	return parse(file, dir, data)
}

func parse(file, dir string, data []byte) (*Description, error) {
	if len(data) > maxDescription {
		return nil, &SyntaxError{File: file, Msg: "a description of more than 1 MB: is this the right file?"}
	}
	p := &parser{Description: &Description{file: file, dir: dir,
		home: map[string]*text{}, control: map[string]*text{}}, seen: map[string]int{}}
	list := sections(data)
	for _, s := range list {
		if err := p.section(s); err != nil {
			return nil, err
		}
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	return p.Description, p.rehearse()
}

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
		for _, f := range s.fields() {
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
	return p.checkReady()
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

func (d *Description) plays(r model.Role) bool      { return slices.Contains(d.Roles, r) }
func (d *Description) talks(t model.Transport) bool { return slices.Contains(d.Transports, t) }
func (d *Description) works(f model.Family) bool    { return slices.Contains(d.Families, f) }

// rehearse expands every template for the elements that the description says
// it can play, so that an unknown name is found now and not in a hunt.
func (d *Description) rehearse() error {
	if _, err := d.version.argv(&Data{Dir: d.dir}); err != nil {
		return err
	}
	for _, data := range d.rehearsals() {
		for _, t := range d.texts() {
			if t == d.control["register"] && data.Via == nil {
				continue // nobody registers without a proxy
			}
			if _, err := t.expand(data); err != nil {
				return err
			}
		}
		if _, err := d.start.argv(data); err != nil {
			return err
		}
	}
	return nil
}

func (d *Description) rehearsals() []*Data {
	var list []*Data
	for _, via := range []*ViaData{nil, {Name: "p", Addr: "10.77.0.2", Host: "10.77.0.2"}} {
		for _, t := range d.Transports {
			data := &Data{Name: "bob", Addr: "10.77.0.1", Host: "10.77.0.1", Family: 4, Interface: "eth0",
				Dir: d.dir, UDP: 5060, TCP: 5060, Port: 5060, Ports: map[string]Block{}, Via: via,
				To: "sip:ann@10.77.0.1:5061", Transport: t.String(), Transports: []string{t.String()}}
			for _, p := range d.Ports {
				data.Ports[p.Name] = Block{windowStart, windowStart}
			}
			if via != nil {
				via.Transports = []string{"udp", "tcp"}
				data.Registered = map[string]bool{t.String(): true}
			}
			list = append(list, data)
		}
	}
	return list
}

// texts returns every template, in the order of the file.
func (d *Description) texts() []*text {
	list := append([]*text{d.start}, d.env...)
	for _, t := range d.home {
		list = append(list, t)
	}
	for _, t := range d.control {
		list = append(list, t)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].line < list[j].line })
	return list
}
