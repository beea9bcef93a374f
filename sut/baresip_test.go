package sut

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// needBaresip returns the stack, or says how this test can be run. Where the
// whole suite has to run (CI=true) a missing stack is a failure.
func needBaresip(t *testing.T) *Stack {
	t.Helper()
	s, err := Find("baresip")
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Installed(context.Background())
	switch {
	case err == nil:
		return s
	case errors.Is(err, ErrNotInstalled) && os.Getenv("CI") != "true":
		t.Skip(err)
	}
	t.Fatal(err)
	return nil
}

// stage is a lab with one stack playing bob, and somebody opposite.
type stage struct {
	sc   scenario.Scenario
	lab  *netns.Lab
	bob  *Process
	far  *far
	addr netip.AddrPort // bob's listener
}

func newStage(t *testing.T, s *Stack, text string) *stage {
	t.Helper()
	netns.Require(t)
	sc, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	lab, err := netns.New(&sc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	st := &stage{sc: sc, lab: lab}
	opposite := sc.Element("p")
	if opposite == nil {
		opposite = sc.Element("ann")
	}
	st.far = newFar(t, lab, opposite.Host, netip.AddrPortFrom(sc.ElementAddr(opposite.Name), opposite.Listen[0].Port))
	st.bob, err = s.Start(context.Background(), lab, &st.sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.bob.Close() })
	st.addr = netip.AddrPortFrom(sc.ElementAddr("bob"), sc.Element("bob").Listen[0].Port)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("bob's output:\n%s", st.bob.Tail())
		}
	})
	return st
}

const withProxy = `
net   lan FAMILY
host  box lan
proxy p   box udp:5060 tcp:5060 deliver=flow
ua    bob box udp:5072 tcp:5072 via=p sut
`

const withoutProxy = `
net   lan FAMILY
host  box lan
host  hut lan
ua    bob box udp:5072 tcp:5072 sut
ua    ann hut udp:5081 tcp:5081
`

// inEach runs a test on every family and transport.
func inEach(t *testing.T, text string, test func(*testing.T, *stage, sip.Transport)) {
	s := needBaresip(t)
	for _, family := range []string{"4", "6"} {
		for _, transport := range sip.Transports {
			t.Run("IPv"+family+"/"+transport.String(), func(t *testing.T) {
				test(t, newStage(t, s, strings.ReplaceAll(text, "FAMILY", family)), transport)
			})
		}
	}
}

var background = context.Background()

// must fails the test if the stack could not be told something.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestBaresipRegisters(t *testing.T) {
	inEach(t, withProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		must(t, st.bob.Register(background, "p", transport))
		got := st.far.expect("REGISTER")
		if got.transport != transport || !strings.Contains(got.get("Contact"), "expires=3600") {
			t.Errorf("it registered %s over %s", got.get("Contact"), got.transport)
		}
	})
}

// It must not register before it is told to: the order of the steps is the
// scenario's.
func TestBaresipIsSilentUntilTold(t *testing.T) {
	inEach(t, withProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		// The call comes after everything that it might send by itself.
		must(t, st.bob.Call(background, "sip:ann@"+st.far.at.String(), transport))
		if got := <-st.far.heard; got.what() != "INVITE" {
			t.Errorf("before the INVITE it sent %s", got.what())
		}
	})
}

// A second registration over the same transport withdraws the first one, on
// another one it comes in addition.
func TestBaresipRegistersAgain(t *testing.T) {
	inEach(t, withProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		other := sip.UDP + sip.TCP - transport
		for i, over := range []sip.Transport{transport, other, transport} {
			must(t, st.bob.Register(background, "p", over))
			got := st.far.expect("REGISTER")
			if i == 2 {
				if !strings.HasSuffix(got.get("Contact"), ";expires=0") {
					t.Errorf("it did not withdraw the first one: %s", got.get("Contact"))
				}
				got = st.far.expect("REGISTER")
			}
			if got.transport != over || !strings.Contains(got.get("Contact"), "expires=3600") {
				t.Errorf("registration %d: %s over %s, want %s", i, got.get("Contact"), got.transport, over)
			}
		}
	})
}

func TestBaresipCalls(t *testing.T) {
	inEach(t, withoutProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		for range 3 {
			must(t, st.bob.Call(background, "sip:ann@"+st.far.at.String()+";transport="+transport.String(), transport))
			invite := st.far.expect("INVITE")
			if invite.transport != transport {
				t.Errorf("the INVITE came over %s", invite.transport)
			}
			st.far.expect("ACK")
			must(t, st.bob.Hangup(background))
			if bye := st.far.expect("BYE"); bye.get("Call-ID") != invite.get("Call-ID") {
				t.Error("it hung up another call")
			}
		}
	})
}

// Through the proxy it calls over the transport that the step names, whatever
// it registered over: the route names the proxy.
func TestBaresipCallsThroughProxy(t *testing.T) {
	inEach(t, withProxy, func(t *testing.T, st *stage, registered sip.Transport) {
		must(t, st.bob.Register(background, "p", registered))
		st.far.expect("REGISTER")
		for _, over := range append(sip.Transports, sip.Transports...) {
			must(t, st.bob.Call(background, "sip:ann@"+st.far.at.String(), over))
			invite := st.far.expect("INVITE")
			if route := invite.get("Route"); invite.transport != over || !strings.Contains(route, st.far.at.String()) {
				t.Errorf("the INVITE came over %s with route %q, want %s", invite.transport, route, over)
			}
			if own := strings.Contains(invite.get("From"), "@p."); own != (over == registered) {
				t.Errorf("registered over %s, called over %s from %s", registered, over, invite.get("From"))
			}
			st.far.expect("ACK")
			must(t, st.bob.Hangup(background))
			st.far.expect("BYE")
		}
	})
}

func TestBaresipAnswers(t *testing.T) {
	inEach(t, withoutProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		for i := range 4 {
			st.far.invite(transport, st.addr, "sip:bob@"+st.addr.String())
			answer := st.far.expect("200 INVITE")
			if i%2 == 0 {
				st.far.bye(answer)
				st.far.expect("200 BYE")
				continue
			}
			must(t, st.bob.Hangup(background))
			st.far.expect("BYE")
		}
	})
}

// Calls that are still there, because nobody acknowledged them, do not stand
// in the way of the next.
func TestBaresipAnswersBesideOpenCalls(t *testing.T) {
	inEach(t, withoutProxy, func(t *testing.T, st *stage, transport sip.Transport) {
		for range 6 {
			st.far.invite(transport, st.addr, "sip:bob@"+st.addr.String())
			st.far.expect("200 INVITE")
		}
		must(t, st.bob.Call(background, "sip:ann@"+st.far.at.String()+";transport="+transport.String(), transport))
		st.far.expect("ACK")
	})
}

// An element that lists one transport, and a proxy whose ports differ.
func TestBaresipOnOneTransport(t *testing.T) {
	s := needBaresip(t)
	for _, transport := range sip.Transports {
		t.Run(transport.String(), func(t *testing.T) {
			st := newStage(t, s, `
net   lan 4
host  box lan
host  hut lan
proxy p   hut `+transport.String()+`:5062 deliver=contact record-route
ua    bob box `+transport.String()+`:5080 via=p sut
`)
			must(t, st.bob.Register(background, "p", transport))
			if got := st.far.expect("REGISTER"); got.transport != transport {
				t.Errorf("it registered over %s", got.transport)
			}
			must(t, st.bob.Call(background, "sip:ann@10.77.0.7:5081", transport))
			if got := st.far.expect("INVITE"); got.transport != transport || got.RequestURI != "sip:ann@10.77.0.7:5081" {
				t.Errorf("it called %s over %s", got.RequestURI, got.transport)
			}
		})
	}
}

// Many at once, on the same addresses and ports in labs of their own, and two
// on one host.
func TestBaresipsSideBySide(t *testing.T) {
	s := needBaresip(t)
	var all sync.WaitGroup
	var stages []*stage
	for range 8 {
		st := newStage(t, s, strings.ReplaceAll(withProxy, "FAMILY", "4")+"ua ann box udp:5082 tcp:5082 via=p\n")
		ann, err := s.Start(background, st.lab, &st.sc, "ann")
		must(t, err)
		t.Cleanup(func() { ann.Close() })
		stages = append(stages, st)
		for _, p := range []*Process{st.bob, ann} {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := p.Register(background, "p", sip.TCP); err != nil {
					t.Error(err)
				}
			}()
		}
	}
	all.Wait()
	for _, st := range stages {
		users := []string{userOf(st.far.expect("REGISTER")), userOf(st.far.expect("REGISTER"))}
		slices.Sort(users)
		if !slices.Equal(users, []string{"ann", "bob"}) {
			t.Errorf("%q registered", users)
		}
	}
}

// userOf returns the user part of the address of record.
func userOf(h heard) string {
	_, after, _ := strings.Cut(h.get("To"), "sip:")
	user, _, _ := strings.Cut(after, "@")
	return user
}
