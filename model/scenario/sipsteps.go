package scenario

import (
	"strconv"

	"github.com/greka-sip/greka/model/sip"
)

// The text of the SIP steps.

func init() {
	addStep("register", "UA [udp|tcp] [via=PROXY]", readRegister, writeRegister, checkRegister)
	addStep("call", "FROM TO [udp|tcp] [over=flow] [hangup=callee]", readCall, writeCall, checkCall)
}

func readRegister(l *textLine) Register {
	r := Register{UA: l.name("the name of a user agent"), Transport: l.transport()}
	l.options(nameOption("via", "PROXY", &r.Via))
	return r
}

func writeRegister(r Register) []string {
	words := append([]string{r.UA}, transportWords(r.Transport)...)
	if r.Via != "" {
		words = append(words, "via="+r.Via)
	}
	return words
}

func checkRegister(c *checker, r Register) {
	ua := c.userAgent(1, r.UA)
	if ua == nil {
		return
	}
	at := c.elements[c.s.Registrar(r)]
	switch {
	case r.Via != "" && (at == nil || at.Kind != Proxy || r.Via == ua.Via):
		c.fail(0, "via="+r.Via, "via= and the name of another proxy than that of "+r.UA)
	case at == nil:
		c.fail(1, r.UA, "a user agent that has a proxy to register at (via=PROXY)")
	default:
		c.firstHop(1, ua, at, r.Transport)
	}
}

func readCall(l *textLine) (call Call) {
	call.From = l.name("the name of the user agent that calls")
	call.To = l.name("the name of the user agent that is called")
	call.Transport = l.transport()
	l.options(
		textOption{"over=flow", func(string) bool { call.OverFlow = true; return true }},
		textOption{"hangup=callee", func(string) bool { call.Hangup = Callee; return true }},
	)
	return call
}

func writeCall(call Call) []string {
	words := append([]string{call.From, call.To}, transportWords(call.Transport)...)
	if call.OverFlow {
		words = append(words, "over=flow")
	}
	if call.Hangup != Caller {
		words = append(words, "hangup="+call.Hangup.String())
	}
	return words
}

func checkCall(c *checker, call Call) {
	from, to := c.userAgent(1, call.From), c.userAgent(2, call.To)
	if from == nil || to == nil {
		return
	}
	if from == to {
		c.fail(2, call.To, "another user agent than the one that calls")
	}
	if call.Hangup > Callee {
		c.fail(0, "hangup="+call.Hangup.String(), "hangup=callee, or the caller")
	}
	next := to
	if from.Via != "" {
		next = c.elements[from.Via]
	}
	t := c.firstHop(1, from, next, call.Transport)
	if call.OverFlow && t != 0 && !t.Reliable() {
		c.fail(0, "over=flow", "over=flow only where connections are: "+from.Name+" would use "+t.String()+" to "+next.Name)
	}
}

// firstHop demands that a user agent and its next hop share a transport, the
// one that the step names if it names one, and returns it, or 0.
func (c *checker) firstHop(word int, ua, next *Element, asked sip.Transport) sip.Transport {
	t, err := FirstShared(asked, ua, next)
	switch {
	case err == nil:
	case asked == 0:
		c.fail(word, ua.Name, "a user agent that shares a transport with "+next.Name)
	default:
		c.fail(0, asked.String(), "a transport on which "+ua.Name+" and "+next.Name+" both listen")
	}
	return t
}

// String returns "caller" or "callee".
func (s Side) String() string {
	if int(s) < len(callSides) {
		return callSides[s]
	}
	return "side(" + strconv.Itoa(int(s)) + ")"
}

var callSides = [...]string{Caller: "caller", Callee: "callee"}

func transportWords(t sip.Transport) []string {
	if t == 0 {
		return nil
	}
	return []string{t.String()}
}
