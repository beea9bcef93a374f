package netns

import (
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func poolLab(t testing.TB, p *Pool, s *scenario.Scenario) *Lab {
	t.Helper()
	Require(t)
	l, err := p.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A kept lab becomes another scenario of its shape, under its names.
func TestPoolRebuilds(t *testing.T) {
	pool := Pool{Keep: 1} // with room it would rather build another
	defer pool.Close()
	for i, text := range []string{
		"net lan 4\nhost ann lan\nhost bob lan\n",
		"net lan 6\nhost eve lan\nhost dan lan\n",
		"net lan 46 link-local\nhost ann lan\nhost bob lan\naddr bob lan.2\nroute ann default via=bob\n",
		"net lan 4\nhost bob lan\nhost ann lan\n",
	} {
		s := parse(t, text)
		l := poolLab(t, &pool, s)
		var served []*sock
		for _, h := range l.hosts {
			served = append(served, h.serve(t, h.Addrs()...)...)
		}
		for _, from := range s.Hosts {
			for _, to := range s.Hosts {
				for _, place := range s.Places(from.Name) {
					tries(t, l, s, from.Name+"/"+place.String()+" "+to.Name+"/"+first(s, to.Name, place).String(), model.ProbeAccepted)
				}
			}
		}
		for _, s := range served {
			s.close()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if c := pool.Count(); c.Fresh != 1 || c.Rebuilt != i || c.Discarded != 0 {
			t.Errorf("lab %d: %+v", i, c)
		}
	}
}

// first is a place that a host has on the network and of the family of another.
func first(s *scenario.Scenario, host string, like scenario.Place) scenario.Place {
	like.Nth = 0
	for _, p := range s.Places(host) {
		if p == like {
			return p
		}
	}
	return scenario.Place{Net: like.Net}
}

// Two hosts that differ in nothing but which of their addresses is dead are not
// the same.
func TestPoolTellsFatesApart(t *testing.T) {
	var pool Pool
	defer pool.Close()
	for _, dead := range []string{"lan", "lan.2", "lan"} {
		text := "net lan 6\nhost a lan\naddr a " + dead + " tentative\n"
		if dead == "lan" {
			text += "addr a lan.2\n"
		}
		s := parse(t, text)
		l := poolLab(t, &pool, s)
		for _, place := range s.Places("a") {
			at := s.PlaceAddr("a", place)
			fd, err := l.Host("a").Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			err = unix.Bind(fd, sockaddr(netip.AddrPortFrom(at, 5060)))
			unix.Close(fd)
			if (err != nil) != (place.String() == dead) {
				t.Errorf("%s is dead, and a program that binds to %s is told: %v", dead, place, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What is asked for again and again has a lab of its own, as long as there is
// room: the pool does not turn one into the other and back.
func TestPoolKeepsWhatComesAgain(t *testing.T) {
	var pool Pool
	defer pool.Close()
	for range 4 {
		for _, f := range []scenario.Family{scenario.IPv4, scenario.IPv6} {
			if err := poolLab(t, &pool, lan(f, "a", "b")).Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c := pool.Count(); c.Fresh != 2 || c.Rebuilt != 1 || c.Reused != 5 {
		t.Errorf("%+v", c)
	}
}

// A wary pool keeps nothing of a shape that was asked for once.
func TestWaryPool(t *testing.T) {
	pool := Pool{Wary: true}
	defer pool.Close()
	for _, want := range []PoolCount{{Fresh: 1}, {Fresh: 2}, {Fresh: 2, Reused: 1}} {
		if err := poolLab(t, &pool, lan(scenario.IPv4, "a", "b")).Close(); err != nil {
			t.Fatal(err)
		}
		if c := pool.Count(); c != want {
			t.Errorf("%+v, want %+v", c, want)
		}
	}
}

// Another shape needs another lab; the first one waits for its like.
func TestPoolKeepsShapesApart(t *testing.T) {
	var pool Pool
	defer pool.Close()
	two, three := lan(scenario.IPv4, "a", "b"), lan(scenario.IPv4, "a", "b", "c")
	for range 3 {
		for _, s := range []*scenario.Scenario{two, three} {
			l := poolLab(t, &pool, s)
			if len(l.hosts) != len(s.Hosts) {
				t.Errorf("%d hosts for %d", len(l.hosts), len(s.Hosts))
			}
			l.Close()
		}
	}
	if c := pool.Count(); c != (PoolCount{Fresh: 2, Reused: 4}) {
		t.Errorf("%+v", c)
	}
}

// Who still has a lab that he gave back has a closed one: its next user is
// safe from him.
func TestGivenBackLabIsClosed(t *testing.T) {
	var pool Pool
	defer pool.Close()
	s := lan(scenario.IPv4, "a")
	old := poolLab(t, &pool, s)
	h := old.Host("a")
	if err := errors.Join(old.Close(), old.Close()); err != nil {
		t.Fatal(err)
	}
	next := poolLab(t, &pool, s)
	defer next.Close()
	if pool.Count().Reused != 1 {
		t.Fatal("the lab was not used again")
	}
	if _, err := h.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); !errors.Is(err, errClosed) {
		t.Errorf("Socket of the old lab: %v", err)
	}
	if _, err := old.Snapshot(); err == nil {
		t.Error("Snapshot of the old lab works")
	}
	if err := h.Filter(sip.CarrierUDP, 1); !errors.Is(err, errClosed) {
		t.Errorf("Filter of the old lab: %v", err)
	}
	if _, err := next.Snapshot(); err != nil {
		t.Error(err)
	}
}

// A lab whose socket somebody still has is not used again, and the pool says
// why.
func TestHeldLabIsDiscarded(t *testing.T) {
	var pool Pool
	defer pool.Close()
	s := lan(scenario.IPv4, "a")
	l := poolLab(t, &pool, s)
	held := open(t, l.Host("a"), unix.SOCK_DGRAM, netip.MustParseAddrPort("10.77.0.1:5060"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	held.close()
	if c := pool.Count(); c.Discarded != 1 || c.Why == nil || !strings.Contains(c.Why.Error(), "host a: somebody still holds 1 sockets") {
		t.Errorf("%+v", c)
	}
}

func TestPoolBounds(t *testing.T) {
	pool := Pool{Keep: 2}
	s := lan(scenario.IPv4, "a")
	var labs []*Lab
	for range 4 {
		labs = append(labs, poolLab(t, &pool, s))
	}
	for _, l := range labs {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(pool.free) != 2 {
		t.Errorf("%d labs are kept, want 2", len(pool.free))
	}
	last := poolLab(t, &pool, s)
	if err := errors.Join(pool.Close(), last.Close()); err != nil {
		t.Fatal(err)
	}
	if len(pool.free) != 0 {
		t.Errorf("%d labs are kept by a closed pool", len(pool.free))
	}
	fresh := Pool{Fresh: true}
	poolLab(t, &fresh, s).Close()
	if len(fresh.free) != 0 || fresh.Count() != (PoolCount{}) {
		t.Errorf("a pool of fresh labs keeps %d", len(fresh.free))
	}
}

// Several users at once: nobody gets what somebody else has.
func TestPoolSideBySide(t *testing.T) {
	Require(t)
	var pool Pool
	defer pool.Close()
	var wait sync.WaitGroup
	for w := range 4 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 25 {
				if err := tryLabOf(pool.New, scenario.IPv4, uint16(5060+w)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wait.Wait()
	if c := pool.Count(); c.Fresh > 4 || c.Fresh+c.Reused != 100 || c.Discarded != 0 {
		t.Errorf("%+v", c)
	}
}
