package netns

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func TestPcapngIsWhatWiresharkReads(t *testing.T) {
	var b bytes.Buffer
	p, err := newPcapng(&b)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.packet("a/lo", time.Unix(0, 0x100000002), []byte{1, 2, 3, 4, 5}, ""); err != nil {
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
	s := lan(scenario.IPv4, "a", "b")
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
	l := newLab(t, lan(scenario.IPv4, "a"))
	c, err := l.Capture(failing{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err == nil {
		t.Error("a capture that could not be written was closed without an error")
	}
}

// What a legend says of addresses, interfaces and packets is in the file.
func TestCaptureNamesWhoIsWho(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	ln := listen(t, l.Host("b"), netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	var b bytes.Buffer
	c, err := l.Capture(&b)
	if err != nil {
		t.Fatal(err)
	}
	c.Describe(Legend{Hosts: map[string]string{"b": "bob, p"}, Names: map[netip.Addr]string{s.Addr("b", "lan"): "bob+p"},
		Comment: func(tr sip.Carrier, from, to netip.AddrPort) string {
			if tr == sip.CarrierTCP && to == ln.addr {
				return "to the listener"
			}
			return ""
		}})
	expect(t, l.Host("a"), s.Addr("a", "lan"), tcpTo(ln.addr), model.ProbeAccepted, "")
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"b/eth0 (bob, p)": 1, "a/eth0 (": 0, "bob+p\x00": 1} {
		if got := strings.Count(b.String(), text); got != want {
			t.Errorf("%q is there %d times, want %d", text, got, want)
		}
	}
	if n := strings.Count(b.String(), "to the listener"); n < 2 || n >= len(seen(t, b.Bytes())) {
		t.Errorf("%d of %d packets have the comment", n, len(seen(t, b.Bytes())))
	}
	checkBlocks(t, b.Bytes())
}

// checkBlocks follows the lengths of blocks, and of the options behind packets.
func checkBlocks(t *testing.T, file []byte) {
	t.Helper()
	for len(file) > 0 {
		n := binary.LittleEndian.Uint32(file[4:])
		if n%4 != 0 || n < 12 || int(n) > len(file) || binary.LittleEndian.Uint32(file[n-4:]) != n {
			t.Fatalf("a block of %d bytes", n)
		}
		if binary.LittleEndian.Uint32(file) == blockPacket {
			body := file[8 : n-4]
			rest := body[20+(binary.LittleEndian.Uint32(body[12:])+3)/4*4:]
			for len(rest) > 0 {
				code, size := binary.LittleEndian.Uint16(rest), (binary.LittleEndian.Uint16(rest[2:])+3)/4*4
				if rest = rest[4+size:]; code == optEnd && len(rest) > 0 {
					t.Fatalf("%d bytes behind the last option", len(rest))
				}
			}
		}
		file = file[n:]
	}
}

func TestPortsOfFrames(t *testing.T) {
	v4 := bytesOf(t, "ffffffffffff 020000000001 0800  45000028 00000000 40110000 0a4d0001 0a4d0002  13c4 13d0 0008 0000 00000000 00000000 0000")
	v6 := bytesOf(t, "ffffffffffff 020000000001 86dd  60000000 0008 06 40 fd77000000000000 0000000000000001 fd77000000000000 0000000000000002  13c4 13d0 00000000")
	for what, x := range map[string]struct {
		frame []byte
		want  string
	}{
		"udp":      {v4, "udp 10.77.0.1:5060 10.77.0.2:5072"},
		"tcp":      {v6, "tcp [fd77::1]:5060 [fd77::2]:5072"},
		"cut":      {v6[:50], ""},
		"short":    {v4[:20], ""},
		"arp":      {append(bytesOf(t, "ffffffffffff 020000000001 0806"), v4[14:]...), ""},
		"fragment": {append(append(append([]byte(nil), v4[:20]...), 0, 9), v4[22:]...), ""},
		"icmp":     {append(append(append([]byte(nil), v4[:23]...), 1), v4[24:]...), ""},
	} {
		got := ""
		if tr, from, to, ok := ports(x.frame); ok {
			got = tr.String() + " " + from.String() + " " + to.String()
		}
		if got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}
