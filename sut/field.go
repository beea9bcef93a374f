package sut

import (
	"fmt"
	"path"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// required are the fields that a description cannot be without.
var required = []string{"name", "version", "version-match", "roles", "transports", "families",
	"listen", "start", "ready"}

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)

// field reads one line of the part "stack".
func (p *parser) field(f field) error {
	if f.value == "" {
		return p.errorf(f.line, "%q has no value", f.key)
	}
	if plain.Spelled(f.value) != f.value {
		// A person is asked whether to run this, and has to see all of it.
		return p.errorf(f.line, "%q has a character that cannot be seen: %s", f.key, plain.Spelled(f.value))
	}
	if f.key != "port" && f.key != "env" {
		if err := p.once(f.key, f.line); err != nil {
			return err
		}
	}
	err := p.set(f)
	if _, placed := err.(*SyntaxError); err != nil && !placed {
		return p.errorf(f.line, "%s: %v", f.key, err)
	}
	return err
}

func (p *parser) set(f field) (err error) {
	switch f.key {
	case "name":
		if len(f.value) > maxName {
			return fmt.Errorf("a name of more than %d bytes", maxName)
		}
		if !namePattern.MatchString(f.value) {
			return fmt.Errorf("%q: a name has lower case letters, digits, - and _ only", f.value)
		}
		p.Name = f.value
	case "debian":
		p.Debian, err = packages(f.value)
	case "version":
		p.version, err = compile(p.file, f.line, f.value)
	case "version-match":
		p.VersionMatch, err = versionMatch(f.value)
	case "roles":
		p.Roles, err = each(f.value, parseRole)
	case "transports":
		p.Transports, err = each(f.value, parseTransport)
	case "families":
		p.Families, err = each(f.value, parseFamily)
	case "listen":
		p.SamePort, err = parseListen(f.value)
	case "bind":
		p.Binds, err = each(f.value, parseBind)
	case "several":
		p.Several, err = parseSeveral(f.value)
	case "accounts":
		p.Accounts, err = parseAccounts(f.value)
	case "port":
		err = p.addPort(f)
	case "env":
		err = p.addEnv(f)
	case "reads":
		p.Reads, err = p.readPaths(f.value)
	case "start":
		p.start, err = compile(p.file, f.line, f.value)
	case "ready":
		p.Ready, err = each(f.value, parseReady)
	default:
		return p.errorf(f.line, "unknown field %q", f.key)
	}
	return err
}

// each reads a list of words, each of them once.
func each[T comparable](value string, parse func(string) (T, error)) ([]T, error) {
	var list []T
	words := strings.Fields(value)
	if len(words) > maxWords {
		return nil, fmt.Errorf("more than %d words", maxWords)
	}
	for _, w := range words {
		v, err := parse(w)
		if err != nil {
			return nil, err
		}
		for _, have := range list {
			if have == v {
				return nil, fmt.Errorf("%q is there twice", w)
			}
		}
		list = append(list, v)
	}
	return list, nil
}

func parseRole(s string) (model.Role, error) {
	for _, r := range []model.Role{model.RoleCaller, model.RoleCallee} {
		if r.String() == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%q is no role of a described stack (caller, callee)", s)
}

func parseTransport(s string) (sip.Transport, error) {
	if t, ok := sip.ParseTransport(s); ok {
		return t, nil
	}
	return 0, fmt.Errorf("%q is no transport (udp, tcp)", s)
}

func parseFamily(s string) (scenario.Family, error) {
	switch s {
	case "4":
		return scenario.IPv4, nil
	case "6":
		return scenario.IPv6, nil
	}
	return 0, fmt.Errorf("%q is no address family (4, 6)", s)
}

func parseListen(s string) (same bool, err error) {
	if s != "same" && s != "apart" {
		return false, fmt.Errorf("%q is neither \"same\" nor \"apart\"", s)
	}
	return s == "same", nil
}

func parseBind(s string) (scenario.Bind, error) {
	for b := scenario.BindAny4; b <= scenario.BindAny6Only; b++ {
		if b.String() == s {
			return b, nil
		}
	}
	if s != "address" {
		return 0, fmt.Errorf("%q is nothing to listen on (address, 0.0.0.0, ::, v6only)", s)
	}
	return scenario.BindAddr, nil
}

func parseSeveral(value string) (s Several, err error) {
	_, err = each(value, func(word string) (string, error) {
		switch word {
		case "interfaces":
			s.Interfaces = true
		case "addresses":
			s.Addresses = true
		case "families":
			s.Families = true
		default:
			return "", fmt.Errorf("%q is nothing that a host has several of (interfaces, addresses, families)", word)
		}
		return word, nil
	})
	return s, err
}

func parseAccounts(s string) (many bool, err error) {
	if s != "one" && s != "many" {
		return false, fmt.Errorf("%q is neither \"one\" nor \"many\"", s)
	}
	return s == "many", nil
}

func parseReady(s string) (Ready, error) {
	if s == "listeners" {
		return Ready{Listeners: true}, nil
	}
	name, port, ok := strings.Cut(s, ":")
	t, known := sip.ParseTransport(name)
	if !ok || !known || port == "" {
		return Ready{}, fmt.Errorf("%q is neither \"listeners\" nor TRANSPORT:NAME", s)
	}
	return Ready{Transport: t, Port: port}, nil
}

var packagePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]+$`)

// packages reads Debian package names. They go on apt-get's command line, so
// nothing that could be an option gets through.
func packages(value string) ([]string, error) {
	return each(value, func(s string) (string, error) {
		if !packagePattern.MatchString(s) {
			return "", fmt.Errorf("%q is no name of a Debian package", s)
		}
		return s, nil
	})
}

// maxPattern bounds a regular expression, in bytes and in the instructions that
// become of it: matching takes as many steps for each byte of the output.
const maxPattern = 1000

func versionMatch(value string) (*regexp.Regexp, error) {
	if len(value) > maxPattern {
		return nil, fmt.Errorf("a regular expression of more than %d bytes", maxPattern)
	}
	if tree, err := syntax.Parse("(?m)"+value, syntax.Perl); err == nil {
		if prog, err := syntax.Compile(tree.Simplify()); err == nil && len(prog.Inst) > maxPattern {
			return nil, fmt.Errorf("the regular expression says too much (%d instructions, %d at the most)", len(prog.Inst), maxPattern)
		}
	}
	re, err := regexp.Compile("(?m)" + value)
	if err == nil && re.NumSubexp() != 1 {
		return nil, fmt.Errorf("want one group (...) around the version, not %d", re.NumSubexp())
	}
	return re, err
}

// readPaths reads the paths of what a stack may see. Those of a description
// that comes with Greka have no directory to lie in.
func (p *parser) readPaths(value string) ([]string, error) {
	return each(value, func(s string) (string, error) {
		if path.Clean(s) == "/" {
			return "", fmt.Errorf("%q is everything", s)
		}
		if !path.IsAbs(s) && p.dir == "" {
			return "", fmt.Errorf("%q is not absolute", s)
		}
		return path.Clean(s), nil
	})
}

func (p *parser) addPort(f field) error {
	port, err := parsePort(f.value)
	if err != nil {
		return err
	}
	total := port.Count
	for _, have := range p.Ports {
		if have.Name == port.Name {
			return fmt.Errorf("%q is declared twice", port.Name)
		}
		total += have.Count
	}
	if total > maxPorts {
		return fmt.Errorf("%d ports in all: an element can have %d", total, maxPorts)
	}
	p.Ports = append(p.Ports, port)
	return nil
}

func (p *parser) addEnv(f field) error {
	if name, _, ok := strings.Cut(f.value, "="); !ok || !isName(name) {
		return fmt.Errorf("want NAME=VALUE, not %q", f.value)
	}
	t, err := compile(p.file, f.line, f.value)
	p.env = append(p.env, t)
	return err
}
