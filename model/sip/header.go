package sip

import (
	"net/netip"
	"strings"
)

// NameAddr is one value of Contact, Route, Record-Route, Path, From or To.
type NameAddr struct {
	Star      bool    // Contact: * (RFC 3261 10.2.2); nothing else is set then
	Display   string  // display name as written, its quotes included
	URI       string  // raw: ParseURI judges it
	Bracketed bool    // the URI stood in <>
	Params    []Param // header parameters, not the URI's
}

// Via is one value of Via: who sent a request, and where it wants the answer.
type Via struct {
	Transport string     // in upper case: "UDP", "TCP", "TLS", …
	Host      string     // sent-by, without brackets
	Addr      netip.Addr // zero if Host is a name
	Port      int        // -1 if absent
	Params    []Param
}

// Param returns the value of a header parameter, "" if it has none, and
// whether it is there. The name is given in lower case.
func (n NameAddr) Param(name string) (string, bool) { return findParam(n.Params, name) }

// Param returns the value of a Via parameter, "" if it has none, and whether
// it is there. The name is given in lower case.
func (v Via) Param(name string) (string, bool) { return findParam(v.Params, name) }

// A parameter's value is a token, a host or a quoted string. Via's received
// holds an IPv6 address with or without brackets (RFC 5118 4.5).
var paramValueChars = chars(tokens + "[]:")

// ParseNameAddrs reads the value of a header that holds addresses, where
// several may stand with commas between them. Without <>, all that follows a
// semicolon belongs to the header, and a URI with a question mark, a comma or
// a semicolon of its own has to stand in <> (RFC 3261 20.10). The URIs
// themselves are left raw. The error is a *SyntaxError.
func ParseNameAddrs(value string) ([]NameAddr, error) {
	if strings.Trim(value, " \t") == "*" {
		return []NameAddr{{Star: true}}, nil
	}
	c := cursor{what: "address header", text: value}
	list := commas(&c, (*cursor).nameAddr)
	return list, c.error()
}

// ParseVias reads the value of a Via header, topmost first. White space may
// stand around "/" and ":" (RFC 3261 7.3.1, 20.42). The error is a
// *SyntaxError.
func ParseVias(value string) ([]Via, error) {
	c := cursor{what: "Via", text: value}
	list := commas(&c, (*cursor).via)
	return list, c.error()
}

// commas reads one value or more; nil if one fails.
func commas[T any](c *cursor, one func(*cursor) T) (list []T) {
	for more := true; more; more = c.eat(',') {
		c.space()
		list = append(list, one(c))
		c.space()
	}
	c.end(`";" and a parameter, "," and another value, or the end`)
	if c.err != nil {
		return nil
	}
	return list
}

func (c *cursor) nameAddr() (n NameAddr) {
	n.Display = c.displayName()
	if c.eat('<') {
		n.Bracketed = true
		n.URI = c.inBrackets()
	} else {
		n.URI = c.addrSpec()
	}
	n.Params = c.headerParams()
	return n
}

// displayName takes what stands before "<", and nothing if no "<" follows.
func (c *cursor) displayName() string {
	start := c.at
	if c.peek() == '"' {
		name := c.quoted()
		if c.space(); c.peek() != '<' {
			c.fail(`"<" behind the display name`)
		}
		return name
	}
	for c.run(&tokenChars) != "" {
		c.space()
	}
	if c.peek() != '<' {
		c.at = start
	}
	return strings.TrimRight(c.text[start:c.at], " \t")
}

// inBrackets takes the URI behind "<", and the ">".
func (c *cursor) inBrackets() string {
	uri := c.until("<>")
	if uri == "" {
		c.fail("a URI")
	}
	if !c.eat('>') {
		c.fail(`">" behind the URI`)
	}
	return uri
}

func (c *cursor) addrSpec() string {
	start := c.at
	uri := c.until(" \t,;<>\"")
	if uri == "" {
		c.fail("a URI, or a display name and a URI in <>")
	}
	if uri == "*" {
		c.failAt(start, "* alone, or a URI")
	}
	if i := strings.IndexByte(uri, '?'); i >= 0 {
		c.failAt(start+i, "<> around a URI that has a question mark (RFC 3261 20.10)")
	}
	return uri
}

func (c *cursor) headerParams() []Param {
	var list paramList
	for c.space(); c.eat(';'); c.space() {
		c.space()
		start := c.at
		p := Param{Name: lower(c.run(&tokenChars))}
		if p.Name == "" {
			c.fail("the name of a parameter")
		}
		c.space()
		if p.HasValue = c.eat('='); p.HasValue {
			c.space()
			p.Value = c.paramValue()
		}
		list.add(c, start, p)
	}
	return list.params
}

func (c *cursor) paramValue() string {
	if c.peek() == '"' {
		return c.quoted()
	}
	value := c.run(&paramValueChars)
	if value == "" {
		c.fail("a value: a token, a host or a quoted string")
	}
	return value
}

// quoted takes a quoted string and returns it with its quotes and escapes.
func (c *cursor) quoted() string {
	r := c.rest()
	for i := 1; i < len(r); i++ {
		switch r[i] {
		case '\\':
			i++
		case '"':
			c.at += i + 1
			return r[:i+1]
		}
	}
	c.fail("a closing quote")
	return ""
}

func (c *cursor) via() (v Via) {
	c.word("SIP")
	c.slash()
	c.word("2.0")
	c.slash()
	v.Transport = strings.ToUpper(c.run(&tokenChars))
	if v.Transport == "" {
		c.fail("a transport")
	}
	if !spaceChars[c.peek()] {
		c.fail("white space and the sender's host")
	}
	c.space()
	v.Host, v.Addr = c.host()
	v.Port = -1
	if c.space(); c.eat(':') {
		c.space()
		v.Port = c.portNumber()
	}
	v.Params = c.headerParams()
	return v
}

// word takes one token, whatever its case.
func (c *cursor) word(want string) {
	start := c.at
	if lower(c.run(&tokenChars)) != lower(want) {
		c.failAt(start, want)
	}
}

func (c *cursor) slash() {
	c.space()
	if !c.eat('/') {
		c.fail(`"/"`)
	}
	c.space()
}
