package scenario

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/sip"
)

// MaxText is the length in bytes of the longest scenario that Parse reads.
const MaxText = 1 << 21

// ParseError says where a scenario's text cannot be read or makes no sense.
type ParseError struct {
	Line, Column int    // from 1; the column counts bytes
	Found        string // quoted and shortened if it is the text's
	Want         string
}

// Error is one short line, as compilers print it.
func (e *ParseError) Error() string {
	return fmt.Sprintf("scenario:%d:%d: found %s, want %s", e.Line, e.Column, e.Found, e.Want)
}

// Parse reads a scenario and validates it. A line is a declaration or a step
// (Usage lists them all): words between blanks, where the word "#" or one that
// begins with it makes the rest a comment. The topology comes first; names in
// it may be used before they are declared. The error is a *ParseError, the
// first one in the text, or the first thing that makes no sense in a text
// without one.
func Parse(text string) (Scenario, error) {
	if len(text) > MaxText {
		return Scenario{}, &ParseError{1, 1, strconv.Itoa(len(text)) + " bytes",
			"a scenario of at most " + strconv.Itoa(MaxText) + " bytes"}
	}
	var p textParser
	for row := 1; text != ""; row++ {
		var raw string
		raw, text, _ = strings.Cut(text, "\n")
		l := splitLine(row, raw)
		if len(l.words) == 0 {
			continue
		}
		if p.line(l); l.err != nil {
			return Scenario{}, l.err
		}
	}
	if e := p.s.check(); e != nil {
		return Scenario{}, p.locate(e)
	}
	return p.s, nil
}

// section is a part of a scenario.
type section uint8

const (
	wholeText section = iota
	netLines
	hostLines
	addrLines
	routeLines
	elementLines
	stepLines
	sections
)

// textParser gathers a scenario, and the line of everything in it.
type textParser struct {
	s     Scenario
	lines [sections][]*textLine
}

// declaration is how one kind of line of the topology reads.
type declaration struct {
	word, usage string
	read        func(*textParser, *textLine)
}

var declarations = []declaration{
	{"net", "NAME 4|6|46 [link-local]", (*textParser).net},
	{"host", "NAME NET [NET...] [rp_filter=strict|loose]", (*textParser).host},
	{"router", "NAME NET [NET...] [rp_filter=strict|loose]", (*textParser).router},
	{"addr", "HOST PLACE [tentative|duplicate|deprecated]", (*textParser).addr},
	{"route", "HOST NET|default [unreachable|prohibit|blackhole] [via=HOST] [on=NET] [from=NET] [source=PLACE] [family=4|6] [metric=NUMBER]", (*textParser).route},
	{"proxy", "NAME HOST TRANSPORT:PORT... deliver=flow|contact [record-route] [at=PLACE] [bind=0.0.0.0|::|v6only] [sut] [stack=NAME]", (*textParser).proxy},
	{"ua", "NAME HOST TRANSPORT:PORT... [via=PROXY] [at=PLACE] [bind=0.0.0.0|::|v6only] [sut] [stack=NAME]", (*textParser).userAgent},
}

func declarationOf(word string) *declaration {
	for i := range declarations {
		if declarations[i].word == word {
			return &declarations[i]
		}
	}
	return nil
}

func (p *textParser) line(l *textLine) {
	word := l.words[0].text
	declare, step := declarationOf(word), stepByWord[word]
	switch {
	case declare != nil && len(p.s.Steps) > 0:
		l.fail("a step: the topology stands before the first one")
	case declare != nil:
		l.next = 1
		declare.read(p, l)
	case step != nil:
		l.next = 1
		p.s.Steps = append(p.s.Steps, step.read(l))
		p.lines[stepLines] = append(p.lines[stepLines], l)
	default:
		l.fail(firstWords())
	}
	l.end()
}

func (p *textParser) net(l *textLine) {
	n := Net{Name: l.name("a name for the network")}
	n.Family = familyWords[l.take("4, 6 or 46")]
	if n.Family == 0 {
		l.back("4, 6 or 46")
	}
	l.options(textOption{"link-local", func(string) bool { n.LinkLocal = true; return true }})
	p.s.Nets = append(p.s.Nets, n)
	p.lines[netLines] = append(p.lines[netLines], l)
}

func (p *textParser) host(l *textLine) { p.machine(l, false) }

// machine reads a host or a router.
func (p *textParser) machine(l *textLine, router bool) {
	h := Host{Name: l.name("a name for the host"), Router: router}
	for ok := true; ok; ok = l.more() && !strings.Contains(l.peek(), "=") {
		h.Nets = append(h.Nets, l.name("the name of a network"))
	}
	l.options(wordOption("rp_filter", reversePathWords, &h.ReversePath))
	p.s.Hosts = append(p.s.Hosts, h)
	p.lines[hostLines] = append(p.lines[hostLines], l)
}

func (p *textParser) proxy(l *textLine) {
	e := l.element(Proxy)
	l.options(
		textOption{"deliver=flow|contact", func(v string) bool {
			e.Deliver = deliverByWord[v]
			return e.Deliver != 0
		}},
		textOption{"record-route", func(string) bool { e.RecordRoute = true; return true }},
		placeOption("at", &e.At), wordOption("bind", bindWords, &e.Bind), lacksOption(&e), sutOption(&e), stackOption(&e),
	)
	if e.Deliver == 0 {
		l.fail("deliver=flow or deliver=contact")
	}
	p.element(l, e)
}

func (p *textParser) userAgent(l *textLine) {
	e := l.element(UserAgent)
	l.options(
		textOption{"via=PROXY", func(v string) bool { e.Via = v; return validName(v) }},
		placeOption("at", &e.At), wordOption("bind", bindWords, &e.Bind), lacksOption(&e), sutOption(&e), stackOption(&e),
	)
	p.element(l, e)
}

func lacksOption(e *Element) textOption {
	return textOption{"lacks=udp|tcp", func(v string) (ok bool) {
		e.Lacks, ok = sip.ParseTransport(v)
		return ok
	}}
}

func (p *textParser) element(l *textLine, e Element) {
	p.s.Elements = append(p.s.Elements, e)
	p.lines[elementLines] = append(p.lines[elementLines], l)
}

// element takes the words that every element begins with.
func (l *textLine) element(k Kind) Element {
	e := Element{Kind: k, Name: l.name("a name for the element"), Host: l.name("the name of a host")}
	for ok := true; ok; ok = strings.Contains(l.peek(), ":") && !strings.Contains(l.peek(), "=") {
		e.Listen = append(e.Listen, l.listen())
	}
	return e
}

func (l *textLine) listen() Listen {
	const want = "TRANSPORT:PORT, as in tcp:5060"
	word, port, ok := strings.Cut(l.take(want), ":")
	t, known := sip.ParseTransport(word)
	if !ok || !known {
		l.back(want)
		return Listen{}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || strconv.FormatUint(n, 10) != port {
		l.back("a port from 1 to 65535")
	}
	return Listen{t, uint16(n)}
}

func sutOption(e *Element) textOption {
	return textOption{"sut", func(string) bool { e.SUT = true; return true }}
}

func stackOption(e *Element) textOption {
	return textOption{"stack=NAME", func(v string) bool { e.Stack = v; return validStack(v) || NamesFile(v) }}
}

// locate finds in the text what makes no sense.
func (p *textParser) locate(e *InvalidError) *ParseError {
	out := &ParseError{Line: 1, Column: 1, Found: e.Found, Want: e.Want}
	if e.section == wholeText {
		return out
	}
	l := p.lines[e.section][e.index]
	out.Line, out.Column = l.row, l.words[0].column
	if e.word > 0 {
		out.Column = l.words[e.word].column
		return out
	}
	for _, w := range l.words {
		if w.text == e.text {
			out.Column = w.column
		}
	}
	return out
}
