package peer

import (
	"strings"

	"github.com/greka-sip/greka/model/sip"
)

// newResponse answers a request (RFC 3261 8.2.6.2). What has to be the same as
// in the request is so byte for byte: its sender may spell it as he likes. tag
// becomes To's if that has none.
func newResponse(m *sip.Message, code int, reason, tag string) *sip.Message {
	res := &sip.Message{Status: code, Reason: reason}
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		for _, v := range m.All(name) {
			if name == "To" && tag != "" && sip.Tag(v) == "" {
				v += ";tag=" + tag
			}
			set(res, name, v)
		}
	}
	return res
}

// set appends a header line.
func set(m *sip.Message, name, value string) {
	m.Headers = append(m.Headers, sip.Header{Name: name, Value: value})
}

// complete reports whether a request has all that is needed to answer it (RFC
// 3261 8.1.1). The headers that carry adverts are not looked at: a malformed
// one must not cost us the message.
func complete(m *sip.Message) bool {
	for _, name := range []string{"From", "To"} {
		v, _ := m.Get(name)
		if list, err := sip.ParseNameAddrs(v); err != nil || len(list) != 1 {
			return false
		}
	}
	_, via := topVia(m)
	id, _ := m.Get("Call-ID")
	_, method, ok := m.CSeq()
	return via && strings.TrimSpace(id) != "" && ok && method == m.Method
}
