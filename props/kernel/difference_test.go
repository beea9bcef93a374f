package kernel

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// TestResultWords: which step's outcome differs, and what that of a destroy says
// of datagrams.
func TestResultWords(t *testing.T) {
	const lookUp = "destroy finds a UDP socket as a datagram from its peer would"
	for _, c := range []struct {
		st        scenario.Step
		want, got linux.Errno
		text      string
		lookUp    bool
	}{
		{scenario.DestroySocket{Socket: "s2"}, linux.ENOENT, linux.OK, "destroy s2: the model expects ENOENT, on Linux it is success", true},
		{scenario.DestroySocket{Socket: "s2"}, linux.EBADF, linux.OK, "destroy s2: the model expects EBADF", false},
		{scenario.ListenSocket{Socket: "s1", Backlog: 1}, linux.OK, linux.EADDRINUSE, "listen s1 1: the model expects success, on Linux it is EADDRINUSE", false},
	} {
		if got := resultWords(c.st, c.want, c.got); !strings.HasPrefix(got, c.text) || strings.Contains(got, lookUp) != c.lookUp {
			t.Errorf("%q, want %q", got, c.text)
		}
	}
}

// TestPickedWords: whose port it is that differs, and which is nobody's.
func TestPickedWords(t *testing.T) {
	at := func(port uint16) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("10.77.0.1"), port)
	}
	view := func(port uint16) *linux.Snapshot {
		return &linux.Snapshot{Hosts: []linux.HostSockets{{Host: "a", Sockets: []linux.Socket{
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at(43003), Owner: "s1"},
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at(43004), Owner: "s3"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at(port), Remote: at(49750)}}}}}
	}
	for port, want := range map[uint16]string{
		61002: "\ns1 listens on 10.77.0.1:43003\n61002 stands for a port that the kernel would have picked",
		50000: "\ns1 listens on 10.77.0.1:43003",
		43003: "",
	} {
		if got := pickedWords(view(port), view(43003)); got != want {
			t.Errorf("%d: %q, want %q", port, got, want)
		}
	}
}
