package props

import (
	"net/netip"
	"testing"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// TestDialling: a SYN that somebody may take is under way, one to nobody is
// not, and neither is a connection.
func TestDialling(t *testing.T) {
	ap := netip.MustParseAddrPort
	world := func(state linux.State, to string) *linux.Snapshot {
		return &linux.Snapshot{Hosts: []linux.HostSockets{
			{Host: "h1", Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.1")}, Sockets: []linux.Socket{
				{Carrier: sip.CarrierTCP, State: state, Local: ap("10.77.0.1:40001"), Remote: ap(to), Owner: "ann"}}},
			{Host: "h2", Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.2")}, Sockets: []linux.Socket{
				{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: ap("10.77.0.2:5060"), Queue: 2, Backlog: 1, Owner: "bob"}}},
		}}
	}
	for _, c := range []struct {
		name  string
		state linux.State
		to    string
		want  bool
	}{
		{"a full queue may have room later", linux.StateSynSent, "10.77.0.2:5060", true},
		{"nobody listens there", linux.StateSynSent, "10.77.0.2:5061", false},
		{"nobody's address", linux.StateSynSent, "10.77.0.9:5060", false},
		{"it was answered", linux.StateEstablished, "10.77.0.2:5060", false},
	} {
		if got := dialling(world(c.state, c.to)); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
