package sip

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/plain"
)

// SyntaxError says where raw SIP bytes leave the grammar of RFC 3261 25.1.
type SyntaxError struct {
	What   string // what was read: "SIP URI", "address header", "Via", "SIP message"
	Text   string // all of it, raw
	Offset int    // of the first byte that does not fit, from 0
	Found  string // what stands there: quoted and shortened, or "the end"
	Want   string // what could stand there
}

// Error is one short line, however long the text is.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s %s: at byte %d: found %s, want %s", e.What, plain.Quote(e.Text), e.Offset, e.Found, e.Want)
}

// charset is a set of bytes.
type charset [256]bool

func chars(all string) (set charset) {
	for i := 0; i < len(all); i++ {
		set[all[i]] = true
	}
	return set
}

const (
	digits     = "0123456789"
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	alphanum   = letters + digits
	unreserved = alphanum + "-_.!~*'()"
	tokens     = alphanum + "-.!%*_+`'~"
)

var (
	digitChars = chars(digits)
	hexChars   = chars(digits + "abcdefABCDEF")
	tokenChars = chars(tokens)
	spaceChars = chars(" \t")
)

// cursor reads one text from left to right. The first failure sticks, and
// everything after it reads nothing.
type cursor struct {
	what, text string
	at         int
	err        *SyntaxError
}

func (c *cursor) rest() string {
	if c.err != nil {
		return ""
	}
	return c.text[c.at:]
}

// peek is the next byte, 0 at the end.
func (c *cursor) peek() byte {
	if r := c.rest(); r != "" {
		return r[0]
	}
	return 0
}

func (c *cursor) eat(b byte) bool {
	if r := c.rest(); r == "" || r[0] != b {
		return false
	}
	c.at++
	return true
}

func (c *cursor) space() { c.run(&spaceChars) }

// run takes the longest run of bytes in the set, which may be empty.
func (c *cursor) run(set *charset) string {
	r := c.rest()
	n := 0
	for n < len(r) && set[r[n]] {
		n++
	}
	c.at += n
	return r[:n]
}

// until takes everything up to the first of these bytes.
func (c *cursor) until(stop string) string {
	r := c.rest()
	if i := strings.IndexAny(r, stop); i >= 0 {
		r = r[:i]
	}
	c.at += len(r)
	return r
}

// escaped is run, where % and two hexadecimal digits stand for a byte too.
func (c *cursor) escaped(set *charset) string {
	start := c.at
	for c.err == nil {
		c.run(set)
		if c.peek() != '%' {
			return c.text[start:c.at]
		}
		if r := c.rest(); len(r) < 3 || !hexChars[r[1]] || !hexChars[r[2]] {
			c.fail("% and two hexadecimal digits")
			break
		}
		c.at += 3
	}
	return ""
}

// fail records that the text leaves the grammar here.
func (c *cursor) fail(want string) { c.failAt(c.at, want) }

func (c *cursor) failAt(offset int, want string) {
	if c.err != nil {
		return
	}
	found := "the end"
	if offset < len(c.text) {
		found = plain.Quote(c.text[offset:])
	}
	c.err = &SyntaxError{What: c.what, Text: c.text, Offset: offset, Found: found, Want: want}
}

// end demands that nothing is left.
func (c *cursor) end(want string) {
	if c.rest() != "" {
		c.fail(want)
	}
}

// error turns a nil *SyntaxError into a nil error.
func (c *cursor) error() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

// number takes decimal digits with a value of at most max.
func (c *cursor) number(max int, want string) int {
	start := c.at
	d := c.run(&digitChars)
	d = strings.TrimLeft(d, "0")
	if c.at == start || len(d) > 10 {
		c.failAt(start, want)
		return -1
	}
	n, _ := strconv.ParseInt("0"+d, 10, 64)
	if n > int64(max) {
		c.failAt(start, want)
		return -1
	}
	return int(n)
}

// lower is ASCII lower case. strings.ToLower and EqualFold would also take the
// Kelvin sign for a k and the long s for an s.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'A' <= b[i] && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
