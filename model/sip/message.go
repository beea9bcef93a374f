package sip

import (
	"bytes"
	"strings"
)

// Bounds of a message. A header section or a body above them is refused, so
// that a stack that floods its output costs a bounded amount of memory.
const (
	MaxHead = 64 << 10 // bytes from the start line to the empty line
	MaxBody = 1 << 20  // bytes
)

// Header is one header field.
type Header struct {
	Name  string // canonical: "Call-ID" for i, call-id and CALL-ID
	Value string // raw; folded lines are joined by one space, outer white space is gone
}

// Message is a SIP message as it arrived. Its framing was checked, the values
// of its headers were not: a bad Contact is something to judge, not a reason
// to lose the message.
type Message struct {
	Request    bool
	Method     string // requests only
	RequestURI string // requests only, raw
	Status     int    // responses only
	Reason     string // responses only
	Headers    []Header
	Body       []byte // nil if empty
}

var (
	crlf    = []byte("\r\n")
	headEnd = []byte("\r\n\r\n")
)

// ParseMessage reads one message: a datagram, or what FrameLength cut out of a
// stream. Line ends before the start line are skipped (RFC 3261 7.5). A body
// shorter than Content-Length is an error, a longer one is cut (18.3); without
// Content-Length it reaches to the end. The error is a *SyntaxError.
func ParseMessage(raw []byte) (Message, error) {
	skip := leadingCRLF(raw)
	m, head, err := parseHead(raw, skip)
	if err != nil {
		return Message{}, err
	}
	body := raw[skip+head:]
	length, ok, err := m.contentLength()
	if err != nil {
		return Message{}, err
	}
	if ok && length > len(body) {
		return Message{}, messageError(raw, len(raw), "a body as long as Content-Length says")
	}
	if ok {
		body = body[:length]
	}
	m.Body = append([]byte(nil), body...)
	return m, nil
}

// FrameLength finds the first message in what a stream has delivered so far:
// it is buf[skip : skip+n]. The first skip bytes are line ends, which keep a
// connection alive (RFC 5626 4.4.1). n is 0 as long as the message is not
// complete. The error says that it never will be one: the header section is
// malformed or longer than MaxHead, or Content-Length is missing (18.3 demands
// it on a stream), malformed or above MaxBody.
func FrameLength(buf []byte) (skip, n int, err error) {
	skip = leadingCRLF(buf)
	rest := buf[skip:]
	if bytes.Contains(rest[:min(len(rest), MaxHead)], headEnd) {
		n, err = frame(buf, skip)
		return skip, n, err
	}
	if len(rest) >= MaxHead {
		return skip, 0, messageError(buf, skip+MaxHead, "an empty line behind at most 64 KiB of headers")
	}
	return skip, 0, nil
}

// frame is the length of the message whose header section is complete, 0 if
// its body is not.
func frame(buf []byte, skip int) (int, error) {
	m, head, err := parseHead(buf, skip)
	if err != nil {
		return 0, err
	}
	length, ok, err := m.contentLength()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, messageError(buf, skip+head, "a Content-Length in the headers of a message on a stream (RFC 3261 18.3)")
	}
	if skip+head+length > len(buf) {
		return 0, nil
	}
	return head + length, nil
}

// leadingCRLF counts the bytes of the line ends at the start.
func leadingCRLF(buf []byte) (n int) {
	for bytes.HasPrefix(buf[n:], crlf) {
		n += len(crlf)
	}
	return n
}

// Get returns the first value of a header and whether it is there. The name
// may be in any spelling.
func (m *Message) Get(name string) (string, bool) {
	name = CanonicalHeader(name)
	for _, h := range m.Headers {
		if h.Name == name {
			return h.Value, true
		}
	}
	return "", false
}

// All returns every value of a header in order, one a header line: a value may
// hold several that commas separate.
func (m *Message) All(name string) (values []string) {
	name = CanonicalHeader(name)
	for _, h := range m.Headers {
		if h.Name == name {
			values = append(values, h.Value)
		}
	}
	return values
}

// CSeq returns the sequence number and the method of the CSeq header. ok is
// User returns the user part of the URI in a From or To header, "" if there is
// none.
func (m *Message) User(header string) string {
	v, _ := m.Get(header)
	list, err := ParseNameAddrs(v)
	if err != nil || len(list) != 1 {
		return ""
	}
	u, err := ParseURI(list[0].URI)
	if err != nil {
		return ""
	}
	return u.User
}

// Tagged reports whether the To header has a tag: whether the message belongs
// to a dialog, or makes one (RFC 3261 12.1).
func (m *Message) Tagged() bool {
	to, _ := m.Get("To")
	return Tag(to) != ""
}

// Tag returns the tag parameter of a From or To value, "" if it has none.
func Tag(value string) string {
	list, err := ParseNameAddrs(value)
	if err != nil || len(list) != 1 {
		return ""
	}
	tag, _ := list[0].Param("tag")
	return tag
}

// false if it is missing, malformed or not below 2^31 (RFC 3261 8.1.1.5).
func (m *Message) CSeq() (n uint32, method string, ok bool) {
	v, ok := m.Get("CSeq")
	if !ok {
		return 0, "", false
	}
	c := cursor{what: "CSeq", text: v}
	seq := c.number(1<<31-1, "a number below 2^31")
	if !spaceChars[c.peek()] {
		c.fail("white space and a method")
	}
	c.space()
	method = c.run(&tokenChars)
	c.end("the end")
	if c.err != nil || method == "" {
		return 0, "", false
	}
	return uint32(seq), method, true
}

// contentLength returns Content-Length, and whether there is one. Several have
// to agree.
func (m *Message) contentLength() (n int, ok bool, err error) {
	for _, v := range m.All("Content-Length") {
		c := cursor{what: "Content-Length", text: v}
		got := c.number(MaxBody, "a number of bytes up to 1048576")
		c.end("the end")
		if ok && got != n {
			c.failAt(0, "the same Content-Length in each header")
		}
		if c.err != nil {
			return 0, false, c.err
		}
		n, ok = got, true
	}
	return n, ok, nil
}

func messageError(raw []byte, offset int, want string) error {
	c := cursor{what: "SIP message", text: string(raw)}
	c.failAt(offset, want)
	return c.err
}

// parseHead reads the start line and the headers that begin at skip. It
// returns the length of the header section with its empty line.
func parseHead(raw []byte, skip int) (m Message, length int, err error) {
	rest := raw[skip:]
	end := bytes.Index(rest[:min(len(rest), MaxHead)], headEnd)
	if end < 0 {
		at := skip + min(len(rest), MaxHead)
		return m, 0, messageError(raw, at, "an empty line behind at most 64 KiB of headers")
	}
	c := cursor{what: "SIP message", text: string(raw[:skip+end]), at: skip}
	c.startLine(&m)
	for c.rest() != "" {
		c.header(&m)
	}
	if c.err != nil {
		return Message{}, 0, c.err
	}
	return m, end + len(headEnd), nil
}

var methodOrVersion = chars(tokens + "/")

func (c *cursor) startLine(m *Message) {
	first := c.at
	word := c.run(&methodOrVersion)
	if word == "" || !c.eat(' ') {
		c.failAt(first, "a request line or a status line")
	}
	if lower(word) == "sip/2.0" {
		c.statusLine(m)
		return
	}
	if strings.Contains(word, "/") {
		c.failAt(first, "a method or SIP/2.0")
	}
	m.Request, m.Method = true, word
	if m.RequestURI = c.until(" \r\n"); m.RequestURI == "" {
		c.fail("a Request-URI")
	}
	version := c.at
	if rest := c.endOfLine(); lower(rest) != " sip/2.0" {
		c.failAt(version, "one space and SIP/2.0")
	}
}

func (c *cursor) statusLine(m *Message) {
	start := c.at
	m.Status = c.number(699, "a status from 100 to 699")
	if c.at != start+3 || m.Status < 100 {
		c.failAt(start, "a status from 100 to 699")
	}
	if !c.eat(' ') {
		c.fail("one space and a reason")
	}
	m.Reason = c.endOfLine()
}

// header takes one header field with the lines folded into it.
func (c *cursor) header(m *Message) {
	start := c.at
	name := c.run(&tokenChars)
	if c.space(); name == "" || !c.eat(':') {
		c.failAt(start, "the name of a header and a colon")
		return
	}
	parts := []string{strings.Trim(c.endOfLine(), " \t")}
	for spaceChars[c.peek()] {
		if part := strings.Trim(c.endOfLine(), " \t"); part != "" {
			parts = append(parts, part)
		}
	}
	value := strings.Trim(strings.Join(parts, " "), " ")
	m.Headers = append(m.Headers, Header{Name: CanonicalHeader(name), Value: value})
}

// endOfLine takes the rest of a line with its line end. A lone CR or LF is an
// error: who takes it for a line end sees another message than who does not.
func (c *cursor) endOfLine() string {
	s := c.until("\r\n")
	if c.rest() != "" && !strings.HasPrefix(c.rest(), "\r\n") {
		c.fail("CR and LF together at the end of a line")
		return ""
	}
	c.at = min(c.at+len(crlf), len(c.text))
	return s
}

// compactNames are the short names of headers (RFC 3261 7.3.3, 20; the IANA
// registry of header fields).
var compactNames = map[string]string{
	"a": "Accept-Contact", "b": "Referred-By", "c": "Content-Type", "d": "Request-Disposition",
	"e": "Content-Encoding", "f": "From", "i": "Call-ID", "j": "Reject-Contact", "k": "Supported",
	"l": "Content-Length", "m": "Contact", "n": "Identity-Info", "o": "Event", "r": "Refer-To",
	"s": "Subject", "t": "To", "u": "Allow-Events", "v": "Via", "x": "Session-Expires", "y": "Identity",
}

// oddNames are those that are not spelt Like-This.
var oddNames = map[string]string{
	"call-id": "Call-ID", "cseq": "CSeq", "mime-version": "MIME-Version", "rack": "RAck",
	"rseq": "RSeq", "sip-etag": "SIP-ETag", "sip-if-match": "SIP-If-Match",
	"www-authenticate": "WWW-Authenticate",
}

// CanonicalHeader returns a header's long name in the spelling of the RFCs.
func CanonicalHeader(name string) string {
	l := lower(name)
	if long, ok := compactNames[l]; ok {
		return long
	}
	if odd, ok := oddNames[l]; ok {
		return odd
	}
	b := []byte(l)
	for i := range b {
		if (i == 0 || b[i-1] == '-') && 'a' <= b[i] && b[i] <= 'z' {
			b[i] -= 'a' - 'A'
		}
	}
	return string(b)
}
