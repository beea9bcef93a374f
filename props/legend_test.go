package props

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func TestLegendSaysWhoIsWho(t *testing.T) {
	sc, err := scenario.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	probe := model.Probe{Carrier: sip.CarrierTCP, Source: at4(40007), Target: at4(5072), Result: model.ProbeAccepted}
	o := &model.Observation{Uses: []model.Use{{Probe: probe}, {}}, Snapshots: []linux.Snapshot{
		{Hosts: []linux.HostSockets{{Host: "box", Addrs: []netip.Addr{at4(0).Addr()}, Sockets: []linux.Socket{
			{Carrier: sip.CarrierTCP, Local: at4(5072), Owner: "bob"}, {Carrier: sip.CarrierTCP, Local: netip.MustParseAddrPort("0.0.0.0:5060"), Owner: "p"},
			{Carrier: sip.CarrierTCP, Local: at4(40001), Owner: "bob"}, {Carrier: sip.CarrierTCP, Local: at4(40002), Owner: "bob"}}}}},
		{Hosts: []linux.HostSockets{{Host: "box", Sockets: []linux.Socket{{Carrier: sip.CarrierTCP, Local: at4(40002), Owner: "ann"}}}}},
	}}
	l := legendOf(&sc, o)
	if d := cmp.Diff(map[string]string{"box": "p, bob, ann"}, l.Hosts); d != "" {
		t.Error(d)
	}
	if l.Names[at4(0).Addr()] != "p+bob+ann" {
		t.Errorf("%v", l.Names)
	}
	for what, x := range map[string]struct {
		t        sip.Transport
		from, to uint16
		want     string
	}{
		"a call":           {sip.TCP, 40001, 5060, "bob -> p"},
		"our probe":        {sip.TCP, 40007, 5072, probeComment},
		"its answer":       {sip.TCP, 5072, 40007, probeComment},
		"not our probe":    {sip.TCP, 40008, 5072, "? -> bob"},
		"two owners":       {sip.TCP, 40002, 5060, "? -> p"},
		"nobody's":         {sip.TCP, 1, 2, ""},
		"over another one": {sip.UDP, 40007, 5072, ""},
	} {
		if got := l.Comment(x.t.Carrier(), at4(x.from), at4(x.to)); got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}

// TestLegendTellsOfWhatNobodyAccepts: the connect or datagram that a finding is
// about leaves no socket in any snapshot; the uses say whose it was.
func TestLegendTellsOfWhatNobodyAccepts(t *testing.T) {
	sc, err := scenario.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	o := &model.Observation{Uses: []model.Use{{}}, Snapshots: []linux.Snapshot{
		{Hosts: []linux.HostSockets{{Host: "box", Addrs: []netip.Addr{at4(0).Addr()}, Sockets: []linux.Socket{
			{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: at4(5060), Owner: "p"},
			{Carrier: sip.CarrierTCP, State: linux.StateEstablished, Local: at4(40001), Remote: at4(5060), Owner: "bob"}}}}},
	}}
	dead := func(uri, user string, met model.ProbeResult) {
		o.Adverts = append(o.Adverts, model.Advert{URI: uri})
		o.Uses = append(o.Uses, model.Use{Advert: len(o.Adverts) - 1, Request: "ACK", Met: met, View: model.Viewpoint{Element: user, Host: "box", Source: at4(0).Addr()}})
	}
	o.Adverts = []model.Advert{{URI: "sip:x@10.77.0.1:77;transport=tcp"}} // of the first use, which sends nothing
	dead("sip:bob@10.77.0.1:9;transport=tcp", "ann", model.ProbeRefused)
	dead("sip:bob@10.77.0.1:10", "bob", model.ProbeNone)
	dead("sip:bob@10.77.0.1:40001;transport=tcp", "ann", model.ProbeRefused)
	dead("sip:bob@10.77.0.1:11;transport=tcp", "ann", model.ProbeRefused)
	dead("sip:bob@10.77.0.1:11;transport=tcp", "p", model.ProbeRefused)
	dead("sip:bob@10.77.0.1:12;transport=tcp", "ann", model.ProbeAccepted)
	l := legendOf(&sc, o)
	for what, x := range map[string]struct {
		t        sip.Transport
		from, to uint16
		want     string
	}{
		"the decisive connect":   {sip.TCP, 50000, 9, "ann -> 10.77.0.1:9 (nobody accepts)"},
		"its reset":              {sip.TCP, 9, 50000, "10.77.0.1:9 (nobody accepts) -> ann"},
		"to a connection's port": {sip.TCP, 50000, 40001, "ann -> 10.77.0.1:40001 (nobody accepts)"},
		"on that connection":     {sip.TCP, 5060, 40001, "p -> bob"},
		"a lost datagram":        {sip.UDP, 50000, 10, "bob -> 10.77.0.1:10 (nobody accepts)"},
		"somebody else's":        {sip.TCP, 5060, 9, "p -> ?"},
		"of two users":           {sip.TCP, 50000, 11, ""},
		"it was accepted":        {sip.TCP, 50000, 12, ""},
		"only held":              {sip.TCP, 50000, 77, ""},
	} {
		if got := l.Comment(x.t.Carrier(), at4(x.from), at4(x.to)); got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}
