package sut

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
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
//	bind           what its listeners can be told to listen on: "address", its own
//	               (so if the line is left out), and the wildcards that bind= of
//	               a scenario has: 0.0.0.0, ::, v6only
//	several        of what its host can have several while it keeps to the one that
//	               it is told of: interfaces, addresses, families (none if left out).
//	               On a wildcard it then has to find out itself which address of
//	               its own a peer can reach
//	accounts       how many registrars it can be registered at: "one", its proxy (so
//	               if left out), or "many"
//	port           NAME udp|tcp COUNT    so many ports in a row that it takes besides
//	               NAME udp|tcp sip+N    or one at a fixed distance from the SIP port
//	               (any number of such lines)
//	env            NAME=VALUE for its environment (any number of such lines)
//	reads          files and directories that it reads besides what is installed
//	               and its own directory; a relative path lies there (may be left
//	               out). It sees them, and no more of the machine, and changes
//	               nothing
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
// expand is an error with its line. It is text in UTF-8 without control
// characters; lines may end as on other systems. What its templates may cost
// is bounded: 1 MB comes out of all of them for one element, a value made on
// the way has 4 KB, and loops have some ten thousand turns. Goals: a stack is added without a line of
// Go and without knowing Greka's inside. Non-goals: logic beyond what a
// template can say, and stacks that cannot be driven through standard input.
type Description struct {
	Name         string
	Debian       []string
	VersionMatch *regexp.Regexp
	Roles        []model.Role
	Transports   []sip.Transport
	Families     []scenario.Family
	SamePort     bool
	Binds        []scenario.Bind
	Several      Several
	Accounts     bool // more than one
	Ports        []Port
	Ready        []Ready
	Reads        []string // what it reads besides its packages and its directory

	file    string            // where it was read from, for errors
	dir     string            // the file's directory, "" if embedded
	sum     [sha256.Size]byte // of the file
	version *text
	env     []*text
	start   *text
	home    map[string]*text
	control map[string]*text // register, call, hangup
}

// Several is of what a host can have more than one without confusing the stack.
type Several struct{ Interfaces, Addresses, Families bool }

// Ready is one socket that has to exist before a stack is driven.
type Ready struct {
	Listeners bool // all that the element lists
	Transport sip.Transport
	Port      string // "sip" or a declared port's name
}

// maxDescription bounds what is read of a file that a stranger names.
const maxDescription = 1 << 20

// load reads a description from a file. Every error is one line that names
// the file and, where there is one, the line in it.
func load(file string) (*Description, error) {
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
	d, err := parse(file, dir, data)
	if err != nil {
		return nil, err
	}
	d.sum = sha256.Sum256(data)
	return d, nil
}

func (d *Description) plays(r model.Role) bool      { return slices.Contains(d.Roles, r) }
func (d *Description) talks(t sip.Transport) bool   { return slices.Contains(d.Transports, t) }
func (d *Description) works(f scenario.Family) bool { return slices.Contains(d.Families, f) }

// binds reports whether the stack can be told so. Without a word it listens on
// the address that it is given.
func (d *Description) binds(b scenario.Bind) bool {
	return slices.Contains(d.Binds, b) || len(d.Binds) == 0 && b == scenario.BindAddr
}
