package props

import (
	"fmt"

	"github.com/greka-sip/greka/model/sip"
)

func (u *fakeUA) register(registrar string, t sip.Transport) {
	target, _ := targetOf(registrar)
	u.facing = target.Addr.Addr()
	u.registered[target.Addr.String()]++
	aor := fmt.Sprintf("<sip:%s@%s>", u.name, target.Addr.Addr())
	if target.Addr.Addr().Is6() {
		aor = fmt.Sprintf("<sip:%s@[%s]>", u.name, target.Addr.Addr())
	}
	expires := "3600"
	if u.expires != "" {
		expires = u.expires
	}
	id := u.unique()
	for i, contact := range u.registers(t) {
		head, _ := u.headers("REGISTER", registrar, t, aor+";tag="+u.unique(), aor, id, i+1)
		if contact != "" {
			contact = "Contact: " + contact + "\r\n"
		}
		u.send(head+contact+"Expires: "+expires+"\r\n"+noBody, registrar)
	}
}

// registers lists the Contacts of the REGISTERs that it sends one after the
// other.
func (u *fakeUA) registers(t sip.Transport) []string {
	if u.registersAs != nil {
		return u.registersAs(u, t)
	}
	return []string{u.contactFor("REGISTER", t)}
}

func (u *fakeUA) call(to, next string, t sip.Transport) {
	callee, _ := sip.ParseURI(to)
	if hop, err := targetOf(next); err == nil {
		u.facing = hop.Addr.Addr()
	}
	d := &fakeDialog{id: u.unique(), cseq: 1,
		local:  fmt.Sprintf("<sip:%s@%s>;tag=%s", u.name, u.host, u.unique()),
		remote: fmt.Sprintf("<sip:%s@%s>", callee.User, hostPart(callee))}
	head, branch := u.headers("INVITE", to, t, d.local, d.remote, d.id, 1)
	if next != to {
		head += "Route: <" + next + ">\r\n"
	}
	u.waiting[branch] = func(m *sip.Message) { u.answered(d, m) }
	u.send(head+"Contact: "+u.contactFor("INVITE", t)+"\r\n"+noBody, next)
}

func hostPart(u sip.URI) string {
	if u.Addr.Is6() {
		return "[" + u.Host + "]"
	}
	return u.Host
}

func (u *fakeUA) response(m *sip.Message) {
	v, _ := m.Get("Via")
	vias, err := sip.ParseVias(v)
	if err != nil {
		return
	}
	branch, _ := vias[0].Param("branch")
	if f := u.waiting[branch]; f != nil {
		f(m)
	}
}

// answered acknowledges the 2xx to an INVITE, and each copy of it.
func (u *fakeUA) answered(d *fakeDialog, m *sip.Message) {
	if m.Status/100 != 2 {
		return
	}
	d.remote, _ = m.Get("To")
	d.target = firstURIOf(m, "Contact")
	d.routes = nil
	for _, v := range m.All("Record-Route") {
		list, _ := sip.ParseNameAddrs(v)
		for _, a := range list {
			d.routes = append([]string{"<" + a.URI + ">"}, d.routes...)
		}
	}
	u.dialogs[d.id] = d
	u.inDialog(d, "ACK")
}

func firstURIOf(m *sip.Message, header string) string {
	v, _ := m.Get(header)
	list, err := sip.ParseNameAddrs(v)
	if err != nil {
		return ""
	}
	return list[0].URI
}

// inDialog sends a request inside a dialog (RFC 3261 12.2.1.1).
func (u *fakeUA) inDialog(d *fakeDialog, method string) {
	if method != "ACK" {
		d.cseq++
	}
	uri, routes, next := sip.InDialog(d.routes, d.target)
	target, err := targetOf(next)
	if err != nil {
		return
	}
	head, _ := u.headers(method, uri, target.Transport, d.local, d.remote, d.id, d.cseq)
	for _, r := range routes {
		head += "Route: " + r + "\r\n"
	}
	if method == "INVITE" {
		head += "Contact: " + u.contactFor("INVITE", target.Transport) + "\r\n"
	}
	u.send(head+noBody, next)
}
