package sut

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Port is a port that a stack takes besides its SIP listeners, as its
// description declares it.
type Port struct {
	Name      string
	Transport sip.Transport
	Count     int // how many in a row, if Offset is 0
	Offset    int // the SIP port plus this; 0: it is free to be chosen
}

// Block is a run of consecutive ports.
type Block struct{ First, Last uint16 }

// Every element has a window of its own for the ports that are free to be
// chosen, so that two elements never meet there, whichever stacks they run.
const (
	windowStart = 20000
	windowSize  = 200
	windowEnd   = 32768 // where the kernel's own choice begins
	maxPorts    = 100   // of one element; the rest of its window is room to step aside
)

// parsePort reads "NAME TRANSPORT COUNT" or "NAME TRANSPORT sip+N".
func parsePort(value string) (Port, error) {
	w := strings.Fields(value)
	if len(w) != 3 {
		return Port{}, fmt.Errorf(`want "port NAME udp|tcp COUNT" or "port NAME udp|tcp sip+N", not %q`, value)
	}
	t, ok := sip.ParseTransport(w[1])
	if !ok {
		return Port{}, fmt.Errorf("%q is no transport (udp, tcp)", w[1])
	}
	p := Port{Name: w[0], Transport: t}
	if !isName(p.Name) || len(p.Name) > maxName || p.Name == "sip" || p.Name == "listeners" {
		return Port{}, fmt.Errorf("%q cannot name a port", p.Name)
	}
	number, fixed := strings.CutPrefix(w[2], "sip")
	n, err := strconv.Atoi(number)
	switch {
	case fixed && (err != nil || n == 0 || n < -100 || n > 100):
		return Port{}, fmt.Errorf("%q is no offset from the SIP port, such as sip+1", w[2])
	case !fixed && (err != nil || n < 1 || n > maxPorts):
		return Port{}, fmt.Errorf("%q is no count of ports between 1 and %d", w[2], maxPorts)
	case fixed:
		p.Offset, p.Count = n, 1
	default:
		p.Count = n
	}
	return p, nil
}

// isName reports whether s can be used as a name in a template: .Ports.name.
func isName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

// allocate chooses the ports of an element: the same for the same scenario,
// and none that any element of the scenario listens on.
func (d *Description) allocate(sc *scenario.Scenario, e *scenario.Element) (map[string]Block, error) {
	blocks := make(map[string]Block, len(d.Ports))
	next := windowStart + windowSize*elementIndex(sc, e.Name)
	end := next + windowSize
	if end > windowEnd {
		return nil, fmt.Errorf("the scenario has too many elements: no ports are left for %s", e.Name)
	}
	for _, p := range d.Ports {
		if p.Offset != 0 {
			at, err := offsetPort(e.Listen[0].Port, p)
			if err != nil {
				return nil, err
			}
			blocks[p.Name] = Block{at, at}
			continue
		}
		first := next
		for at := first; at < first+p.Count; at++ {
			if listens(sc, uint16(at)) {
				first = at + 1
			}
		}
		if next = first + p.Count; next > end {
			return nil, fmt.Errorf("no %d ports in a row are free for %s's %s", p.Count, e.Name, p.Name)
		}
		blocks[p.Name] = Block{uint16(first), uint16(next - 1)}
	}
	return blocks, nil
}

func offsetPort(own uint16, p Port) (uint16, error) {
	at := int(own) + p.Offset
	if at < 1 || at > 65535 {
		return 0, fmt.Errorf("port %d (%s, the SIP port%+d) does not exist", at, p.Name, p.Offset)
	}
	return uint16(at), nil
}

func elementIndex(sc *scenario.Scenario, name string) int {
	for i := range sc.Elements {
		if sc.Elements[i].Name == name {
			return i
		}
	}
	return len(sc.Elements)
}

// listens reports whether any element of the scenario listens on the port.
func listens(sc *scenario.Scenario, port uint16) bool {
	for i := range sc.Elements {
		for _, l := range sc.Elements[i].Listen {
			if l.Port == port {
				return true
			}
		}
	}
	return false
}

// Taken returns every port that the stack takes when it plays an element,
// whether the scenario names it or not: its listeners, with "listen same" the
// same port of its other transports, and the ports that its description
// declares. A generator keeps them clear of each other on one host.
func (s *Stack) Taken(sc *scenario.Scenario, element string) ([]scenario.Listen, error) {
	e := sc.Element(element)
	if e == nil {
		return nil, fmt.Errorf("sut: the scenario has no element %q", element)
	}
	if s.Description == nil {
		return e.Listen, nil
	}
	return s.Description.taken(sc, e)
}

func (d *Description) taken(sc *scenario.Scenario, e *scenario.Element) ([]scenario.Listen, error) {
	list := append([]scenario.Listen(nil), e.Listen...)
	if d.SamePort {
		for _, t := range d.Transports {
			if e.Port(t) == 0 {
				list = append(list, scenario.Listen{Transport: t, Port: e.Listen[0].Port})
			}
		}
	}
	blocks, err := d.allocate(sc, e)
	if err != nil {
		return nil, err
	}
	for _, p := range d.Ports {
		for at := int(blocks[p.Name].First); at <= int(blocks[p.Name].Last); at++ {
			list = append(list, scenario.Listen{Transport: p.Transport, Port: uint16(at)})
		}
	}
	return list, nil
}

// clash looks for a port that both the stack and another element of the same
// host would take. It returns an error that names it.
func (d *Description) clash(sc *scenario.Scenario, e *scenario.Element) error {
	mine, err := d.taken(sc, e)
	if err != nil {
		return err
	}
	for i := range sc.Elements {
		other := &sc.Elements[i]
		if other.Host != e.Host || other.Name == e.Name {
			continue
		}
		for _, m := range mine {
			if m.Port == other.Port(m.Transport) {
				return fmt.Errorf("%s takes %s port %d beside its own, where %s listens on the same host",
					d.Name, m.Transport, m.Port, other.Name)
			}
		}
	}
	return nil
}
