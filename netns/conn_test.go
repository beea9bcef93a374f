package netns

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// bytesOf reads hexadecimal with spaces. The fixtures are little-endian, as
// this kernel interface is on the machines that the tests are for.
func bytesOf(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBatchIsWhatTheKernelReads(t *testing.T) {
	var b batch
	b.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE, "add")
	b.u8(unix.AF_INET, 24, 2, 0)
	b.u32(7)
	b.attrAddr(unix.IFA_LOCAL, netip.MustParseAddr("10.77.0.3"))
	b.request(unix.RTM_NEWLINK, 0, "name")
	b.attrName(unix.IFLA_IFNAME, "eth0")
	b.nest(unix.IFLA_LINKINFO, func() { b.attrU32(1, 5) })
	// length, type, flags (REQUEST|CREATE, then REQUEST|ACK), number, port;
	// the name is padded to four bytes.
	want := bytesOf(t, `
		20000000 1400 0104 01000000 00000000
		02 18 02 00  07000000  0800 0200 0a4d0003
		28000000 1000 0500 02000000 00000000
		0900 0300 6574683000 000000
		0c00 1280  0800 0100 05000000`)
	if got := b.bytes(); !bytes.Equal(got, want) {
		t.Errorf("got\n%swant\n%s", hex.Dump(got), hex.Dump(want))
	}
}

func TestMessagesAreTakenApart(t *testing.T) {
	two := bytesOf(t, `
		14000000 0200 0000 01000000 00000000 ffffffff
		15000000 0300 0200 02000000 00000000 aabbccdd ee 000000`)
	var types []uint16
	var bodies [][]byte
	err := messages(two, func(h unix.NlMsghdr, body []byte) {
		types = append(types, h.Type)
		bodies = append(bodies, body)
	})
	if err != nil || len(types) != 2 || types[0] != 2 || types[1] != 3 {
		t.Fatalf("types %v, error %v", types, err)
	}
	if !errors.Is(errorOf(bodies[0]), unix.EPERM) {
		t.Errorf("error %v, want EPERM", errorOf(bodies[0]))
	}
	if len(bodies[1]) != 5 {
		t.Errorf("the padding is part of the body: % x", bodies[1])
	}
	// Cut off anywhere it is an error, or ends between two messages.
	for n := range two {
		count := 0
		err := messages(two[:n], func(unix.NlMsghdr, []byte) { count++ })
		whole := n == 0 || n == 20 || n > 40
		if (err == nil) != whole {
			t.Errorf("cut off at %d of %d: error %v after %d messages", n, len(two), err, count)
		}
	}
	if err := messages(bytesOf(t, "0f000000 0200 0000 01000000 00000000"), func(unix.NlMsghdr, []byte) {}); err == nil {
		t.Error("a message shorter than its header is taken")
	}
}

func TestErrorOf(t *testing.T) {
	if err := errorOf(make([]byte, 4)); err != nil {
		t.Errorf("an acknowledgement is an error: %v", err)
	}
	if err := errorOf([]byte{1, 2}); !errors.Is(err, unix.EBADMSG) {
		t.Errorf("two bytes are no error code, got %v", err)
	}
}

func TestAttributesStopWhereCutOff(t *testing.T) {
	whole := bytesOf(t, "0500 0b00 01 000000  0800 0180 04030201")
	for n := 0; n <= len(whole); n++ {
		var got []uint16
		attributes(whole[:n], func(typ uint16, value []byte) { got = append(got, typ) })
		want := 0
		if n >= 5 {
			want = 1
		}
		if n == len(whole) {
			want = 2
		}
		if len(got) != want {
			t.Errorf("%d bytes hold attributes %v, want %d of them", n, got, want)
		}
	}
}
