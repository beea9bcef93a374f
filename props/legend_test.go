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
