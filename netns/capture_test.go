package netns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

func TestPcapngIsWhatWiresharkReads(t *testing.T) {
	var b bytes.Buffer
	p, err := newPcapng(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.packet("a/lo", time.Unix(0, 0x100000002), []byte{1, 2, 3, 4, 5}); err != nil {
		t.Fatal(err)
	}
	want := bytesOf(t, `
		0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
		01000000 28000000 0100 0000 00000000  0200 0400 612f6c6f  0900 0100 09000000  0000 0000 28000000
		06000000 28000000 00000000 01000000 02000000 05000000 05000000 0102030405 000000 28000000`)
	if diff := cmp.Diff(want, b.Bytes()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// seen reads a capture: interface and, for TCP over IPv4, ports and flags.
func seen(t *testing.T, file []byte) (all []string) {
	t.Helper()
	var names []string
	for len(file) > 0 {
		n := binary.LittleEndian.Uint32(file[4:])
		body := file[8 : n-4]
		switch binary.LittleEndian.Uint32(file) {
		case blockInterface:
			length := binary.LittleEndian.Uint16(body[10:])
			names = append(names, string(body[12:12+length]))
		case blockPacket:
			frame := body[20:]
			if binary.BigEndian.Uint16(frame[12:]) == unix.ETH_P_IP && frame[23] == unix.IPPROTO_TCP {
				flags := ""
				for i, f := range "FSRPA" {
					if frame[47]&(1<<i) != 0 {
						flags += string(f)
					}
				}
				all = append(all, names[binary.LittleEndian.Uint32(body)]+" "+flags)
			}
		}
		file = file[n:]
	}
	return all
}

func TestCaptureHoldsEveryPacketOnce(t *testing.T) {
	s := lan(model.IPv4, "a", "b")
	l := newLab(t, s)
	ln := listen(t, l.Host("b"), netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	var b bytes.Buffer
	c, err := l.Capture(&b)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, l.Host("a"), s.Addr("a", "lan"), tcpTo(ln.addr), model.ProbeAccepted, "")
	expect(t, l.Host("b"), s.Addr("b", "lan"), tcpTo(ln.addr), model.ProbeAccepted, "")
	for i := 0; i < 2; i++ {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	size := b.Len()
	expect(t, l.Host("a"), s.Addr("a", "lan"), tcpTo(ln.addr), model.ProbeAccepted, "")
	want := []string{"a/eth0 S", "b/eth0 SA", "a/eth0 A", "a/eth0 RA", "b/lo S", "b/lo SA", "b/lo A", "b/lo RA"}
	if diff := cmp.Diff(want, seen(t, b.Bytes())); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if b.Len() != size {
		t.Error("a closed capture goes on")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestCaptureTellsOfFailure(t *testing.T) {
	l := newLab(t, lan(model.IPv4, "a"))
	c, err := l.Capture(failing{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err == nil {
		t.Error("a capture that could not be written was closed without an error")
	}
}
