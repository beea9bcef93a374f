package props

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/model"
)

func TestLegendSaysWhoIsWho(t *testing.T) {
	sc, err := model.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	probe := model.Probe{Transport: model.TCP, Source: at4(40007), Target: at4(5072), Result: model.ProbeAccepted}
	o := &model.Observation{Uses: []model.Use{{Probe: probe}, {}}, Snapshots: []model.Snapshot{
		{Hosts: []model.HostSockets{{Host: "box", Addrs: []netip.Addr{at4(0).Addr()}, Sockets: []model.Socket{
			{Transport: model.TCP, Local: at4(5072), Owner: "bob"}, {Transport: model.TCP, Local: netip.MustParseAddrPort("0.0.0.0:5060"), Owner: "p"},
			{Transport: model.TCP, Local: at4(40001), Owner: "bob"}, {Transport: model.TCP, Local: at4(40002), Owner: "bob"}}}}},
		{Hosts: []model.HostSockets{{Host: "box", Sockets: []model.Socket{{Transport: model.TCP, Local: at4(40002), Owner: "ann"}}}}},
	}}
	l := legendOf(&sc, o)
	if d := cmp.Diff(map[string]string{"box": "p, bob, ann"}, l.Hosts); d != "" {
		t.Error(d)
	}
	if l.Names[at4(0).Addr()] != "p+bob+ann" {
		t.Errorf("%v", l.Names)
	}
	for what, x := range map[string]struct {
		t        model.Transport
		from, to uint16
		want     string
	}{
		"a call":           {model.TCP, 40001, 5060, "bob -> p"},
		"our probe":        {model.TCP, 40007, 5072, probeComment},
		"its answer":       {model.TCP, 5072, 40007, probeComment},
		"not our probe":    {model.TCP, 40008, 5072, "? -> bob"},
		"two owners":       {model.TCP, 40002, 5060, "? -> p"},
		"nobody's":         {model.TCP, 1, 2, ""},
		"over another one": {model.UDP, 40007, 5072, ""},
	} {
		if got := l.Comment(x.t, at4(x.from), at4(x.to)); got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}

// TestLegendTellsOfWhatNobodyAccepts: the connect or datagram that a finding is
// about leaves no socket in any snapshot; the uses say whose it was.
func TestLegendTellsOfWhatNobodyAccepts(t *testing.T) {
	sc, err := model.Parse(explained)
	if err != nil {
		t.Fatal(err)
	}
	o := &model.Observation{Uses: []model.Use{{}}, Snapshots: []model.Snapshot{
		{Hosts: []model.HostSockets{{Host: "box", Addrs: []netip.Addr{at4(0).Addr()}, Sockets: []model.Socket{
			{Transport: model.TCP, State: model.StateListen, Local: at4(5060), Owner: "p"},
			{Transport: model.TCP, State: model.StateEstablished, Local: at4(40001), Remote: at4(5060), Owner: "bob"}}}}},
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
		t        model.Transport
		from, to uint16
		want     string
	}{
		"the decisive connect":   {model.TCP, 50000, 9, "ann -> 10.77.0.1:9 (nobody accepts)"},
		"its reset":              {model.TCP, 9, 50000, "10.77.0.1:9 (nobody accepts) -> ann"},
		"to a connection's port": {model.TCP, 50000, 40001, "ann -> 10.77.0.1:40001 (nobody accepts)"},
		"on that connection":     {model.TCP, 5060, 40001, "p -> bob"},
		"a lost datagram":        {model.UDP, 50000, 10, "bob -> 10.77.0.1:10 (nobody accepts)"},
		"somebody else's":        {model.TCP, 5060, 9, "p -> ?"},
		"of two users":           {model.TCP, 50000, 11, ""},
		"it was accepted":        {model.TCP, 50000, 12, ""},
		"only held":              {model.TCP, 50000, 77, ""},
	} {
		if got := l.Comment(x.t, at4(x.from), at4(x.to)); got != x.want {
			t.Errorf("%s: %q, want %q", what, got, x.want)
		}
	}
}
