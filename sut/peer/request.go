package peer

import (
	"strconv"

	"github.com/emiago/sipgo/sip"
)

// request builds one request with sipgo's types.
type request struct {
	req *sip.Request
	uri string
}

func newRequest(method, uri, via, from, to, callID string, cseq int) *request {
	var recipient sip.Uri
	// A URI that sipgo cannot read goes out as it was given to us: what it
	// leads to is the far side's affair, not this parser's.
	if err := sip.ParseUri(uri, &recipient); err != nil {
		recipient = sip.Uri{Scheme: "sip", Host: "unreadable.invalid"}
	}
	r := &request{req: sip.NewRequest(sip.RequestMethod(method), recipient), uri: uri}
	return r.header("Via", via).header("Max-Forwards", "70").header("From", from).header("To", to).
		header("Call-ID", callID).header("CSeq", strconv.Itoa(cseq)+" "+method)
}

func (r *request) header(name, value string) *request {
	r.req.AppendHeader(sip.NewHeader(name, value))
	return r
}

func (r *request) body(sdp string) *request {
	r.header("Content-Type", "application/sdp")
	r.req.SetBody([]byte(sdp))
	return r
}

func (r *request) bytes() []byte {
	if r.req.Body() == nil {
		r.req.SetBody([]byte{})
	}
	return []byte(r.req.String())
}
