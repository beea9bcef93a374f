package scenario

import (
	"fmt"
	"net/netip"

	"github.com/greka-sip/greka/model/sip"
)

// Plan is how the first request of a step leaves its user agent.
type Plan struct {
	RequestURI string
	Proxy      string        // the proxy that it goes to, "" if none
	Route      string        // the pre-loaded Route's URI (RFC 3261 8.1.2), "" without a proxy
	Transport  sip.Transport // of the first hop
	NextHop    string        // the element at its other end
}

// PlanCall says how the INVITE of step i leaves the caller. A callee that
// registered at the caller's proxy is called by its address-of-record there,
// any other by its listener's URI.
func (s *Scenario) PlanCall(i int) (Plan, error) {
	c, ok := s.Steps[i].(Call)
	if !ok {
		return Plan{}, fmt.Errorf("step %d is no call", i+1)
	}
	from, to := s.Element(c.From), s.Element(c.To)
	p := Plan{Proxy: from.Via, NextHop: c.To}
	next := to
	if from.Via != "" {
		next = s.Element(from.Via)
		p.NextHop = from.Via
	}
	t, err := FirstShared(c.Transport, from, next)
	if err != nil {
		return Plan{}, err
	}
	p.Transport = t
	if p.Proxy != "" {
		p.Route = s.ListenerURI(p.Proxy, "", t) + ";lr"
	}
	switch {
	case p.Proxy != "" && s.registeredBefore(c.To, p.Proxy, i):
		p.RequestURI = fmt.Sprintf("sip:%s@%s", c.To, netip.AddrPortFrom(s.ElementAddr(p.Proxy), next.Port(t)))
		if t != sip.UDP {
			p.RequestURI += ";transport=" + t.String()
		}
	case p.Proxy != "":
		last, err := FirstShared(preferred(t, to), next, to)
		if err != nil {
			return Plan{}, err
		}
		p.RequestURI = s.ListenerURI(c.To, c.To, last)
	default:
		p.RequestURI = s.ListenerURI(c.To, c.To, t)
	}
	return p, nil
}

// PlanRegister says how the REGISTER of step i leaves the user agent.
func (s *Scenario) PlanRegister(i int) (Plan, error) {
	r, ok := s.Steps[i].(Register)
	if !ok {
		return Plan{}, fmt.Errorf("step %d is no register", i+1)
	}
	at := s.Registrar(r)
	if at == "" {
		return Plan{}, fmt.Errorf("%s has no proxy to register at", r.UA)
	}
	t, err := FirstShared(r.Transport, s.Element(r.UA), s.Element(at))
	if err != nil {
		return Plan{}, err
	}
	return Plan{RequestURI: s.ListenerURI(at, "", t), Proxy: at, Transport: t, NextHop: at}, nil
}

// Registrar is the proxy at which a step registers, "" if there is none.
func (s *Scenario) Registrar(r Register) string {
	if ua := s.Element(r.UA); r.Via == "" && ua != nil {
		return ua.Via
	}
	return r.Via
}

// ListenerURI returns the URI of the address on which an element accepts a
// transport, with the user if there is one. A numeric host without the
// transport parameter means UDP (RFC 3263 4.1).
func (s *Scenario) ListenerURI(element, user string, t sip.Transport) string {
	if user != "" {
		user += "@"
	}
	uri := fmt.Sprintf("sip:%s%s", user, netip.AddrPortFrom(s.ElementAddr(element), s.Element(element).Port(t)))
	if t != sip.UDP {
		uri += ";transport=" + t.String()
	}
	return uri
}

// registeredBefore reports whether, when step i begins, a proxy knows of a user
// agent's registration: a proxy that was started again knows of none.
func (s *Scenario) registeredBefore(ua, proxy string, i int) bool {
	known := false
	for _, st := range s.Steps[:i] {
		switch st := st.(type) {
		case Register:
			known = known || st.UA == ua && s.Registrar(st) == proxy
		case Restart:
			known = known && st.Element != proxy
		case Kill:
			known = known && st.Host != s.Element(proxy).Host
		}
	}
	return known
}

func preferred(t sip.Transport, e *Element) sip.Transport {
	if e.Port(t) != 0 {
		return t
	}
	return 0
}

// FirstShared returns the transport that was asked for if both elements have
// it, or else the first of a's listeners that b shares.
func FirstShared(asked sip.Transport, a, b *Element) (sip.Transport, error) {
	if asked != 0 {
		if a.Port(asked) != 0 && b.Port(asked) != 0 {
			return asked, nil
		}
		return 0, fmt.Errorf("%s and %s don't share %s", a.Name, b.Name, asked)
	}
	for _, l := range a.Listen {
		if b.Port(l.Transport) != 0 {
			return l.Transport, nil
		}
	}
	return 0, fmt.Errorf("%s and %s share no transport", a.Name, b.Name)
}
