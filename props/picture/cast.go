package picture

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// cast is who and what is on the hosts.
type cast struct {
	s       *scenario.Scenario
	actors  map[string][]*actor // by host, in the scenario's order
	details map[string][]string // routes and faults, by host
	busy    map[string]bool     // hosts that more is to be said of than their first addresses
	wires   int
	notes   []string

	byName map[string]*actor // elements
	faults map[string]*faults
}

// actor is an element, or the sockets of a host that belong to none.
type actor struct {
	title   string
	sut     bool
	sockets []*socket
	faults  faults
}

// socket is one socket of an actor.
type socket struct {
	text    string
	shape   shape
	wire    int  // -1: it is at no end of a drawn connection
	arrives bool // it is the end that was dialled
}

// shape is how a socket looks.
type shape uint8

const (
	noShape shape = iota
	square        // accepts new peers
	circle        // is for one peer only
)

func castOf(s *scenario.Scenario) *cast {
	c := &cast{
		s: s, actors: map[string][]*actor{}, details: map[string][]string{}, busy: map[string]bool{},
		byName: map[string]*actor{}, faults: map[string]*faults{},
	}
	for i := range s.Elements {
		c.element(&s.Elements[i])
	}
	if len(s.Elements) > 0 {
		c.predicted()
	} else {
		c.played()
	}
	c.befalls()
	for i := range s.Routes {
		h := s.Routes[i].Host
		c.details[h] = append(c.details[h], routeText(s.Routes[i]))
	}
	for host, f := range c.faults {
		c.details[host] = append(c.details[host], f.list()...)
	}
	for _, a := range s.Addrs {
		c.busy[a.Host] = true
	}
	for _, h := range s.Hosts {
		c.busy[h.Name] = c.busy[h.Name] || len(c.actors[h.Name])+len(c.details[h.Name]) > 0
	}
	return c
}

// element adds an element, without its sockets.
func (c *cast) element(e *scenario.Element) {
	a := &actor{title: elementText(*e), sut: e.SUT}
	c.byName[e.Name] = a
	c.actors[e.Host] = append(c.actors[e.Host], a)
}

// elementText is an element's line without its host and listeners.
func elementText(e scenario.Element) string {
	words := strings.Fields(scenario.Format(scenario.Scenario{Elements: []scenario.Element{e}}))
	text := strings.Join(append(words[:2:2], words[3+len(e.Listen):]...), " ")
	if e.SUT {
		text = strings.TrimSuffix(text, " sut") + " [sut]"
	}
	return text
}

// routeText is a route's line without its host.
func routeText(r scenario.HostRoute) string {
	words := strings.Fields(scenario.Format(scenario.Scenario{Routes: []scenario.HostRoute{r}}))
	return strings.Join(append(words[:1:1], words[2:]...), " ")
}

// stepText is a step's line.
func stepText(st scenario.Step) string {
	return strings.Join(strings.Fields(scenario.Format(scenario.Scenario{Steps: []scenario.Step{st}})), " ")
}

// portText is an address and a port, or what stands for one.
func portText(addr netip.Addr, port string) string {
	if addr.Is6() {
		return "[" + addr.String() + "]:" + port
	}
	return addr.String() + ":" + port
}

func (c *cast) note(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "…", "...")
	c.notes = append(c.notes, text)
}
