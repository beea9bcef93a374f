package model

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// TestJudgeProvesAListenerDead: a listener that is there, and takes nobody, is
// proved by the probe and by its user's own connect together, and by nothing
// less.
func TestJudgeProvesAListenerDead(t *testing.T) {
	const uri = "sip:bob@10.77.0.1:5072;transport=tcp"
	later := func(o *Observation) {
		o.Snapshots[0].Hosts[0].Sockets[0].Cookie = 7
		next := stage()
		next.Hosts[0].Sockets[0].Cookie = 7
		o.Snapshots = append(o.Snapshots, next)
	}
	full := func(o *Observation) {
		l := &o.Snapshots[0].Hosts[0].Sockets[0]
		l.Queue, l.Backlog = 2, 1
	}
	bound := func(o *Observation) { o.Snapshots[0].Hosts[0].Sockets[0].Device = scenario.FirstDevice + 1 }
	other := func(o *Observation) { o.Snapshots[0].Hosts[0].Devices = []uint32{scenario.FirstDevice} }
	met := func(probe, own ProbeResult) func(*Observation) {
		return func(o *Observation) {
			o.Uses[0].Probe = Probe{Carrier: sip.CarrierTCP, Result: probe, Owner: "bob"}
			if probe == ProbeNone {
				o.Uses[0].Spared = "its queue may be full"
			}
			o.Uses[0].Met = own
		}
	}
	for _, c := range []struct {
		name  string
		setup []func(*Observation)
		class Class
		says  string
	}{
		{"its queue is full", []func(*Observation){later, full, met(ProbeTimeout, ProbeTimeout)}, CannotAccept, "queue"},
		{"its queue is full, and nobody probed", []func(*Observation){later, full, met(ProbeNone, ProbeTimeout)}, CannotAccept, "queue"},
		{"its queue was full, and its user got in", []func(*Observation){later, full, met(ProbeNone, ProbeAccepted)}, Accepting, ""},
		{"a filter drops", []func(*Observation){later, met(ProbeTimeout, ProbeTimeout)}, CannotAccept, "filter"},
		{"a filter refuses", []func(*Observation){later, met(ProbeRefused, ProbeRefused)}, CannotAccept, "filter"},
		{"the answers leave by its own interface", []func(*Observation){later, bound, met(ProbeTimeout, ProbeTimeout)}, CannotAccept, "bound to one interface"},
		{"its queue is full, whatever it is bound to", []func(*Observation){later, full, bound, met(ProbeTimeout, ProbeTimeout)}, CannotAccept, "queue"},
		{"they come in by another one", []func(*Observation){bound, other, met(ProbeRefused, ProbeRefused)}, CannotAccept, "bound to one interface"},
		{"only the probe failed", []func(*Observation){later, met(ProbeTimeout, ProbeAccepted)}, Inconclusive, ""},
		{"nobody but the probe tried", []func(*Observation){later, met(ProbeTimeout, ProbeNone)}, Inconclusive, ""},
		{"it was closed in between", []func(*Observation){met(ProbeRefused, ProbeRefused)}, Inconclusive, ""},
	} {
		v := judged(uri, func(o *Observation) {
			for _, f := range c.setup {
				f(o)
			}
		})
		if strings.Contains(c.says, "interface") != (v.Severity == Latent) {
			t.Errorf("%s: %s", c.name, v.Severity)
		}
		if v.Class != c.class || !strings.Contains(v.Detail, c.says) || (v.Severity == None) != (c.class != CannotAccept) {
			t.Errorf("%s: %s %q (%s), want %s", c.name, v.Class, v.Severity, v.Detail, c.class)
		}
	}
}

// TestJudgeTellsClosedFromNeverThere: a listener that was there before is closed,
// whatever else has its port.
func TestJudgeTellsClosedFromNeverThere(t *testing.T) {
	const uri = "sip:bob@10.77.0.1:5074;transport=tcp" // UDP is there
	if v := judged(uri, nil); v.Class != WrongTransport {
		t.Errorf("never there: %s", v.Class)
	}
	v := judged(uri, func(o *Observation) {
		before := stage()
		box := &before.Hosts[0]
		box.Sockets = append(box.Sockets, linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: netip.MustParseAddrPort("10.77.0.1:5074"), Owner: "bob"})
		o.Snapshots = []linux.Snapshot{before, o.Snapshots[0]}
		o.Uses[0].Snapshot, o.Uses[0].Probe = 1, Probe{Carrier: sip.CarrierTCP, Result: ProbeRefused}
	})
	if v.Class != Closed {
		t.Errorf("it was there before: %s (%s), want Closed", v.Class, v.Detail)
	}
}
