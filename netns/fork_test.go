package netns

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// TestProbeIsGoneWhenItReturns: also while other goroutines start processes,
// which hold copies of all descriptors until they execute.
func TestProbeIsGoneWhenItReturns(t *testing.T) {
	Require(t)
	lab, err := New(&scenario.Scenario{Nets: []scenario.Net{{Name: "lan", Family: scenario.IPv6}},
		Hosts: []scenario.Host{{Name: "a", Nets: []string{"lan"}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer lab.Close()
	h := lab.Host("a")
	at := netip.AddrPortFrom(h.Addrs()[0], 5060)
	fd, err := h.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error)
	go func() { done <- startUntil(h, stop) }()
	for i := range 2000 {
		h.Probe(at.Addr(), sip.Target{Transport: sip.UDP, Addr: at})
		snap, err := lab.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if n := len(snap.Hosts[0].Sockets); n != 1 {
			t.Fatalf("probe %d left a socket behind: %v", i, snap.Hosts[0].Sockets)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// startUntil starts one process after another.
func startUntil(h *Host, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		p, err := h.Spawn(Spec{Owner: "x", Argv: []string{"/bin/true"}})
		if err != nil {
			return err
		}
		if err := p.Kill(); err != nil {
			return err
		}
	}
}
