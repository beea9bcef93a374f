package peer

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/sip"
)

// encode writes a message as it stands, byte for byte in its header values. One
// that came over UDP may lack its Content-Length, which a stream needs (RFC 3261
// 16.6(9)).
func encode(m *sip.Message) []byte {
	var b bytes.Buffer
	if m.Request {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.RequestURI)
	} else {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Status, m.Reason)
	}
	for _, h := range m.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	if _, ok := m.Get("Content-Length"); !ok {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.Body))
	}
	b.WriteString("\r\n")
	b.Write(m.Body)
	return b.Bytes()
}

// prepend puts a header line on top of its kind.
func prepend(m *sip.Message, name, value string) {
	m.Headers = append([]sip.Header{{Name: name, Value: value}}, m.Headers...)
}

// replaceAll replaces every header line of a name by one line a value.
func replaceAll(m *sip.Message, name string, values []string) {
	var kept []sip.Header
	for _, v := range values {
		kept = append(kept, sip.Header{Name: name, Value: v})
	}
	for _, h := range m.Headers {
		if h.Name != name {
			kept = append(kept, h)
		}
	}
	m.Headers = kept
}

// addressList returns the name-addrs of all header lines of a name, each one
// as raw text, in order.
func addressList(m *sip.Message, name string) []string {
	var out []string
	for _, v := range m.All(name) {
		list, err := sip.ParseNameAddrs(v)
		if err != nil {
			return append(out, v) // fails where it is resolved, with the reason
		}
		for _, a := range list {
			out = append(out, nameAddr(a))
		}
	}
	return out
}

func nameAddr(a sip.NameAddr) string {
	s := "<" + a.URI + ">"
	for _, p := range a.Params {
		s += ";" + p.Name
		if p.HasValue {
			s += "=" + p.Value
		}
	}
	return s
}

// contactURI returns the URI of a message's Contact, raw. If it cannot be read
// the whole value is returned: it fails where it is used, with the reason.
func contactURI(m *sip.Message) string {
	all := m.All("Contact")
	if len(all) == 0 {
		return ""
	}
	list, err := sip.ParseNameAddrs(all[0])
	if err != nil || len(list) == 0 {
		return all[0]
	}
	return list[0].URI
}

func topVia(m *sip.Message) (sip.Via, bool) {
	v, ok := m.Get("Via")
	if !ok {
		return sip.Via{}, false
	}
	list, err := sip.ParseVias(v)
	if err != nil || len(list) == 0 {
		return sip.Via{}, false
	}
	return list[0], true
}

func topBranch(m *sip.Message) (string, bool) {
	v, ok := topVia(m)
	if !ok {
		return "", false
	}
	for _, p := range v.Params {
		if p.Name == "branch" {
			return p.Value, p.Value != ""
		}
	}
	return "", false
}

// stampVia fills in received and rport (RFC 3261 18.2.1, RFC 3581 4) and
// returns where the response goes if its connection cannot be used: over UDP
// to the source if rport was asked for, else to the sent-by port; and where it
// goes if that fails.
func stampVia(m *sip.Message, from netip.AddrPort) (replyTo, sentBy netip.AddrPort) {
	via, ok := topVia(m)
	if !ok {
		return from, from
	}
	port := sentByPort(via)
	for i, h := range m.Headers {
		if h.Name != "Via" {
			continue
		}
		first, rest, more := strings.Cut(h.Value, ",")
		if value, asked := via.Param("rport"); asked && value == "" {
			first = fillRport(first, from.Port()) + ";received=" + from.Addr().String()
			if strings.EqualFold(via.Transport, "udp") {
				port = from.Port()
			}
		} else if via.Addr != from.Addr() {
			first += ";received=" + from.Addr().String()
		}
		if more {
			first += "," + rest
		}
		m.Headers[i].Value = first
		break
	}
	if via.Addr.IsValid() {
		sentBy = netip.AddrPortFrom(via.Addr.Unmap(), sentByPort(via))
	}
	return netip.AddrPortFrom(from.Addr(), port), sentBy
}

func sentByPort(via sip.Via) uint16 {
	if via.Port > 0 {
		return uint16(via.Port)
	}
	return 5060
}

// fillRport gives the bare rport of a Via value its port. White space may stand
// around it, and it may be spelt in any case (RFC 3261 7.3.1).
func fillRport(via string, port uint16) string {
	params := strings.Split(via, ";")
	for i, p := range params {
		if strings.EqualFold(strings.Trim(p, " \t"), "rport") {
			params[i] = "rport=" + strconv.Itoa(int(port))
		}
	}
	return strings.Join(params, ";")
}

// popVia takes the top Via value off.
func popVia(m *sip.Message) {
	for i, h := range m.Headers {
		if h.Name != "Via" {
			continue
		}
		if _, rest, more := strings.Cut(h.Value, ","); more {
			m.Headers[i].Value = strings.TrimSpace(rest)
		} else {
			m.Headers = append(m.Headers[:i:i], m.Headers[i+1:]...)
		}
		return
	}
}

// failureACK makes the ACK of a response from 300 up (RFC 3261 17.1.1.3): it
// has the INVITE's Request-URI, Route and top Via and goes where that went.
func failureACK(invite []byte, res *sip.Message) []byte {
	m, err := sip.ParseMessage(invite)
	if err != nil {
		return nil
	}
	to, _ := res.Get("To")
	n, _, _ := m.CSeq()
	ack := sip.Message{Request: true, Method: "ACK", RequestURI: m.RequestURI}
	vias := 0
	for _, h := range m.Headers {
		switch h.Name {
		case "Via":
			if vias++; vias > 1 {
				continue
			}
		case "To":
			h.Value = to
		case "CSeq":
			h.Value = fmt.Sprintf("%d ACK", n)
		case "Content-Length":
			h.Value = "0"
		case "Max-Forwards", "From", "Call-ID", "Route":
		default:
			continue
		}
		ack.Headers = append(ack.Headers, h)
	}
	return encode(&ack)
}
