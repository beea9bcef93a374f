package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// URI is a SIP or SIPS URI (RFC 3261 19.1.1, 25.1), taken apart. Escapes stay
// as they were written.
type URI struct {
	Scheme  string     // "sip" or "sips"
	User    string     // with the password, if there is one; "" if absent
	Host    string     // as written, without brackets
	Addr    netip.Addr // zero if Host is a name
	Port    int        // -1 if absent: an absent port is not port 0
	Params  []Param    // uri-parameters in order
	Headers string     // what follows the question mark
}

// Param is one parameter of a URI or of a header. An absent value is not an
// empty one.
type Param struct {
	Name     string // in lower case
	Value    string // as written, the quotes of a quoted string included
	HasValue bool
}

var (
	userChars     = chars(unreserved + "&=+$,;?/")
	passwordChars = chars(unreserved + "&=+$,")
	uriParamChars = chars(unreserved + "[]/:&+$")
	uriHdrChars   = chars(unreserved + "[]/?:+$")
	hostChars     = chars(alphanum + "-.")
	v6Chars       = chars(digits + "abcdefABCDEF:.")
)

// ParseURI reads a SIP or SIPS URI by the letter of RFC 3261 25.1, with the
// addresses of RFC 5954: an IPv6 address stands in brackets and has no zone,
// the parts of an IPv4 address end at 255. Each parameter may stand once
// (19.1.1), and maddr has to be a host. The error is a *SyntaxError.
func ParseURI(raw string) (URI, error) {
	c := cursor{what: "SIP URI", text: raw}
	u := URI{Scheme: c.scheme(), User: c.userinfo()}
	u.Host, u.Addr = c.host()
	u.Port = c.port()
	u.Params = c.uriParams()
	u.Headers = c.uriHeaders()
	c.end(`":" and a port, ";" and a parameter, "?" and a header, or the end`)
	if c.err != nil {
		return URI{}, c.err
	}
	return u, nil
}

// Param returns the value of a uri-parameter, "" if it has none, and whether
// it is there. The name is given in lower case.
func (u URI) Param(name string) (string, bool) { return findParam(u.Params, name) }

func findParam(params []Param, name string) (string, bool) {
	for _, p := range params {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}

// String returns the URI in one canonical spelling; ParseURI reads the same
// URI from it.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme + ":")
	if u.User != "" {
		b.WriteString(u.User + "@")
	}
	b.WriteString(bracketed(u.Host))
	if u.Port >= 0 {
		b.WriteString(":" + strconv.Itoa(u.Port))
	}
	for _, p := range u.Params {
		b.WriteString(";" + p.Name)
		if p.HasValue {
			b.WriteString("=" + p.Value)
		}
	}
	if u.Headers != "" {
		b.WriteString("?" + u.Headers)
	}
	return b.String()
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func (c *cursor) scheme() string {
	before, _, ok := strings.Cut(c.text, ":")
	s := lower(before)
	if !ok || s != "sip" && s != "sips" {
		c.fail("sip: or sips:")
		return ""
	}
	c.at = len(before) + 1
	return s
}

// userinfo takes what stands before the "@". No "@" may stand anywhere behind
// it, so the first one tells.
func (c *cursor) userinfo() string {
	start, end := c.at, strings.IndexByte(c.rest(), '@')
	if end < 0 {
		return ""
	}
	end += start
	if c.escaped(&userChars) == "" {
		c.fail("a user name")
	}
	if c.eat(':') {
		c.escaped(&passwordChars)
	}
	if !c.eat('@') {
		c.fail(`"@", or a byte that a user name may hold (others are written %XX)`)
		return ""
	}
	return c.text[start:end]
}

// host takes a host: a name, an IPv4 address, an IPv6 address in brackets. It
// returns it without the brackets.
func (c *cursor) host() (string, netip.Addr) {
	if c.peek() == '[' {
		return c.reference()
	}
	if r := c.rest(); bareV6(r) {
		c.fail("brackets around an IPv6 address, as in [fd77::1]:5060")
		return "", netip.Addr{}
	}
	start := c.at
	name := c.run(&hostChars)
	if strings.Trim(name, digits+".") == "" {
		return c.ipv4(start, name)
	}
	if !hostname(name) {
		c.failAt(start, "a host name, made of labels of letters, digits and inner hyphens, the last of which begins with a letter")
		return "", netip.Addr{}
	}
	return name, netip.Addr{}
}

func (c *cursor) ipv4(start int, name string) (string, netip.Addr) {
	if name == "" {
		c.fail("a host")
		return "", netip.Addr{}
	}
	a, err := netip.ParseAddr(name)
	if err != nil {
		c.failAt(start, "an IPv4 address, that is four numbers from 0 to 255")
		return "", netip.Addr{}
	}
	return name, a
}

// reference takes an IPv6 address in brackets.
func (c *cursor) reference() (string, netip.Addr) {
	start := c.at + 1
	n := strings.IndexByte(c.rest(), ']')
	if n < 0 {
		c.fail(`"]" behind the IPv6 address`)
		return "", netip.Addr{}
	}
	inner := c.text[start : c.at+n]
	if strings.Contains(inner, "%") {
		c.failAt(start, "an IPv6 address without a zone (RFC 5954 4.1)")
		return "", netip.Addr{}
	}
	a, err := netip.ParseAddr(inner)
	if err != nil || !a.Is6() {
		c.failAt(start, "an IPv6 address between the brackets")
		return "", netip.Addr{}
	}
	c.at += n + 1
	return inner, a
}

// bareV6 tells whether an IPv6 address without its opening bracket begins here:
// two colons, and no dot before the first.
func bareV6(s string) bool {
	n := 0
	for n < len(s) && v6Chars[s[n]] {
		n++
	}
	first, rest, _ := strings.Cut(s[:n], ":")
	return strings.Contains(rest, ":") && !strings.Contains(first, ".")
}

// hostname follows RFC 3261 25.1.
func hostname(s string) bool {
	labels := strings.Split(strings.TrimSuffix(s, "."), ".")
	for _, l := range labels {
		if l == "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return !digitChars[labels[len(labels)-1][0]]
}

// port takes a colon and a port. It is -1 if there is no colon.
func (c *cursor) port() int {
	if !c.eat(':') {
		return -1
	}
	return c.portNumber()
}

func (c *cursor) portNumber() int { return c.number(65535, "a port from 0 to 65535") }

func (c *cursor) uriParams() []Param {
	var list paramList
	for c.eat(';') {
		start := c.at
		p := Param{Name: lower(c.escaped(&uriParamChars))}
		if p.Name == "" {
			c.fail("the name of a uri-parameter")
		}
		if p.HasValue = c.eat('='); p.HasValue {
			p.Value = c.uriParamValue(p.Name)
		}
		list.add(c, start, p)
	}
	return list.params
}

func (c *cursor) uriParamValue(name string) string {
	start := c.at
	value := c.escaped(&uriParamChars)
	if value == "" {
		c.fail("a value")
	}
	if name == "maddr" && c.err == nil {
		end := c.at
		c.at = start
		if c.host(); c.err == nil && c.at != end {
			c.fail("the end of maddr's host")
		}
	}
	return value
}

// paramList gathers parameters of which each may stand once.
type paramList struct {
	params []Param
	seen   map[string]bool
}

func (l *paramList) add(c *cursor, start int, p Param) {
	if l.seen[p.Name] {
		c.failAt(start, "each parameter at most once")
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[p.Name] = true
	l.params = append(l.params, p)
}

func (c *cursor) uriHeaders() string {
	if !c.eat('?') {
		return ""
	}
	start := c.at
	for more := true; more; more = c.eat('&') {
		if c.escaped(&uriHdrChars) == "" {
			c.fail("the name of a header")
		}
		if !c.eat('=') {
			c.fail(`"=" and the header's value`)
			return ""
		}
		c.escaped(&uriHdrChars)
	}
	if c.err != nil {
		return ""
	}
	return c.text[start:c.at]
}
