package sip

import "net/netip"

// InDialog says how a request inside a dialog is addressed (RFC 3261
// 12.2.1.1): its Request-URI, its Route values, and the URI whose resolution
// is the next hop. routeSet holds raw name-addrs or URIs in the order of the
// dialog's route set, remoteTarget is the raw URI of the other side's Contact.
func InDialog(routeSet []string, remoteTarget string) (requestURI string, route []string, next string) {
	if len(routeSet) == 0 {
		return remoteTarget, nil, remoteTarget
	}
	first := bareURI(routeSet[0])
	if isLoose(first) {
		return remoteTarget, routeSet, first
	}
	route = append(append([]string{}, routeSet[1:]...), "<"+remoteTarget+">")
	return first, route, first
}

// bareURI returns the URI of a Route value, or the value itself if it cannot
// be read: it then fails where it is resolved, with the reason.
func bareURI(value string) string {
	list, err := ParseNameAddrs(value)
	if err != nil || len(list) != 1 {
		return value
	}
	return list[0].URI
}

func isLoose(uri string) bool {
	u, err := ParseURI(uri)
	if err != nil {
		return false
	}
	_, lr := u.Param("lr")
	return lr
}

// Flow is one live connection of an element, seen from its side.
type Flow struct {
	Transport     Transport
	Local, Remote netip.AddrPort
}

// PickFlow returns the index of the first live connection that a request to
// the target rides on, or -1 if it has to be dialled. RFC 3261 18.1.1 knows a
// connection by its far end and transport: the address and port that were
// dialled, or the source address and port that it was accepted from.
func PickFlow(flows []Flow, t Target) int {
	for i, f := range flows {
		if f.Transport == t.Transport && f.Remote == t.Addr && f.Transport.Reliable() {
			return i
		}
	}
	return -1
}
