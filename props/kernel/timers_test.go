package kernel

import (
	"testing"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// stalledScenario sends a SYN that nobody answers.
const stalledScenario = "net lan 4\nhost a lan\nhost b lan\nfilter b tcp:5060\nsocket s1 a tcp 4\ndial s1 10.77.0.2:5060\n"

// TestTimersFired says that the counters tell a lab in which a timer has fired
// from one in which none has.
func TestTimersFired(t *testing.T) {
	netns.Require(t)
	rig := NewRig()
	defer rig.Close()
	s, err := scenario.Parse(stalledScenario)
	if err != nil {
		t.Fatal(err)
	}
	lab, _, err := rig.lab(&s)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := timersFired(lab, &s); n != 0 || err != nil {
		t.Fatalf("before there is a socket: %d, %v", n, err)
	}
	p := newPlayer(lab, &s, linux.NoMistake, nil)
	defer p.closeAll()
	if p.play(s.Steps); !p.done.goOn() {
		t.Fatal(p.done)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { // the SYN is sent again after 1 s
		n, err := timersFired(lab, &s)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("no retransmission was counted")
		}
	}
}

// TestCountTimers reads what the kernel writes.
func TestCountTimers(t *testing.T) {
	const text = "Tcp: ActiveOpens RetransSegs InErrs\nTcp: 7 3 9\nTcpExt: TCPTimeouts TCPHPHits\nTcpExt: 2 100\n"
	if n := countTimers(text); n != 5 {
		t.Errorf("got %d", n)
	}
}
