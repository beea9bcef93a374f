package honest

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// message is a SIP message as this program reads it: with no help of package
// model's parser, so that the two can disagree.
type message struct {
	method string // "" in a response
	status int
	fields [][2]string // names in their long form and lower case
}

var longNames = map[string]string{"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "c": "content-type", "k": "supported"}

var errNoMessage = errors.New("no SIP message")

func parseMessage(head string) (*message, error) {
	lines := strings.Split(head, "\r\n")
	m := &message{}
	words := strings.SplitN(lines[0], " ", 3)
	if len(words) != 3 {
		return nil, errNoMessage
	}
	if words[0] == "SIP/2.0" {
		m.status, _ = strconv.Atoi(words[1])
	} else {
		m.method = words[0]
	}
	for _, l := range lines[1:] {
		if l != "" && (l[0] == ' ' || l[0] == '\t') && len(m.fields) > 0 {
			m.fields[len(m.fields)-1][1] += " " + strings.TrimSpace(l)
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		if long := longNames[name]; long != "" {
			name = long
		}
		m.fields = append(m.fields, [2]string{name, strings.TrimSpace(value)})
	}
	return m, nil
}

func (m *message) all(name string) (values []string) {
	for _, f := range m.fields {
		if f[0] == name {
			values = append(values, f[1])
		}
	}
	return values
}

func (m *message) get(name string) string {
	if v := m.all(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// addresses takes the values of a header apart that may stand in one line or
// in several: each as it was written.
func (m *message) addresses(name string) (list []string) {
	for _, v := range m.all(name) {
		depth, quoted, from := 0, false, 0
		for i := 0; i < len(v); i++ {
			switch {
			case v[i] == '"':
				quoted = !quoted
			case quoted && v[i] == '\\':
				i++
			case quoted:
			case v[i] == '<':
				depth++
			case v[i] == '>':
				depth--
			case v[i] == ',' && depth == 0:
				list = append(list, strings.TrimSpace(v[from:i]))
				from = i + 1
			}
		}
		list = append(list, strings.TrimSpace(v[from:]))
	}
	return list
}

// uriOf is the URI of an address.
func uriOf(address string) string {
	if i := strings.LastIndex(address, "<"); i >= 0 {
		uri, _, _ := strings.Cut(address[i+1:], ">")
		return uri
	}
	uri, _, _ := strings.Cut(address, ";")
	return uri
}

// hop is where a request goes.
type hop struct {
	transport string // "udp", "tcp"
	addr      netip.AddrPort
}

// hopOf resolves a URI whose host is an address (RFC 3263 4.1, 4.2).
func hopOf(uri string) (h hop, err error) {
	_, rest, _ := strings.Cut(uri, ":")
	rest, _, _ = strings.Cut(rest, "?")
	at, params, _ := strings.Cut(rest, ";")
	if i := strings.LastIndex(at, "@"); i >= 0 {
		at = at[i+1:]
	}
	h.transport = "udp"
	for _, p := range strings.Split(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "transport":
			h.transport = strings.ToLower(value)
		case "maddr":
			_, port, found := strings.Cut(at[strings.LastIndex(at, "]")+1:], ":")
			if at = value; found {
				at += ":" + port
			}
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(at, "[]")); err == nil {
		h.addr = netip.AddrPortFrom(a, 5060)
		return h, nil
	}
	if h.addr, err = netip.ParseAddrPort(at); err != nil {
		return h, fmt.Errorf("where is %s: %w", uri, err)
	}
	return h, nil
}

// loose reports whether a Route has the lr parameter.
func loose(uri string) bool {
	_, params, _ := strings.Cut(uri, ";")
	for _, p := range strings.Split(params, ";") {
		if name, _, _ := strings.Cut(p, "="); strings.EqualFold(name, "lr") {
			return true
		}
	}
	return false
}

// reply copies what a response repeats of its request (RFC 3261 8.2.6.2).
func (m *message) reply(status int, tag string, more ...string) string {
	lines := []string{fmt.Sprintf("SIP/2.0 %d So be it", status)}
	for _, f := range m.fields {
		switch f[0] {
		case "to":
			if tag != "" && !strings.Contains(f[1], ";tag=") {
				f[1] += ";tag=" + tag
			}
			fallthrough
		case "via", "from", "call-id", "cseq", "record-route":
			lines = append(lines, names[f[0]]+": "+f[1])
		}
	}
	return strings.Join(append(lines, more...), "\r\n") + "\r\nContent-Length: 0\r\n\r\n"
}

var names = map[string]string{"via": "Via", "from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq", "record-route": "Record-Route"}
