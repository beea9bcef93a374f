package picture

import (
	"fmt"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
)

// Picture is what is to be drawn: rows from top to bottom, and the rails
// beside them.
type Picture struct {
	rows  []row
	nets  []span // networks: from their name to the last host on each
	wires []span // what dials one end: from the first of these sockets to the last
	boxes int
	notes []string
}

// row is one line of a picture.
type row struct {
	kind rowKind
	text string
	net  int     // netRow, ifaceRow: index into nets
	port *socket // socketRow
	sut  bool    // what belongs to the judged element
}

// rowKind tells what a row shows.
type rowKind uint8

const (
	netRow   rowKind = iota // a network begins
	boxRow                  // a host begins
	ifaceRow                // its addresses on one network
	moreRow                 // a route or a fault
	actorRow                // an element begins
	socketRow
	endRow // the host ends
)

// Of makes the picture of a valid scenario, as Parse returns it. Where the
// model cannot say which connections there are, a note says why.
func Of(s *scenario.Scenario) *Picture {
	c := castOf(s)
	p := &Picture{
		nets:  make([]span, len(s.Nets)),
		wires: make([]span, c.wires),
		notes: c.notes,
	}
	b := builder{p, s, c}
	for i := 0; i < len(s.Hosts); {
		n := b.idleRun(i)
		b.names(&s.Hosts[i])
		if n < fewestIdle {
			b.host(&s.Hosts[i])
			n = 1
		} else {
			b.idle(s.Hosts[i : i+n])
		}
		i += n
	}
	for i, n := range s.Nets {
		if !p.nets[i].begun {
			p.notes = append(p.notes, fmt.Sprintf("net %s %s: no host is attached", n.Name, b.prefixes(i)))
		}
	}
	return p
}

// builder writes the rows of a picture.
type builder struct {
	*Picture
	s *scenario.Scenario
	c *cast
}

func (b builder) add(r row) {
	at := len(b.rows)
	b.rows = append(b.rows, r)
	switch {
	case r.kind == netRow || r.kind == ifaceRow:
		b.nets[r.net].reach(at)
	case r.port != nil && r.port.wire >= 0:
		b.wires[r.port.wire].reach(at)
	}
}

// names begins the networks that a host is the first one on.
func (b builder) names(h *scenario.Host) {
	for _, name := range h.Nets {
		if _, i := b.s.Net(name); !b.nets[i].begun {
			b.add(row{kind: netRow, net: i, text: "net " + name + " " + b.prefixes(i)})
		}
	}
}

func (b builder) prefixes(net int) string {
	var all []string
	n := &b.s.Nets[net]
	for _, f := range n.Family.Families() {
		all = append(all, b.s.Prefix(n.Name, f).String())
	}
	if n.LinkLocal {
		all = append(all, "fe80::/64")
	}
	return strings.Join(all, ", ")
}

func (b builder) host(h *scenario.Host) {
	b.boxes++
	title := h.Name
	if h.Router {
		title += ", router"
	}
	if h.ReversePath != scenario.ReversePathOff {
		title += ", rp_filter=" + h.ReversePath.String()
	}
	b.add(row{kind: boxRow, text: title})
	for _, net := range h.Nets {
		_, i := b.s.Net(net)
		b.add(row{kind: ifaceRow, net: i, text: net + " " + strings.Join(b.addrs(h.Name, net), ", ")})
	}
	for _, text := range b.c.details[h.Name] {
		b.add(row{kind: moreRow, text: text})
	}
	for _, a := range b.c.actors[h.Name] {
		b.actor(a)
	}
	b.add(row{kind: endRow})
}

// addrs lists a host's addresses on a network, with what is special about one.
func (b builder) addrs(host, net string) (all []string) {
	for _, p := range b.s.Places(host) {
		if p.Net != net {
			continue
		}
		text := b.s.PlaceAddr(host, p).String()
		for _, a := range b.s.Addrs {
			if a.Host == host && a.Place == p && a.Fate != scenario.Usable {
				text += " " + a.Fate.String()
			}
		}
		all = append(all, text)
	}
	return all
}

func (b builder) actor(a *actor) {
	b.add(row{kind: actorRow, text: a.title, sut: a.sut})
	for _, s := range a.sockets {
		b.add(row{kind: socketRow, text: s.text, port: s, sut: a.sut})
	}
	for _, text := range a.faults.list() {
		b.add(row{kind: moreRow, text: text, sut: a.sut})
	}
}

// fewestIdle is the number of hosts in a row, alike and with nothing on them,
// that are drawn as one box.
const fewestIdle = 3

// idleRun counts the hosts from the i-th on that can be drawn as one.
func (b builder) idleRun(i int) int {
	n := 0
	for _, h := range b.s.Hosts[i:] {
		plain := !h.Router && h.ReversePath == scenario.ReversePathOff && len(h.Nets) == 1
		if !plain || h.Nets[0] != b.s.Hosts[i].Nets[0] || b.c.busy[h.Name] {
			break
		}
		n++
	}
	return n
}

func (b builder) idle(hosts []scenario.Host) {
	b.boxes++
	first, last := &hosts[0], &hosts[len(hosts)-1]
	from, to := b.addrs(first.Name, first.Nets[0]), b.addrs(last.Name, last.Nets[0])
	for i := range from {
		from[i] += " .. " + to[i]
	}
	_, net := b.s.Net(first.Nets[0])
	b.add(row{kind: boxRow, text: fmt.Sprintf("%s .. %s, %d hosts", first.Name, last.Name, len(hosts))})
	b.add(row{kind: ifaceRow, net: net, text: first.Nets[0] + " " + strings.Join(from, ", ")})
	b.add(row{kind: endRow})
}

// legend says what the two signs of sockets mean, and the ports in the picture
// that are no numbers. It is empty if there are no sockets.
func (p *Picture) legend() (square, circle string) {
	circle = "one end of one connection"
	star, at := false, false
	for i := range p.rows {
		if s := p.rows[i].port; s != nil {
			square = "accepts new peers"
			star, at = star || strings.Contains(s.text, ":*"), at || strings.Contains(s.text, ":@")
		}
	}
	if star {
		circle += "; * is a port of the kernel's choice"
	}
	if at {
		circle += "; @s is the port that the kernel chose for s"
	}
	return square, circle
}
