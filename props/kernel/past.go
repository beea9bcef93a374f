package kernel

import (
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// past is a plot in which two UDP sockets share a port and have a past: they are
// connected, hear from their peers, are connected to another one, lose the peer.
// Then the peers send, and what comes of it depends on all that.
type past struct {
	*gen
	here   scenario.Endpoint   // where the two are found
	ones   []string            // the two, the first bound first
	theirs []scenario.Endpoint // whom they may be connected to
	peers  []string
}

// The pasts that are drawn on purpose; what is above them is drawn turn by turn.
const (
	metLate = iota // both come to have one peer, the first of them late
	parted
	heardAndParted
	metBoth // both are connected to one peer, the last bound first
	anyTurns
	pasts = 6
)

func (g *gen) past() {
	host, net := g.host(), pick(g, []string{"lan", "lan", "lan6"})
	at := scenario.Endpoint{Addr: g.s.Addr(host, net), Port: g.port()}
	p := &past{gen: g, here: at}
	shape, option := g.n(pasts), scenario.OptionReuseAddr
	if g.chance(30) {
		option = scenario.OptionReusePort
	}
	if shape >= anyTurns && g.chance(50) {
		at.Addr = netip.IPv4Unspecified()
		if p.here.Addr.Is6() {
			at.Addr = netip.IPv6Unspecified()
		}
	}
	p.ones = []string{g.bound(host, sip.CarrierUDP, option, at), g.bound(host, sip.CarrierUDP, option, at)}
	p.meet(g.host(), net, shape == metLate || shape >= anyTurns)
	p.act(shape)
	p.drain()
	for _, peer := range p.peers {
		g.add(scenario.SendTo{Socket: peer, To: p.here})
	}
}

// meet makes a peer, or two, on a host.
func (p *past) meet(host, net string, two bool) {
	far, first := p.s.Addr(host, net), 5064+2*uint16(p.n(8))
	p.theirs = []scenario.Endpoint{{Addr: far, Port: first}, {Addr: far, Port: first + 1}, p.here}
	p.peers = []string{p.bound(host, sip.CarrierUDP, 0, p.theirs[0])}
	if two {
		p.peers = append(p.peers, p.bound(host, sip.CarrierUDP, 0, p.theirs[1]))
	}
}

// act draws what the two do.
func (p *past) act(shape int) {
	switch shape {
	case metLate:
		p.dialPeer(0, 0)
		p.dialPeer(1, 1)
		p.dialPeer(0, 1)
	case parted:
		p.dialPeer(0, 0)
		p.part(p.ones[0])
	case heardAndParted:
		p.dialPeer(0, 0)
		p.add(scenario.SendTo{Socket: p.peers[0], To: p.here})
		p.part(p.ones[0])
	case metBoth:
		p.dialPeer(1, 0)
		p.dialPeer(0, 0)
	default:
		for range 2 + p.n(4) {
			p.turn(p.n(2), p.n(3))
		}
	}
}

func (p *past) dialPeer(one, to int) {
	p.add(scenario.DialSocket{Socket: p.ones[one], To: p.theirs[to]})
}

// turn lets one of the two meet a peer, hear from one, and maybe part from it.
func (p *past) turn(one, to int) {
	p.dialPeer(one, to)
	if p.chance(50) {
		p.add(scenario.SendTo{Socket: pick(p.gen, p.peers), To: p.here})
	}
	if p.chance(50) {
		p.part(p.ones[one])
	}
}

// part takes a UDP socket's peer from it.
func (p *past) part(one string) {
	if p.chance(40) {
		p.add(scenario.DestroySocket{Socket: one})
		return
	}
	p.add(scenario.UndialSocket{Socket: one})
}

// drain reads what waits: whether a datagram waits is all that is compared, and
// what comes next is to be seen again.
func (p *past) drain() {
	for _, one := range p.ones {
		if s, ok := p.m.Socket(one); ok && s.Queue < 4 {
			for range s.Queue {
				p.add(scenario.ReadSocket{Socket: one})
			}
		}
	}
}
