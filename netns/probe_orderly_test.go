package netns

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// readers accept for a listener and tell how each connection's stream ended.
func readers(ln net.Listener, keep bool) (ends chan error) {
	ends = make(chan error, 100)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, err = c.Read(make([]byte, 100))
			ends <- err
			if !keep {
				c.Close()
			}
		}
	}()
	return ends
}

// An orderly probe ends as a client that changed its mind: the program reads
// the end of the stream. The other one is reset, and a program may see that.
func TestProbeOrderlyEndsTheStream(t *testing.T) {
	defer func(was time.Duration) { closeBound = was }(closeBound)
	closeBound = 5 * time.Second
	for _, f := range families {
		s := lan(f, "a", "b")
		l := newLab(t, s)
		at := netip.AddrPortFrom(s.Addr("b", "lan"), 5060)
		ends := readers(netListen(t, l.Host("b"), at.String()), false)
		for range 20 {
			p := l.Host("a").ProbeOrderly(s.Addr("a", "lan"), tcpTo(at), 5*time.Second)
			if p.Result != model.ProbeAccepted {
				t.Fatalf("%+v", p)
			}
			if err := <-ends; !errors.Is(err, io.EOF) {
				t.Errorf("IPv%d: the program read %v, want the end of the stream", f, err)
			}
			if got := lines(t, l, "a"); len(got) != 0 {
				t.Errorf("IPv%d: the probe left %q", f, got)
			}
		}
		l.Host("a").Probe(s.Addr("a", "lan"), tcpTo(at))
		if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("IPv%d: after a probe that is not orderly the program read %v, want a reset", f, err)
		}
	}
}

// It waits for the program to take it out of the queue, whether the program
// closes its end or keeps it, and no longer than it was told.
func TestProbeOrderlyWaitsForTheProgram(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	a, b := s.Addr("a", "lan"), s.Addr("b", "lan")
	keeper := netip.AddrPortFrom(b, 5060)
	readers(netListen(t, l.Host("b"), keeper.String()), true)
	const long = 20 * time.Second
	if start := time.Now(); l.Host("a").ProbeOrderly(a, tcpTo(keeper), long).Result != model.ProbeAccepted || time.Since(start) > long/2 {
		t.Errorf("a program that reads the end and keeps the connection was waited for %v", time.Since(start))
	}
	deaf := listen(t, l.Host("b"), netip.AddrPortFrom(b, 5061))
	const short = 50 * time.Millisecond
	start := time.Now()
	if p := l.Host("a").ProbeOrderly(a, tcpTo(deaf.addr), short); p.Result != model.ProbeAccepted || time.Since(start) < short {
		t.Errorf("%+v after %v: a program that does not accept is waited for", p, time.Since(start))
	}
	if p := l.Host("a").ProbeOrderly(a, tcpTo(netip.AddrPortFrom(b, 5062)), short); p.Result != model.ProbeRefused {
		t.Errorf("nobody listens: %+v", p)
	}
	if p := l.Host("a").ProbeOrderly(a, udpTo(netip.AddrPortFrom(b, 5062)), short); p.Result != model.ProbeRefused {
		t.Errorf("nobody listens over UDP: %+v", p)
	}
}
