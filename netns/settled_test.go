package netns

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// An element is at rest when its processes sleep and have read everything.
func TestSettled(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	h := l.Host("b")
	is := func(owner string, want bool) func() bool {
		return func() bool {
			got, err := h.Settled(owner)
			if err != nil {
				t.Fatal(err)
			}
			return got == want
		}
	}
	spawnOwned(t, h, "idle", "sleep 1000 & sleep 1000")
	spawnOwned(t, h, "busy", "sleep 1000 & while :; do :; done")
	eventually(t, "who sleeps is at rest", is("idle", true))
	for range 20 {
		if !is("busy", false)() {
			t.Fatal("who runs in circles is at rest")
		}
	}
	dgram := open(t, h, unix.SOCK_DGRAM, netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	l.Own(dgram.inode, "idle")
	if !is("idle", true)() {
		t.Error("who has an empty socket is not at rest")
	}
	sender := open(t, l.Host("a"), unix.SOCK_DGRAM, netip.AddrPortFrom(s.Addr("a", "lan"), 0))
	sender.must(unix.Sendto(sender.fd, []byte("x"), 0, sockaddr(dgram.addr)))
	eventually(t, "who has something unread is not at rest", is("idle", false))
	_, _, err := unix.Recvfrom(dgram.fd, make([]byte, 10), 0)
	dgram.must(err)
	eventually(t, "who has read it is at rest", is("idle", true))
}

// Accepting, and reading the end of a stream, are things to be done too.
func TestUnread(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	h := l.Host("b")
	ln := listen(t, h, netip.AddrPortFrom(s.Addr("b", "lan"), 5060))
	l.Own(ln.inode, "bob")
	unread := func(want bool) func() bool {
		return func() bool {
			got, err := h.Unread("bob")
			if err != nil {
				t.Fatal(err)
			}
			return got == want
		}
	}
	if !unread(false)() {
		t.Error("nothing has come, and something is unread")
	}
	c := dial(t, l.Host("a"), s.Addr("a", "lan"), ln.addr)
	eventually(t, "somebody waits to be accepted", unread(true))
	x := ln.accept()
	l.Own(x.inode, "bob")
	eventually(t, "he was accepted", unread(false))
	c.close()
	eventually(t, "he has ended the stream", unread(true))
	if n, err := unix.Read(x.fd, make([]byte, 10)); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if !unread(false)() {
		t.Error("the end was read, and counts as unread")
	}
}

// A socket that was destroyed is held until its program closes it.
func TestHolds(t *testing.T) {
	s := lan(scenario.IPv4, "a")
	l := newLab(t, s)
	p := spawnOwned(t, l.Host("a"), "bob", "sleep 1000")
	held := socketsOf(p.init.Pid) // its control socket
	if len(held) == 0 {
		t.Skip("the init holds no socket")
	}
	if l.Host("a").Holds("bob", map[uint64]bool{held[0]: true}) {
		t.Error("the init's socket is no socket of the element's processes")
	}
}

func spawnOwned(t *testing.T, h *Host, owner, script string) *Process {
	t.Helper()
	p, err := h.Spawn(Spec{Owner: owner, Argv: []string{"/bin/sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Kill() })
	return p
}

// What softnet_stat says of packets that wait, as Linux 6.18 writes it.
func TestBacklogged(t *testing.T) {
	const idle = "0077345e 00000000 00000a21 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000\n"
	busy := strings.Replace(idle, "00000000 00000000 00000000 00000000\n", "00000002 00000001 00000002 00000000\n", 1)
	for _, x := range []struct {
		stat string
		want bool
	}{{idle + idle, false}, {idle + busy, true}, {busy, true}, {"", false}, {"0077345e 00000001 00000001 00000000 00000000\n", false}} {
		if got := backlogged(x.stat); got != x.want {
			t.Errorf("%q: %v", x.stat, got)
		}
	}
}
