package model

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// moving is a scenario whose topology changes while it is played.
const moving = `net    lan 46
net    far 4
router r1  lan far
host   box lan
host   pub far
addr   box lan.2
route  box default via=r1
route  pub lan via=r1
proxy  p   pub tcp:5060 udp:5060 deliver=flow
ua     bob box tcp:5072 via=p sut
ua     ann pub tcp:5081 via=p

register bob
withdraw box default
call     ann bob
renumber box lan.2 lan.3
forwarding r1 off
link     pub far down
`

func scenarioOf(t testing.TB, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// drawn fills a value with anything that its type can hold, whatever fields are
// added to it.
func drawn(t *rapid.T, v reflect.Value, s *scenario.Scenario) {
	n := func(most int) int { return rapid.IntRange(0, most).Draw(t, "n") }
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = rapid.SampledFrom(someAddrs).Draw(t, "addr")
	case *netip.AddrPort:
		if a := rapid.SampledFrom(someAddrs).Draw(t, "addr"); a.IsValid() {
			*x = netip.AddrPortFrom(a, rapid.Uint16().Draw(t, "port"))
		}
	case *Role:
		*x = Role(n(len(giverNames) - 1))
	case *sip.Carrier:
		*x = sip.Carrier(n(len(sip.Carriers)))
	case *sip.Transport:
		*x = sip.Transport(n(len(sip.Transports)))
	case *linux.State:
		*x = linux.State(n(int(linux.StateBoundInactive)))
	case *ProbeResult:
		*x = ProbeResult(n(len(probeNames) - 1))
	case *linux.Snapshot:
		for _, h := range s.Hosts {
			var host linux.HostSockets
			drawnKind(t, reflect.ValueOf(&host).Elem(), s)
			host.Host = h.Name
			x.Hosts = append(x.Hosts, host)
		}
		if steps := n(len(s.Steps) + 1); steps > 0 {
			x.Topology = linux.NewTopology(s)
			for _, st := range s.Steps[:steps-1] {
				x.Topology.Apply(st)
			}
		}
	case *Viewpoint:
		e := rapid.SampledFrom(s.Elements).Draw(t, "element")
		drawn(t, reflect.ValueOf(&x.Source).Elem(), s)
		x.Element, x.Host = e.Name, e.Host
	case *Advert:
		drawnKind(t, v, s)
		x.Giver = rapid.SampledFrom(s.Elements).Draw(t, "giver").Name
	case *Breakdown:
		drawnKind(t, v, s)
		x.Element = rapid.SampledFrom(s.Elements).Draw(t, "element").Name
	case *map[string]bool:
		*x = rapid.MapOf(rapid.SampledFrom([]string{"p", "bob", "ann"}), rapid.Bool()).Draw(t, "own")
		if len(*x) == 0 {
			*x = nil
		}
	default:
		drawnKind(t, v, s)
	}
}

var someAddrs = []netip.Addr{{}, netip.MustParseAddr("10.77.0.1"), netip.MustParseAddr("::ffff:10.77.0.1"),
	netip.MustParseAddr("fd77::1"), netip.MustParseAddr("fe80::1%eth0"), netip.IPv6Unspecified(), netip.IPv4Unspecified()}

// anyString has what JSON, UTF-8 and terminals trip over in it.
var anyString = rapid.OneOf(
	rapid.SampledFrom([]string{"", "<sip:bob@10.77.0.1:49566;transport=tcp>", `"a\"b" <sip:x>`, "\xff", `\xff`, `\`, "\u2028\x7f\u0085\x1b[31m", "\ufffd", "\r\n-- x --\n"}),
	rapid.SampledFrom([]string{"box", "pub", "p", "bob", "ann", "sip:bob@10.77.0.1:5072;transport=tcp", "Contact", "ACK", "200 INVITE"}),
	rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) }))

func drawnKind(t *rapid.T, v reflect.Value, s *scenario.Scenario) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			drawn(t, v.Field(i), s)
		}
	case reflect.Slice:
		n := rapid.IntRange(-1, 4).Draw(t, "length")
		if n < 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			drawn(t, v.Index(i), s)
		}
	case reflect.String:
		v.SetString(anyString.Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "uint") >> (64 - v.Type().Bits()))
	default:
		panic("an observation has a " + v.Type().String())
	}
}

// drawObservation draws an observation of a scenario: whatever leads to an item
// of a list leads to one that is there.
func drawObservation(t *rapid.T, s *scenario.Scenario) *Observation {
	o := &Observation{}
	drawn(t, reflect.ValueOf(o).Elem(), s)
	if len(o.Snapshots) > 1 && rapid.Bool().Draw(t, "again") {
		o.Snapshots[len(o.Snapshots)-1] = o.Snapshots[0]
	}
	if len(o.Snapshots) == 0 || len(o.Adverts) == 0 {
		o.Uses, o.After = nil, nil
	}
	within := func(i *int, n int) { *i = int(uint(*i) % uint(n)) }
	for i := range o.After {
		within(&o.After[i], len(o.Snapshots))
	}
	for i := range o.Uses {
		within(&o.Uses[i].Advert, len(o.Adverts))
		within(&o.Uses[i].Snapshot, len(o.Snapshots))
	}
	root := reflect.ValueOf(o).Elem()
	for i := range root.NumField() {
		for k := 0; root.Field(i).Kind() == reflect.Slice && k < root.Field(i).Len(); k++ {
			if item := root.Field(i).Index(k); item.Kind() == reflect.Struct && item.FieldByName("Step").IsValid() {
				within(item.FieldByName("Step").Addr().Interface().(*int), len(s.Steps))
			}
		}
	}
	return o
}

var exactly = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })}

func observationText(t interface{ Fatal(...any) }, s *scenario.Scenario, o *Observation) string {
	var b bytes.Buffer
	if err := FormatObservation(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever was observed is read back exactly as it was, written again as it was,
// and judged as it was.
func TestParseObservationFormatObservation(t *testing.T) {
	s := scenarioOf(t, moving)
	rapid.Check(t, func(t *rapid.T) {
		o := drawObservation(t, s)
		text := observationText(t, s, o)
		got, err := ParseObservation(s, []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(o, got, exactly); d != "" {
			t.Fatalf("%s\n%s", d, text)
		}
		if again := observationText(t, s, got); again != text {
			t.Fatal(cmp.Diff(text, again))
		}
		if d := cmp.Diff(Judge(s, o), Judge(s, got), exactly); d != "" {
			t.Fatal(d)
		}
		for i := range len(text) {
			if c := text[i]; c < ' ' && c != '\n' || c == 0x7f {
				t.Fatalf("a control character at %d: %q", i, text)
			}
		}
	})
}

// A socket that stays is kept once, and so is a snapshot.
func TestFormatObservationKeepsASocketOnce(t *testing.T) {
	s := scenarioOf(t, texts.Founding)
	a := linux.Socket{Carrier: sip.CarrierTCP, State: linux.StateListen, Local: netip.MustParseAddrPort("10.77.0.1:5072"), Backlog: 128, Inode: 7, Owner: "bob"}
	b := a
	b.Queue = 1
	snap := func(x ...linux.Socket) linux.Snapshot {
		return linux.Snapshot{Hosts: []linux.HostSockets{{Host: "box", Addrs: []netip.Addr{netip.MustParseAddr("10.77.0.1")}, Devices: []uint32{2}, Sockets: x}}}
	}
	o := &Observation{Snapshots: []linux.Snapshot{snap(a), snap(a, b), snap(a)}, After: []int{0, 2}, Own: map[string]bool{"bob": false, "ann": true}}
	const want = `{
"own": {"ann":true,"bob":false},
"after": [0,2],
"sockets": [
  {"carrier":"tcp","state":"LISTEN","local":"10.77.0.1:5072","backlog":128,"inode":7,"owner":"bob"},
  {"carrier":"tcp","state":"LISTEN","local":"10.77.0.1:5072","queue":1,"backlog":128,"inode":7,"owner":"bob"}
],
"snapshots": [
  {"hosts":[{"host":"box","addrs":["10.77.0.1"],"devices":[2],"sockets":[0]}]},
  {"hosts":[{"host":"box","addrs":["10.77.0.1"],"devices":[2],"sockets":[0,1]}]},
  {"hosts":[{"host":"box","addrs":["10.77.0.1"],"devices":[2],"sockets":[0]}]}
]
}
`
	if d := cmp.Diff(want, observationText(t, s, o)); d != "" {
		t.Error(d)
	}
}

// Every field of what is kept has its name in the text by itself, not by
// accident of Go's.
func TestObservationFieldsAreNamed(t *testing.T) {
	for _, v := range []any{Advert{}, Use{}, Leg{}, Viewpoint{}, Probe{}, Outcome{}, Request{}, Sending{}, RouteSet{}, Breakdown{}, linux.Socket{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			if name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); name == "" || name != strings.ToLower(name) {
				t.Errorf("%s.%s is %q", typ, typ.Field(i).Name, name)
			}
		}
	}
}

// What cannot be read is told with its place.
func TestParseObservationErrors(t *testing.T) {
	s := scenarioOf(t, moving)
	for _, x := range []struct{ text, want string }{
		{"", "observation:1:1: the text ends too soon"},
		{"{", "observation:1:2: the text ends too soon"},
		{"[]", `observation:1:1: found "[", want "{"`},
		{"{\n\"adverts\": [\n  {\"header\": 5}\n]}", "observation:3:3: adverts[0]: a number cannot be header"},
		{"{\n\"adverts\": [\n  {\"step\": 0},\n  {\"head\": \"x\"}\n]}", `observation:4:3: adverts[1]: unknown field "head"`},
		{"{\n\"adverts\": [\n  {\"step\": 6}\n]}", "observation:3:3: adverts[0]: step 6: the scenario has 6"},
		{"{\"adverts\": [{\"role\": \"king\"}]}", `observation:1:14: adverts[0]: found "king", want a role such as "proxy"`},
		{"{\"adverts\": [{\"value\": \"\\\\y\"}]}", `observation:1:14: adverts[0]: found "y", want \\\\ or a byte such as \\xff behind a backslash`},
		{"{\n\"uses\": [{\"advert\": 0}]}", "observation:2:10: uses[0]: there is no advert 0"},
		{"{\"after\": [0]}", "observation:1:11: after[0]: there is no snapshot 0"},
		{"{\"snapshots\": [{\"topology\": 7}]}", "observation:1:16: snapshots[0]: topology 7: the scenario has 6 steps"},
		{"{\"snapshots\": [{\"hosts\": [{\"sockets\": [0]}]}]}", "observation:1:16: snapshots[0]: there is no socket 0"},
		{"{\"own\": {\"eve\": true}}", `observation:1:9: own: there is no element "eve"`},
		{"{\"own\": {}, \"own\": {}}", `observation:1:13: "own" again`},
		{"{\"x\": 1}", "observation:1:7: x: nothing of an observation has that name"},
		{"{} {}", "observation:1:4: more text behind the end"},
		{"{\"after\": [1}", "observation:1:13: after: invalid character '}' after array element"},
		{strings.Repeat(" ", MaxObservation+1), "observation:1:1: 1048577 bytes, and at most 1048576 are read"},
		{"{\"after\": [" + strings.Repeat("[", 20000), "observation:1:10011: after: "},
	} {
		_, err := ParseObservation(s, []byte(x.text))
		var e *ObservationError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), x.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q: %v, want %s", x.text, err, x.want)
		}
	}
}

// The negative twin: what could not be read again is not written.
func TestFormatObservationRefuses(t *testing.T) {
	s := scenarioOf(t, moving)
	other := linux.NewTopology(scenarioOf(t, strings.Replace(moving, "rp_filter", "", 1)))
	other.Apply(scenario.SetForwarding{Host: "r1", On: false})
	other.Apply(scenario.SetForwarding{Host: "box", On: true})
	hosts := []linux.HostSockets{{Host: "r1"}, {Host: "box"}, {Host: "pub"}}
	for want, o := range map[string]*Observation{
		"its hosts are not those of":   {Snapshots: []linux.Snapshot{{Hosts: hosts[1:]}}},
		`there is no element "eve"`:    {Adverts: []Advert{{Giver: "eve"}}},
		`ann is not on host "box"`:     {Adverts: []Advert{{Giver: "bob"}}, Snapshots: []linux.Snapshot{{Hosts: hosts}}, Uses: []Use{{View: Viewpoint{Element: "ann", Host: "box"}}}},
		"there is no advert 0":         {Uses: []Use{{}}},
		"step -1: the scenario has 6":  {Adverts: []Advert{{Step: -1}}},
		"there is no role 9":           {Adverts: []Advert{{Giver: "bob", Role: 9}}},
		"not one that the scenario's":  {Snapshots: []linux.Snapshot{{Hosts: hosts, Topology: other}}},
		"and at most 1048576 are kept": {Broken: strings.Repeat("x", MaxObservation)},
		"at most 32768 are kept":       {Outcomes: make([]Outcome, maxItems+1)},
	} {
		var b bytes.Buffer
		if err := FormatObservation(&b, s, o); err == nil || !strings.Contains(err.Error(), want) || b.Len() > 0 {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A text stands for some hundred times its size at the most: 400 bytes are made
// of an item that is written {}, whatever it is of.
func TestParseObservationIsBounded(t *testing.T) {
	s := scenarioOf(t, moving)
	fill := func(start, item string, most int) string {
		return start + strings.Repeat(item+",", min(most, (MaxObservation-len(start)-100)/(len(item)+1))-1) + item
	}
	manySockets := `{"sockets": [{"owner": "bob"}], "snapshots": [{"hosts": [`
	for what, text := range map[string]string{
		"hosts":    fill(`{"snapshots": [{"hosts": [`, "{}", MaxObservation/16) + "]}]}",
		"sendings": fill(`{"sendings": [`, "{}", maxItems) + "]}",
		"sockets":  manySockets + fill(`{"sockets": [`, "0", MaxObservation-len(manySockets)) + "]}]}]}",
		"routes":   fill(`{"route_sets": [{"came": [`, `""`, MaxObservation) + "]}]}",
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ParseObservation(s, []byte(text))
		runtime.ReadMemStats(&after)
		spent := (after.TotalAlloc - before.TotalAlloc) / uint64(len(text))
		if spent > 800 || (what == "sockets" || what == "hosts") != (err != nil) {
			t.Errorf("%s: %d bytes for each of the text, %v", what, spent, err)
		}
	}
}

// FuzzParseObservation: whatever the text, the parser returns, and what it
// returns can be judged and written again.
func FuzzParseObservation(f *testing.F) {
	s := scenarioOf(f, moving)
	for seed := range 8 {
		f.Add(observationText(f, s, rapid.Custom(func(t *rapid.T) *Observation { return drawObservation(t, s) }).Example(seed)))
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseObservation(s, []byte(text))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q", err)
			}
			return
		}
		for _, v := range Judge(s, o) {
			_ = fmt.Sprint(v)
		}
		if again, err := ParseObservation(s, []byte(observationText(t, s, o))); err != nil || cmp.Diff(o, again, exactly) != "" {
			t.Errorf("%v\n%s", err, cmp.Diff(o, again, exactly))
		}
	})
}
