package netns

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

func TestParseSocket(t *testing.T) {
	for _, tt := range []struct {
		name  string
		proto sip.Carrier
		bytes string
		want  linux.Socket
	}{
		{"an IPv4 listener with two waiting", sip.CarrierTCP, `
			02 0a 00 00  13d0 0000
			0a4d0002 00000000 00000000 00000000  00000000 00000000 00000000 00000000
			00000000  01000000 02000000  00000000  02000000 80000000  00000000 d2040000
			0500 0800 00 000000  0500 0b00 00 000000`,
			linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: netip.MustParseAddrPort("10.77.0.2:5072"),
				Queue: 2, Backlog: 128, Inode: 1234, Cookie: 0x200000001}},
		{"an IPv6 listener that takes no IPv4, on device 2", sip.CarrierTCP, `
			0a 0a 00 00  13c4 0000
			00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
			02000000  05000000 00000000  00000000  00000000 01000000  00000000 07000000
			0500 0b00 01 000000`,
			linux.Socket{Carrier: sip.CarrierTCP, V6: true, V6Only: true, State: linux.StateListen,
				Local: netip.MustParseAddrPort("[::]:5060"), Device: 2, Backlog: 1, Inode: 7, Cookie: 5}},
		{"a connection that nobody accepted, of an IPv6 socket that takes IPv4", sip.CarrierTCP, `
			0a 01 00 00  13c4 ea96
			00000000 00000000 0000ffff 0a4d0001  00000000 00000000 0000ffff 0a4d0003
			00000000  09000000 00000000  00000000  04000000 00000000  00000000 00000000`,
			linux.Socket{Carrier: sip.CarrierTCP, V6: true, State: linux.StateEstablished,
				Local:  netip.MustParseAddrPort("[::ffff:10.77.0.1]:5060"),
				Remote: netip.MustParseAddrPort("[::ffff:10.77.0.3]:60054"), Queue: 4, Cookie: 9}},
		{"a datagram socket; the unsent bytes are no backlog", sip.CarrierUDP, `
			02 07 00 00  13c4 0000
			00000000 00000000 00000000 00000000  00000000 00000000 00000000 00000000
			00000000  0a000000 00000000  00000000  00000000 33000000  00000000 08000000`,
			linux.Socket{Carrier: sip.CarrierUDP, State: linux.StateClose,
				Local: netip.MustParseAddrPort("0.0.0.0:5060"), Inode: 8, Cookie: 10}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body := bytesOf(t, tt.bytes)
			got, err := parseSocket(tt.proto, body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			for n := 0; n < diagMessageSize; n++ {
				if _, err := parseSocket(tt.proto, body[:n]); err == nil {
					t.Fatalf("%d bytes are taken for a socket", n)
				}
			}
		})
	}
}

func TestAllStates(t *testing.T) {
	for s := linux.StateEstablished; s <= linux.StateBoundInactive; s++ {
		if asked := allStates&(1<<s) != 0; asked != (s != linux.StateBoundInactive) {
			t.Errorf("sockets in state %s are asked for: %v", s, asked)
		}
	}
}
