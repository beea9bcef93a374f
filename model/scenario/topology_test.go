package scenario

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/internal/table"
	"github.com/greka-sip/greka/internal/texts"
)

func TestTopologyText(t *testing.T) {
	s, err := Parse(texts.Routed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(texts.Routed, Format(s)); diff != "" {
		t.Error(diff)
	}
	if err := roundTrip(s, Format); err != nil {
		t.Error(err)
	}
}

// TestTopologyTextNotices is the negative twin: a Format that forgets any one
// line or word of the topology is found out.
func TestTopologyTextNotices(t *testing.T) {
	s, err := Parse(texts.Routed)
	if err != nil {
		t.Fatal(err)
	}
	lines, tried := strings.SplitAfter(texts.Routed, "\n"), 0
	for i, line := range lines {
		words := strings.Fields(line)
		if len(words) < 3 {
			continue
		}
		shorter := slices.Concat(lines[:i], []string{strings.Join(words[:len(words)-1], " ") + "\n"}, lines[i+1:])
		for _, text := range []string{strings.Join(shorter, ""), strings.Join(slices.Concat(lines[:i], lines[i+1:]), "")} {
			forgetful := func(Scenario) string { return text }
			if roundTrip(s, forgetful) == nil {
				t.Errorf("nobody noticed: %s", line)
			}
			tried++
		}
	}
	if tried < 50 {
		t.Errorf("only %d ways to forget", tried)
	}
}

func TestTopologyErrors(t *testing.T) {
	table.Run(t, "topology.txtar", func(file, in string) string {
		_, err := Parse(strings.ReplaceAll(in, " / ", "\n"))
		if err == nil {
			return "fine"
		}
		table.OneLine(t, err)
		return strings.ReplaceAll(err.Error(), firstWords(), "a first word")
	})
}

// TestAddressesAreIdentities: a number says whose it is and where.
func TestAddressesAreIdentities(t *testing.T) {
	s, err := Parse(texts.Routed)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"box lan": "10.77.0.1", "box lan/6": "fd77::1", "box lan.2": "10.77.0.101", "box lan.3": "10.77.0.201",
		"box lan/6.2": "fd77::1:1", "box lan/6.3": "fd77::2:1", "box lan/link": "fe80::1", "r1 far": "fd77:1::2",
		"r1 far.2": "fd77:1::1:2", "h3 mid": "10.77.2.3", "h3 mid.2": "10.77.2.103",
		"h3 lan": "invalid IP", "h3 far/link": "invalid IP", "h3 mid/6": "invalid IP", "box way": "invalid IP",
	} {
		host, place, _ := strings.Cut(text, " ")
		p, ok := ParsePlace(place)
		if got := s.PlaceAddr(host, p); !ok || got.String() != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
	var places []string
	for _, p := range s.Places("box") {
		places = append(places, p.String())
	}
	if got := strings.Join(places, " "); got != "lan/link lan lan.2 lan.3 lan/6 lan/6.2 mid" {
		t.Errorf("box has %s", got)
	}
	for name, want := range map[string]string{"p": "fd77::1", "ann": "10.77.0.101", "bob": "10.77.2.3", "eve": "fe80::1"} {
		if got := s.ElementAddr(name); got.String() != want {
			t.Errorf("%s is found at %s, want %s", name, got, want)
		}
	}
	for name, want := range map[string]netip.Addr{"p": netip.IPv6Unspecified(), "ann": netip.IPv4Unspecified(),
		"bob": netip.MustParseAddr("10.77.2.3"), "eve": netip.IPv6Unspecified(), "x": {}} {
		if got, only := s.BindAddr(name); got != want || only != (name == "eve") {
			t.Errorf("%s binds %s, %v; want %s", name, got, only, want)
		}
	}
}

// drawTopology adds addresses and routes to a scenario's networks and hosts,
// and keeps those that make sense.
func drawTopology(t *rapid.T, s *Scenario) {
	one := func(label string, words ...string) string { return rapid.SampledFrom(words).Draw(t, label) }
	var hosts, nets []string
	for _, h := range s.Hosts {
		hosts = append(hosts, h.Name)
	}
	for _, n := range s.Nets {
		nets = append(nets, n.Name)
	}
	place := func() Place {
		return Place{one("net", nets...), rapid.SampledFrom([]Family{0, IPv6}).Draw(t, "family"),
			rapid.IntRange(0, MaxNth).Draw(t, "nth"), rapid.Bool().Draw(t, "link-local")}
	}
	for range rapid.IntRange(0, 6).Draw(t, "addrs") {
		a := HostAddr{one("host", hosts...), place(), Fate(rapid.IntRange(0, 3).Draw(t, "fate"))}
		if with := append(slices.Clone(s.Addrs), a); sensible(s, func(s *Scenario) { s.Addrs = with }) {
			s.Addrs = with
		}
	}
	for range rapid.IntRange(0, 6).Draw(t, "routes") {
		r := HostRoute{
			Host: one("host", hosts...), To: one("to", append(nets, ToAll)...),
			Family: rapid.SampledFrom([]Family{0, IPv4, IPv6}).Draw(t, "family"),
			Kind:   rapid.SampledFrom([]RouteKind{0, 0, 0, 1, 2, 3}).Draw(t, "kind"),
			Via:    one("via", append(hosts, "", "")...), On: one("on", append(nets, "", "", "")...),
			From: one("from", append(nets, "", "", "")...), Metric: rapid.SampledFrom([]uint16{0, 0, 1, 65535}).Draw(t, "metric"),
		}
		if rapid.Bool().Draw(t, "source") {
			r.Source = place()
		}
		if with := append(slices.Clone(s.Routes), r); sensible(s, func(s *Scenario) { s.Routes = with }) {
			s.Routes = with
		}
	}
}

func sensible(s *Scenario, change func(*Scenario)) bool {
	with := Scenario{Nets: s.Nets, Hosts: s.Hosts, Addrs: s.Addrs, Routes: s.Routes, Elements: s.Elements, Steps: s.Steps}
	change(&with)
	return with.Validate() == nil
}

// drawPlaces gives elements places to be found at, and adds faults.
func drawPlaces(t *rapid.T, s *Scenario) {
	for i := range s.Elements {
		e := &s.Elements[i]
		old := *e
		if places := s.Places(e.Host); rapid.Bool().Draw(t, "has place") {
			e.At = rapid.SampledFrom(places).Draw(t, "at")
		}
		e.Bind = Bind(rapid.IntRange(0, 3).Draw(t, "bind"))
		if s.Validate() != nil {
			*e = old
		}
	}
	host := func() string { return rapid.SampledFrom(s.Hosts).Draw(t, "host").Name }
	at := func(h string) Place { return rapid.SampledFrom(s.Places(h)).Draw(t, "place") }
	element := func() string { return rapid.SampledFrom(s.Elements).Draw(t, "element").Name }
	for range rapid.IntRange(0, 6).Draw(t, "faults") {
		h := host()
		p, q := at(h), at(h)
		q.Nth = rapid.IntRange(0, MaxNth).Draw(t, "nth")
		step := rapid.SampledFrom([]Step{
			SetLink{h, p.Net, rapid.Bool().Draw(t, "up")}, Assign{h, q}, Unassign{h, p}, Renumber{h, p, q},
			SetForwarding{h, rapid.Bool().Draw(t, "on")}, Freeze{h}, Thaw{h}, Kill{h}, Restart{element()},
			FillBacklog{element()}, Disconnect{element(), element()}, Silence{element(), element()}, ResetFlow{element(), element()},
			drawWithdraw(t, s),
		}).Draw(t, "fault")
		if with := append(slices.Clone(s.Steps), step); sensible(s, func(s *Scenario) { s.Steps = with }) {
			s.Steps = with
		}
	}
}

func drawWithdraw(t *rapid.T, s *Scenario) Step {
	if len(s.Routes) == 0 {
		return Kill{s.Hosts[0].Name}
	}
	r := rapid.SampledFrom(s.Routes).Draw(t, "route")
	return Withdraw{r.Host, r.To, r.From}
}

// TestEveryFaultIsDrawn: the property of the text form is about every kind of
// step that this package declares a fault.
func TestEveryFaultIsDrawn(t *testing.T) {
	seen, faults := map[reflect.Type]int{}, []Step{SetLink{}, Assign{}, Unassign{}, Renumber{}, SetForwarding{}, Freeze{},
		Thaw{}, Kill{}, Restart{}, FillBacklog{}, Disconnect{}, Silence{}, ResetFlow{}, Withdraw{}}
	gen := rapid.Custom(drawScenario)
	for seed := range 400 {
		for _, st := range gen.Example(seed).Steps {
			seen[reflect.TypeOf(st)]++
		}
	}
	for _, f := range faults {
		if n := seen[reflect.TypeOf(f)]; n < 5 {
			t.Errorf("%T was drawn %d times only", f, n)
		}
	}
}
