package sut

import (
	"embed"
	"errors"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/sut/peer"
)

// Kind tells Greka's own elements from real stacks.
type Kind uint8

// The kinds of stack.
const (
	Real     Kind = iota + 1 // described by data, started as a program
	SelfTest                 // played by Greka itself: peer and its mutants
)

// Stack is an implementation of an element.
type Stack struct {
	Name        string
	Version     string // as Installed found it; "built in" for a self-test
	Kind        Kind
	Description *Description // nil for a self-test
	File        string       // the description's, as Load was told it; "" for a stack that comes with Greka

	// What it can do, for generators.
	Roles      []model.Role
	Transports []sip.Transport
	Families   []scenario.Family
	SamePort   bool // udp and tcp share one port number, and both are always open

	// Insecure runs what the description names even where netns.Sandbox says
	// that this machine cannot give the whole sandbox.
	Insecure bool

	Lie peer.Lie // a mutant's untruth; the zero value is honest

	asking bool // it is a stranger's, and was not allowed yet
}

//go:embed stacks/*.txtar
var files embed.FS

// embedded holds the descriptions that come with Greka, by name. They are
// checked by the tests, so an error here cannot happen to a user.
var embedded = sync.OnceValues(func() (map[string]*Description, error) {
	names, err := files.ReadDir("stacks")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*Description, len(names))
	for _, n := range names {
		file := path.Join("stacks", n.Name())
		data, err := files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		d, err := parse(file, "", data)
		if err != nil {
			return nil, err
		}
		if n.Name() != d.Name+".txtar" {
			return nil, fmt.Errorf("sut: %s describes a stack of another name: %s", file, d.Name)
		}
		all[d.Name] = d
	}
	return all, nil
})

// Find returns the stack of a name that Greka knows. It never reads a file: a
// name may come from a case or a scenario that a stranger wrote, and none of
// them decides what is run on this machine. Files are Load's.
func Find(name string) (*Stack, error) {
	var real []string
	for _, s := range everything() {
		if s.Name == name {
			return s, nil
		}
		if s.Kind == Real {
			real = append(real, s.Name)
		}
	}
	return nil, fmt.Errorf("sut: unknown stack %q: know %s, and the self-tests that `greka stacks` lists; or name a description file (./mine.txtar)",
		name, strings.Join(real, ", "))
}

// IsFile reports whether what a person wrote in the place of a stack's name is
// the path of a description file: it ends in ".txtar", or contains a slash and
// is no stack's name, as those of the mutants are.
func IsFile(nameOrPath string) bool {
	if strings.HasSuffix(nameOrPath, ".txtar") {
		return true
	}
	if !strings.Contains(nameOrPath, "/") {
		return false
	}
	_, err := Find(nameOrPath)
	return err != nil
}

// Load reads the stack that a description file describes. Nothing of it is run
// until Allow is called: whoever names the file to Load asks first, or knows
// that there is nothing to ask. Every error is one line that names the file
// and, where there is one, the line in it.
func Load(file string) (*Stack, error) {
	d, err := load(file)
	if err != nil {
		return nil, err
	}
	s := newStack(d)
	s.File, s.asking = file, true
	return s, nil
}

// ErrNotAllowed is what a stack's errors are when it comes from a file and
// nobody has allowed to run what that describes.
var ErrNotAllowed = errors.New("nobody has allowed to run what it describes")

// Allow says that what the description file describes may be run.
func (s *Stack) Allow() { s.asking = false }

// allowed is an error until a stack may be run.
func (s *Stack) allowed() error {
	if s.asking {
		return fmt.Errorf("%s: %w", s.File, ErrNotAllowed)
	}
	return nil
}

// All returns the real stacks that come with Greka, by name.
func All() []*Stack {
	all, err := embedded()
	if err != nil {
		panic(err) // a description that came with the program is wrong: a test forbids it
	}
	list := make([]*Stack, 0, len(all))
	for _, d := range all {
		list = append(list, newStack(d))
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// selfTests are the stacks that Greka plays itself.
var selfTests []*Stack

func everything() []*Stack { return append(append([]*Stack(nil), selfTests...), All()...) }

func newStack(d *Description) *Stack {
	return &Stack{Name: d.Name, Kind: Real, Description: d,
		Roles: d.Roles, Transports: d.Transports, Families: d.Families, SamePort: d.SamePort}
}

func familyOf(a netip.Addr) scenario.Family {
	if a.Unmap().Is4() {
		return scenario.IPv4
	}
	return scenario.IPv6
}

// Fits tells why the stack cannot play an element of a scenario, or nil.
func (s *Stack) Fits(sc *scenario.Scenario, element string) error {
	e := sc.Element(element)
	if e == nil {
		return fmt.Errorf("the scenario has no element %q", element)
	}
	d := s.Description
	if d == nil {
		return nil
	}
	if e.Kind != scenario.UserAgent {
		return fmt.Errorf("%s is no user agent, and %s plays nothing else", element, d.Name)
	}
	for i, l := range e.Listen {
		if slices.ContainsFunc(e.Listen[:i], func(have scenario.Listen) bool { return have.Transport == l.Transport }) {
			return fmt.Errorf("%s listens on two %s ports, and a described stack has one of each transport", element, l.Transport)
		}
		if !d.talks(l.Transport) {
			return fmt.Errorf("%s listens on %s, which %s cannot", element, l.Transport, d.Name)
		}
		if d.SamePort && l.Port != e.Listen[0].Port {
			return fmt.Errorf("%s listens on ports %d and %d, but %s has one port for all transports",
				element, e.Listen[0].Port, l.Port, d.Name)
		}
	}
	if err := d.fitsHost(sc, e); err != nil {
		return err
	}
	if err := d.fitsSteps(sc, e); err != nil {
		return err
	}
	return d.clash(sc, e)
}

func (d *Description) fitsSteps(sc *scenario.Scenario, e *scenario.Element) error {
	addr := sc.ElementAddr(e.Name)
	if len(e.Listen) == 0 || !addr.IsValid() {
		return fmt.Errorf("%s has no listener or no address", e.Name)
	}
	if f := familyOf(addr); !d.works(f) {
		return fmt.Errorf("%s is on an IPv%d network, on which %s does not work", e.Name, f, d.Name)
	}
	for _, step := range sc.Steps {
		if r, ok := step.(scenario.Register); ok && r.UA == e.Name && r.Via != "" && !d.Accounts {
			return fmt.Errorf("%s registers at %s, too, and %s has one account (no \"accounts many\")", e.Name, r.Via, d.Name)
		}
		c, ok := step.(scenario.Call)
		if ok && c.From == e.Name && !d.plays(model.RoleCaller) {
			return fmt.Errorf("%s calls, which %s cannot", e.Name, d.Name)
		}
		if ok && c.To == e.Name && !d.plays(model.RoleCallee) {
			return fmt.Errorf("%s is called, which %s cannot be", e.Name, d.Name)
		}
	}
	return nil
}
