package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// What is too large is told as that, over UDP and TCP.
func TestTooLargeADatagram(t *testing.T) {
	_, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{}, nil)
	s, err := w.elements["ann"].sender()
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort("10.77.0.2:5072")
	err = s.writeTo(make([]byte, 70_000), to)
	if !errors.Is(err, unix.EMSGSIZE) || !strings.Contains(err.Error(), "its 70000 bytes are too many for a datagram") {
		t.Errorf("got %v", err)
	}
	if err := s.writeTo(make([]byte, 60_000), to); err != nil {
		t.Errorf("the twin: %v", err)
	}
}

func TestTooLargeAMessage(t *testing.T) {
	for size, want := range map[int]string{
		sip.MaxHead / 2: "",
		sip.MaxHead * 2: "ann got a message that is too large: its first 131103 bytes are none",
	} {
		_, w := stage(t, fmt.Sprintf(throughProxy, 4), Hooks{}, nil)
		call := w.Begin(1, w.sc.Steps[1].(scenario.Call))
		ann := w.elements["ann"]
		s := &sock{fd: -1, owner: ann, transport: sip.TCP, buf: []byte("INVITE sip:ann@box SIP/2.0\r\nX: " + strings.Repeat("y", size))}
		if there := w.frames(s); there != (want == "") || call.Outcome.Failure != want {
			t.Errorf("%d bytes: still there: %v, failure %q", size, there, call.Outcome.Failure)
		}
	}
}
