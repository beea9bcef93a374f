package peer

import (
	"strconv"
	"strings"

	"github.com/greka-sip/greka/model/sip"
)

// request is one that an element makes of its own. What it is given goes out as
// it is, byte for byte: a Contact that somebody has handed out is used as it
// was written.
type request struct{ message sip.Message }

func newRequest(method, uri, via, from, to, callID string, cseq int) *request {
	r := &request{sip.Message{Request: true, Method: method, RequestURI: withoutHeaders(uri)}}
	return r.header("Via", via).header("Max-Forwards", "70").header("From", from).header("To", to).
		header("Call-ID", callID).header("CSeq", strconv.Itoa(cseq)+" "+method)
}

func (r *request) header(name, value string) *request {
	r.message.Headers = append(r.message.Headers, sip.Header{Name: name, Value: value})
	return r
}

func (r *request) body(sdp string) *request {
	r.message.Body = []byte(sdp)
	return r.header("Content-Type", "application/sdp")
}

func (r *request) bytes() []byte { return encode(&r.message) }

// withoutHeaders takes from a URI what a Request-URI does not have (RFC 3261
// 19.1.1, table 1): "?" and the header fields after it. A user name may have a
// "?" too.
func withoutHeaders(uri string) string {
	host := strings.LastIndexByte(uri, '@') + 1
	if i := strings.IndexByte(uri[host:], '?'); i >= 0 {
		return uri[:host+i]
	}
	return uri
}
