package kernel

import (
	"net/netip"

	"github.com/greka-sip/greka/model"
)

// past makes UDP sockets that share a port and gives them a past: they are
// connected, hear from their peers, are connected to somebody else, lose the
// peer. Then strangers and peers send.
func (g *gen) past() {
	host, net := g.host(), pick(g, []string{"lan", "lan", "lan6"})
	at := model.Endpoint{Addr: g.s.Addr(host, net), Port: g.port()}
	here, shape, option := at, g.n(6), model.OptionReuseAddr
	if g.chance(30) {
		option = model.OptionReusePort
	}
	if shape > 3 && g.chance(50) {
		at.Addr = netip.IPv4Unspecified()
		if here.Addr.Is6() {
			at.Addr = netip.IPv6Unspecified()
		}
	}
	ones := []string{g.bound(host, model.UDP, option, at), g.bound(host, model.UDP, option, at)}
	far := g.host()
	first := 5064 + 2*uint16(g.n(8))
	theirs := []model.Endpoint{{Addr: g.s.Addr(far, net), Port: first}, {Addr: g.s.Addr(far, net), Port: first + 1}, here}
	peers := []string{g.bound(far, model.UDP, 0, theirs[0])}
	if shape == 0 || shape > 3 {
		peers = append(peers, g.bound(far, model.UDP, 0, theirs[1]))
	}
	switch shape {
	case 0: // both come to have one peer, the first of them late
		g.add(model.DialSocket{Socket: ones[0], To: theirs[0]})
		g.add(model.DialSocket{Socket: ones[1], To: theirs[1]})
		g.add(model.DialSocket{Socket: ones[0], To: theirs[1]})
	case 1:
		g.add(model.DialSocket{Socket: ones[0], To: theirs[0]})
		g.part(ones[0])
	case 2:
		g.add(model.DialSocket{Socket: ones[0], To: theirs[0]})
		g.add(model.SendTo{Socket: peers[0], To: here})
		g.part(ones[0])
	case 3: // both are connected to one peer, the last bound first
		g.add(model.DialSocket{Socket: ones[1], To: theirs[0]})
		g.add(model.DialSocket{Socket: ones[0], To: theirs[0]})
	default:
		for range 2 + g.n(4) {
			g.turn(pick(g, ones), pick(g, theirs), peers, here)
		}
	}
	for _, one := range ones {
		if s, ok := g.m.Socket(one); ok && s.Queue < 4 {
			for range s.Queue {
				g.add(model.ReadSocket{Socket: one}) // what comes next is seen again
			}
		}
	}
	for _, p := range peers {
		g.add(model.SendTo{Socket: p, To: here})
	}
}

// turn lets a socket meet a peer, hear from one, and maybe part from it.
func (g *gen) turn(one string, to model.Endpoint, peers []string, here model.Endpoint) {
	g.add(model.DialSocket{Socket: one, To: to})
	if g.chance(50) {
		g.add(model.SendTo{Socket: pick(g, peers), To: here})
	}
	if g.chance(50) {
		g.part(one)
	}
}

// part takes a UDP socket's peer from it.
func (g *gen) part(one string) {
	if g.chance(40) {
		g.add(model.DestroySocket{Socket: one})
		return
	}
	g.add(model.UndialSocket{Socket: one})
}
