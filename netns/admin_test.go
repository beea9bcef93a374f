package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func TestFilter(t *testing.T) {
	for _, f := range families {
		t.Run(fmt.Sprint(f), func(t *testing.T) {
			s := lan(f, "a", "b")
			l := newLab(t, s)
			a, b := s.Addr("a", "lan"), s.Addr("b", "lan")
			closed, open1 := listen(t, l.Host("a"), netip.AddrPortFrom(a, 5060)), listen(t, l.Host("a"), netip.AddrPortFrom(a, 5061))
			before := dial(t, l.Host("b"), b, closed.addr)
			peer := closed.accept()
			if err := l.Host("a").Filter(sip.CarrierTCP, 5060); err != nil {
				t.Fatal(err)
			}
			expect(t, l.Host("b"), b, tcpTo(closed.addr), model.ProbeTimeout, "")
			expect(t, l.Host("b"), b, tcpTo(open1.addr), model.ProbeAccepted, "")
			expect(t, l.Host("a"), a, tcpTo(closed.addr), model.ProbeAccepted, "") // not from outside
			before.must(unix.Send(before.fd, []byte("x"), 0))
			peer.wait(unix.POLLIN) // what was there goes on
		})
	}
}

func TestDestroy(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	at := listen(t, l.Host("a"), netip.AddrPortFrom(s.Addr("a", "lan"), 5060))
	c := dial(t, l.Host("b"), s.Addr("b", "lan"), at.addr)
	find := func() linux.Socket {
		snap, err := l.Raw()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range snap.Host("b").Sockets {
			if o.Inode == c.inode {
				return o
			}
		}
		return linux.Socket{}
	}
	o := find()
	wrong := o
	wrong.Cookie++
	if err := l.Host("b").Destroy(wrong); err == nil || find().State != linux.StateEstablished {
		t.Errorf("another socket than the one that was meant is destroyed: %v", err)
	}
	if err := l.Host("b").Destroy(o); err != nil {
		t.Fatal(err)
	}
	if got := find(); got.Inode != 0 {
		t.Errorf("the destroyed socket is still there: %+v", got)
	}
	if code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || unix.Errno(code) != unix.ECONNABORTED {
		t.Errorf("its program is told %v (%v), want ECONNABORTED", unix.Errno(code), err)
	}
	if err := l.Host("b").Destroy(o); !errors.Is(err, unix.ENOENT) {
		t.Errorf("destroyed again: %v, want ENOENT", err)
	}
}

func TestBounds(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	bound := open(t, l.Host("a"), unix.SOCK_STREAM, netip.AddrPortFrom(s.Addr("a", "lan"), 5060))
	listen(t, l.Host("a"), netip.AddrPortFrom(s.Addr("a", "lan"), 5061))
	open(t, l.Host("b"), unix.SOCK_STREAM, netip.AddrPortFrom(s.Addr("b", "lan"), 5062))
	got, err := l.Host("a").Bounds()
	if err != nil || len(got) != 1 || got[0].Inode != bound.inode || got[0].Local != bound.addr {
		t.Errorf("got %+v (%v), want the one socket that only holds a port", got, err)
	}
}
