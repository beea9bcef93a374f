package scenario

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/sip"
)

// Bounds of a scenario. The canonical text is never longer than MaxText, whatever the names are.
const (
	MaxNets     = 256
	MaxHosts    = 1016
	MaxAddrs    = 1000
	MaxRoutes   = 1000
	MaxElements = 1000
	MaxSteps    = 4000
	maxAttached = 16 // networks of one host
	maxListen   = 16 // listeners of one element
)

const nameRule = "letters a-z, digits and hyphens, a letter first, at most 32"

// InvalidError says what makes no sense in a scenario that was not read from a
// text.
type InvalidError struct {
	Item  string // "ua ann", "call ann bob"; "" is the whole
	Found string
	Want  string

	section section
	index   int
	word    int    // index in the item's line, 0: find text in it
	text    string // Found, as it stands in the line
}

// Error is one short line.
func (e *InvalidError) Error() string {
	if e.Item == "" {
		return fmt.Sprintf("scenario: found %s, want %s", e.Found, e.Want)
	}
	return fmt.Sprintf("scenario: %s: found %s, want %s", e.Item, e.Found, e.Want)
}

// Validate reports the first thing in a scenario that makes no sense: what
// Parse would say of its text. The error is an *InvalidError.
func (s *Scenario) Validate() error {
	if e := s.check(); e != nil {
		return e
	}
	return nil
}

// checker validates one scenario. The first failure sticks.
type checker struct {
	s         *Scenario
	nets      map[string]*Net
	hosts     map[string]*Host
	elements  map[string]*Element
	listen    map[hostListen]string // who listens there
	sut       string
	owner     map[netip.Addr]string // who has an address
	numbered4 map[netNumber]string
	places    map[hostPlace]bool // addresses that addr lines have named
	routes    map[routeKey]bool
	defined   map[string]int // what earlier steps have named, by the index of the step

	section section // what is looked at
	index   int
	err     *InvalidError
}

type hostListen struct {
	host    string
	carrier sip.Carrier // two transports on one carrier and port clash
	port    uint16
}

func (s *Scenario) check() *InvalidError {
	c := &checker{
		s: s, nets: map[string]*Net{}, hosts: map[string]*Host{}, elements: map[string]*Element{},
		listen: map[hostListen]string{}, numbered4: map[netNumber]string{}, places: map[hostPlace]bool{}, routes: map[routeKey]bool{}, defined: map[string]int{},
	}
	c.bounds()
	each(c, netLines, s.Nets, (*checker).net)
	each(c, hostLines, s.Hosts, (*checker).hostLine)
	each(c, addrLines, s.Addrs, (*checker).addrLine)
	each(c, routeLines, s.Routes, (*checker).routeLine)
	each(c, elementLines, s.Elements, (*checker).elementLine)
	each(c, elementLines, s.Elements, (*checker).viaLine)
	each(c, elementLines, s.Elements, (*checker).elementPlace)
	each(c, stepLines, s.Steps, (*checker).step)
	return c.err
}

// each checks the items of a section up to the first that fails.
func each[T any](c *checker, sec section, items []T, one func(*checker, *T)) {
	for i := range items {
		if c.err != nil {
			return
		}
		c.section, c.index = sec, i
		one(c, &items[i])
	}
}

// fail complains about a word of the current item: the one of that index in
// its line, or, where the index is 0, the last that reads like found.
func (c *checker) fail(word int, found, want string) {
	if c.err != nil {
		return
	}
	c.err = &InvalidError{
		Item: c.item(), Found: plain.Quote(found), Want: want,
		section: c.section, index: c.index, word: word, text: found,
	}
	if found == "" {
		c.err.Found = "nothing"
	}
}

// item names the current item in a message.
func (c *checker) item() string {
	var cells []string
	switch c.section {
	case netLines:
		cells = []string{"net", c.s.Nets[c.index].Name}
	case hostLines:
		cells = hostCells(&c.s.Hosts[c.index])[:2]
	case addrLines:
		cells = addrCells(&c.s.Addrs[c.index])[:3]
	case routeLines:
		cells = routeCells(&c.s.Routes[c.index])[:3]
	case elementLines:
		cells = elementCells(&c.s.Elements[c.index])[:2]
	case stepLines:
		cells = append([]string{"step", strconv.Itoa(c.index+1) + ":"}, stepCells(c.s.Steps[c.index])...)
	}
	out := plain.Quote(strings.Join(cells, " "))
	return out[1 : len(out)-1]
}

func (c *checker) bounds() {
	switch {
	case len(c.s.Nets) == 0:
		c.fail(0, "", "at least one net")
	case len(c.s.Hosts) == 0:
		c.fail(0, "", "at least one host")
	}
	c.atMost(netLines, len(c.s.Nets), MaxNets, "nets")
	c.atMost(hostLines, len(c.s.Hosts), MaxHosts, "hosts")
	c.atMost(addrLines, len(c.s.Addrs), MaxAddrs, "addresses")
	c.atMost(routeLines, len(c.s.Routes), MaxRoutes, "routes")
	c.atMost(elementLines, len(c.s.Elements), MaxElements, "elements")
	c.atMost(stepLines, len(c.s.Steps), MaxSteps, "steps")
}

// atMost complains about the first item of a section that is one too many.
func (c *checker) atMost(sec section, n, most int, what string) {
	if n > most {
		c.section, c.index = sec, most
		c.fail(0, strconv.Itoa(n)+" "+what, "at most "+strconv.Itoa(most))
	}
}

func (c *checker) net(n *Net) {
	c.newName(n.Name, c.nets[n.Name] != nil)
	if n.Family != IPv4 && n.Family != IPv6 && n.Family != DualStack {
		c.fail(2, strconv.Itoa(int(n.Family)), "4, 6 or 46")
	}
	c.netOptions(n)
	c.nets[n.Name] = n
}

func (c *checker) hostLine(h *Host) {
	c.newName(h.Name, c.hosts[h.Name] != nil)
	if len(h.Nets) == 0 {
		c.fail(0, "", "the name of a network")
	}
	seen := map[string]bool{}
	for i, n := range h.Nets {
		if i == maxAttached {
			c.fail(2+i, n, "at most "+strconv.Itoa(maxAttached)+" networks")
			return
		}
		if c.nets[n] == nil {
			c.fail(2+i, n, "the name of a net")
		}
		if seen[n] {
			c.fail(2+i, n, "each net at most once")
		}
		seen[n] = true
	}
	c.hostOptions(h)
	c.numbers(c.index, h)
	c.hosts[h.Name] = h
}

func (c *checker) elementLine(e *Element) {
	c.newName(e.Name, c.elements[e.Name] != nil)
	c.elements[e.Name] = e
	c.host(2, e.Host)
	c.listeners(e)
	switch e.Kind {
	case Proxy:
		c.proxy(e)
	case UserAgent:
		c.notForAgents(e)
	default:
		c.fail(0, "kind "+strconv.Itoa(int(e.Kind)), "a user agent or a proxy")
	}
	c.stack(e)
}

func (c *checker) listeners(e *Element) {
	if len(e.Listen) == 0 {
		c.fail(0, "", "a listener, as in tcp:5060")
	}
	for i, l := range e.Listen {
		if i == maxListen {
			c.fail(3+i, l.String(), "at most "+strconv.Itoa(maxListen)+" listeners")
			return
		}
		if _, ok := sip.ParseTransport(l.Transport.String()); !ok || l.Port == 0 {
			c.fail(3+i, l.String(), "a transport and a port from 1 to 65535")
		}
		if l.Transport == e.Lacks {
			c.fail(0, "lacks="+e.Lacks.String(), "a transport of which the element has no listener")
		}
		at := hostListen{e.Host, l.Transport.Carrier(), l.Port}
		if who := c.listen[at]; who != "" {
			c.fail(3+i, l.String(), "a port on "+e.Host+" where "+who+" does not listen")
		}
		c.listen[at] = e.Name
	}
}

func (c *checker) proxy(e *Element) {
	if e.Deliver != DeliverFlow && e.Deliver != DeliverContact {
		c.fail(0, "", "deliver=flow or deliver=contact")
	}
	if e.Via != "" {
		c.fail(0, "via="+e.Via, "a proxy without a proxy of its own")
	}
}

func (c *checker) notForAgents(e *Element) {
	if e.Deliver != 0 || e.RecordRoute {
		c.fail(0, strings.Join(elementOptions(e), " "), "a user agent without a proxy's options")
	}
}

func (c *checker) stack(e *Element) {
	switch {
	case NamesFile(e.Stack):
		c.fail(0, "stack="+e.Stack, "the name of a stack ("+WhereFilesAreNamed+")")
	case e.Stack != "" && !validStack(e.Stack):
		c.fail(0, "stack="+e.Stack, "stack= and a stack's name")
	case e.SUT && e.Stack != "":
		c.fail(0, "stack="+e.Stack, "no stack for the sut: it comes from outside")
	case e.SUT && c.sut != "":
		c.fail(0, "sut", "one sut: it is "+c.sut+" already")
	case e.SUT:
		c.sut = e.Name
	}
}

func (c *checker) viaLine(e *Element) {
	if e.Via == "" {
		return
	}
	if p := c.elements[e.Via]; p == nil || p.Kind != Proxy {
		c.fail(0, "via="+e.Via, "via= and the name of a proxy")
	}
}

func (c *checker) step(s *Step) {
	t := stepByType[reflect.TypeOf(*s)]
	if t == nil {
		c.fail(0, fmt.Sprintf("%T", *s), "a step that has a text form")
		return
	}
	t.check(c, *s)
}

// newName checks a name where it is declared.
func (c *checker) newName(name string, taken bool) {
	switch {
	case !validName(name):
		c.fail(1, name, "a name ("+nameRule+")")
	case taken:
		c.fail(1, name, "a name that is not taken")
	}
}

// host finds a host that a word names.
func (c *checker) host(word int, name string) *Host {
	h := c.hosts[name]
	if h == nil {
		c.fail(word, name, "the name of a host")
	}
	return h
}

// userAgent finds a user agent that a word names.
func (c *checker) userAgent(word int, name string) *Element {
	e := c.elements[name]
	if e == nil || e.Kind != UserAgent {
		c.fail(word, name, "the name of a ua")
		return nil
	}
	return e
}

// validName: names end in file names, in SIP user parts and in reports.
func validName(s string) bool {
	if s == "" || len(s) > 32 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
