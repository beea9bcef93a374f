package peer

import (
	"github.com/greka-sip/greka/model/sip"
)

// Registration is what a REGISTER says of one Contact.
type Registration struct {
	sip.NameAddr        // URI is all of the header's value where that cannot be read
	Problem      string // why it cannot be read, "" if it can
	Value        string // the header's value, raw
	Expires      string // in seconds; "0" takes the binding away (RFC 3261 10.2.2)
}

// outbound reports whether a Contact asks for flows (RFC 5626 4.2.1, 5.4).
func (r *Registration) outbound() bool {
	_, id := r.Param("reg-id")
	u, err := sip.ParseURI(r.URI)
	if err != nil {
		return id
	}
	_, ob := u.Param("ob")
	return id || ob
}

// defaultExpires is what a registrar may choose if it is not told (RFC 3261
// 10.2.1.1).
const defaultExpires = "3600"

// Registers lists what a REGISTER says: of no Contact at all if it only asks
// what is registered (RFC 3261 10.2.3), of several if it adds one binding and
// takes another away.
func Registers(m *sip.Message) (list []Registration) {
	general, ok := m.Get("Expires")
	if !ok {
		general = defaultExpires
	}
	for _, v := range m.All("Contact") {
		addrs, err := sip.ParseNameAddrs(v)
		if err != nil {
			list = append(list, Registration{NameAddr: sip.NameAddr{URI: v}, Problem: err.Error(), Value: v, Expires: general})
		}
		for _, a := range addrs {
			r := Registration{NameAddr: a, Value: v, Expires: general}
			if own, ok := a.Param("expires"); ok {
				r.Expires = own
			}
			list = append(list, r)
		}
	}
	return list
}

// sameTarget reports whether two URIs name the same user at the same place.
func sameTarget(a, b string) bool {
	if a == b {
		return true
	}
	x, errA := sip.TargetOf(a)
	y, errB := sip.TargetOf(b)
	return errA == nil && errB == nil && x == y && userIn(a) == userIn(b)
}
