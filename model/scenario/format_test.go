package scenario

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/sip"
)

// wide has everything in it that the SIP part of the grammar has.
const wide = `net   lan    4
net   far    6
host  box    lan far
host  h2     far
proxy p      box udp:5060 tcp:5060 deliver=contact record-route
proxy proxy2 h2  tcp:65535         deliver=flow stack=kamailio
ua    bob    box tcp:5072 udp:1    via=p sut
ua    ann    h2  tcp:5081 udp:5082 via=proxy2 stack=mutant/contact-from-connection
ua    eve    h2  udp:5081

register bob tcp
register ann
register ann via=p
call     ann bob
call     eve ann udp
call     bob ann tcp over=flow hangup=callee
`

func TestFormatFounding(t *testing.T) {
	want := Scenario{
		Nets:  []Net{{Name: "lan", Family: IPv4}},
		Hosts: []Host{{Name: "box", Nets: []string{"lan"}}},
		Elements: []Element{
			{Kind: Proxy, Name: "p", Host: "box", Listen: []Listen{{sip.TCP, 5060}}, Deliver: DeliverFlow},
			{Kind: UserAgent, Name: "bob", Host: "box", Listen: []Listen{{sip.TCP, 5072}}, Via: "p", SUT: true},
			{Kind: UserAgent, Name: "ann", Host: "box", Listen: []Listen{{sip.TCP, 5081}}, Via: "p"},
		},
		Steps: []Step{Register{UA: "bob"}, Call{From: "ann", To: "bob"}},
	}
	got, err := Parse(texts.Founding)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if text := Format(want); text != texts.Founding {
		t.Errorf("got\n%swant\n%s", text, texts.Founding)
	}
}

func TestFormatIsCanonical(t *testing.T) {
	for _, text := range []string{texts.Founding, wide, "net  lan 4\nhost h   lan\n"} {
		s, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(text, Format(s)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestFormatForgives: blanks, comments, foreign line ends, declarations in
// another order and options in another order make no difference.
func TestFormatForgives(t *testing.T) {
	const loose = "# the call of October 2012\r\n\n" +
		"ua bob box tcp:5072 sut via=p # judged\n" +
		"\tproxy  p  box\ttcp:5060 deliver=flow\n" +
		"host box lan #\r\nnet lan 4\n" +
		"register bob\n# and then\ncall ann bob\n"
	_, err := Parse(loose)
	var e *ParseError
	if !errors.As(err, &e) || e.Line != 9 || e.Found != `"ann"` {
		t.Fatalf("ann is nowhere: %v", err)
	}
	s, err := Parse("ua ann box tcp:5081 via=p\n" + loose)
	if err != nil {
		t.Fatal(err)
	}
	const want = `net   lan 4
host  box lan
ua    ann box tcp:5081 via=p
ua    bob box tcp:5072 via=p sut
proxy p   box tcp:5060 deliver=flow

register bob
call     ann bob
`
	if diff := cmp.Diff(want, Format(s)); diff != "" {
		t.Error(diff)
	}
}

// TestParseFormat is the project's first property: what Format prints, Parse
// reads as the same scenario.
func TestParseFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScenario(t)
		if err := s.Validate(); err != nil {
			t.Fatalf("the generator drew nonsense: %v\n%s", err, Format(s))
		}
		if err := roundTrip(s, Format); err != nil {
			t.Fatal(err)
		}
	})
}

func roundTrip(s Scenario, format func(Scenario) string) error {
	text := format(s)
	back, err := Parse(text)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	if !reflect.DeepEqual(s, back) {
		return fmt.Errorf("%s\n%s", text, cmp.Diff(s, back))
	}
	return nil
}

// TestRoundTripNotices is the negative twin: a Format that forgets one thing,
// whatever it is, is found out.
func TestRoundTripNotices(t *testing.T) {
	s, err := Parse(wide)
	if err != nil {
		t.Fatal(err)
	}
	for name, forget := range map[string]func(*Scenario){
		"family":       func(s *Scenario) { s.Nets[1].Family = IPv4 },
		"network":      func(s *Scenario) { s.Hosts[0].Nets = s.Hosts[0].Nets[:1] },
		"listener":     func(s *Scenario) { s.Elements[0].Listen = s.Elements[0].Listen[1:] },
		"deliver":      func(s *Scenario) { s.Elements[0].Deliver = DeliverFlow },
		"record-route": func(s *Scenario) { s.Elements[0].RecordRoute = false },
		"sut":          func(s *Scenario) { s.Elements[2].SUT = false },
		"stack":        func(s *Scenario) { s.Elements[3].Stack = "" },
		"transport":    func(s *Scenario) { s.Steps[0] = Register{UA: "bob"} },
		"flow":         func(s *Scenario) { s.Steps[4] = Call{From: "bob", To: "ann", Transport: sip.TCP, Hangup: Callee} },
		"hangup":       func(s *Scenario) { s.Steps[4] = Call{From: "bob", To: "ann", Transport: sip.TCP, OverFlow: true} },
		"step":         func(s *Scenario) { s.Steps = s.Steps[:4] },
	} {
		forgetful := func(Scenario) string {
			other, _ := Parse(wide)
			forget(&other)
			return Format(other)
		}
		if roundTrip(s, forgetful) == nil {
			t.Errorf("nobody noticed that the %s is gone", name)
		}
	}
	if err := roundTrip(s, Format); err != nil {
		t.Error(err)
	}
}

// drawScenario draws any valid scenario of the SIP steps, also ones that no
// hunt would play.
func drawScenario(t *rapid.T) Scenario {
	var s Scenario
	for _, name := range drawNames(t, "nets", 3) {
		n := Net{Name: name, Family: rapid.SampledFrom([]Family{IPv4, IPv6, DualStack}).Draw(t, "family")}
		n.LinkLocal = n.Family != IPv4 && rapid.Bool().Draw(t, "link-local")
		s.Nets = append(s.Nets, n)
	}
	for _, name := range drawNames(t, "hosts", 4) {
		n := rapid.IntRange(1, len(s.Nets)).Draw(t, "attached")
		h := Host{Name: name, Router: rapid.Bool().Draw(t, "router")}
		h.ReversePath = ReversePath(rapid.IntRange(0, 2).Draw(t, "rp_filter"))
		for _, net := range rapid.Permutation(s.Nets).Draw(t, "nets")[:n] {
			h.Nets = append(h.Nets, net.Name)
		}
		s.Hosts = append(s.Hosts, h)
	}
	drawElements(t, &s)
	drawTopology(t, &s)
	drawSteps(t, &s)
	drawPlaces(t, &s)
	return s
}

func drawNames(t *rapid.T, label string, most int) []string {
	names := rapid.OneOf(rapid.StringMatching(`[a-z][a-z0-9-]{0,31}`), rapid.StringMatching(`[a-c]`))
	return rapid.SliceOfNDistinct(names, 1, most, rapid.ID[string]).Draw(t, label)
}

func drawElements(t *rapid.T, s *Scenario) {
	taken := map[hostListen]bool{}
	var proxies []string
	for _, name := range drawNames(t, "elements", 6) {
		e := Element{Name: name, Host: rapid.SampledFrom(s.Hosts).Draw(t, "host").Name}
		e.Listen = drawListen(t, e.Host, taken)
		e.Kind = rapid.SampledFrom([]Kind{Proxy, UserAgent}).Draw(t, "kind")
		if e.Kind == Proxy {
			e.Deliver = rapid.SampledFrom([]Deliver{DeliverContact, DeliverFlow}).Draw(t, "deliver")
			e.RecordRoute = rapid.Bool().Draw(t, "record-route")
			proxies = append(proxies, name)
		}
		if first := e.Listen[0].Transport; !slices.ContainsFunc(e.Listen, func(l Listen) bool { return l.Transport != first }) && rapid.Bool().Draw(t, "lacks") {
			e.Lacks = sip.UDP + sip.TCP - first
		}
		if e.SUT = s.SUT() == nil && rapid.Bool().Draw(t, "sut"); !e.SUT {
			e.Stack = rapid.SampledFrom([]string{"", "peer", "baresip", "mutant/contact-0", "x_1.2-3"}).Draw(t, "stack")
		}
		s.Elements = append(s.Elements, e)
	}
	for i := range s.Elements { // the proxy may stand behind its user agents
		if e := &s.Elements[i]; e.Kind == UserAgent && len(proxies) > 0 && rapid.Bool().Draw(t, "has proxy") {
			e.Via = rapid.SampledFrom(proxies).Draw(t, "via")
		}
	}
}

func drawListen(t *rapid.T, host string, taken map[hostListen]bool) (list []Listen) {
	for n := rapid.IntRange(1, 3).Draw(t, "listeners"); len(list) < n; {
		l := Listen{rapid.SampledFrom(sip.Transports).Draw(t, "transport"), rapid.Uint16Range(1, 65535).Draw(t, "port")}
		for taken[hostListen{host, l.Transport.Carrier(), l.Port}] {
			l.Port = l.Port%65535 + 1
		}
		taken[hostListen{host, l.Transport.Carrier(), l.Port}] = true
		list = append(list, l)
	}
	return list
}

// drawSteps draws steps and keeps those that make sense.
func drawSteps(t *rapid.T, s *Scenario) {
	names, registrars := []string{}, []string{"", ""}
	for _, e := range s.Elements {
		if e.Kind == UserAgent {
			names = append(names, e.Name)
		} else {
			registrars = append(registrars, e.Name)
		}
	}
	transport := rapid.SampledFrom([]sip.Transport{0, sip.UDP, sip.TCP})
	for n := rapid.IntRange(0, 8).Draw(t, "steps"); n > 0 && len(names) > 0; n-- {
		step := Step(Register{UA: rapid.SampledFrom(names).Draw(t, "ua"), Transport: transport.Draw(t, "transport"),
			Via: rapid.SampledFrom(registrars).Draw(t, "registrar")})
		if rapid.Bool().Draw(t, "call") {
			step = Call{
				From: rapid.SampledFrom(names).Draw(t, "from"), To: rapid.SampledFrom(names).Draw(t, "to"),
				Transport: transport.Draw(t, "transport"), OverFlow: rapid.Bool().Draw(t, "over flow"),
				Hangup: rapid.SampledFrom([]Side{Caller, Callee}).Draw(t, "hangup"),
			}
		}
		one := *s
		if one.Steps = []Step{step}; one.Validate() == nil {
			s.Steps = append(s.Steps, step)
		}
	}
}

// TestDrawScenarioIsWide: a generator that never draws a thing proves nothing
// about it.
func TestDrawScenarioIsWide(t *testing.T) {
	seen := map[string]int{}
	gen := rapid.Custom(drawScenario)
	for seed := range 600 {
		s := gen.Example(seed)
		for _, word := range strings.Fields(Format(s)) {
			key, _, _ := strings.Cut(word, ":")
			key, _, _ = strings.Cut(key, "=")
			seen[key]++
		}
	}
	for _, word := range []string{"net", "host", "proxy", "ua", "udp", "tcp", "deliver", "record-route", "sut",
		"stack", "via", "4", "6", "register", "call", "over", "hangup", "46", "link-local", "router", "rp_filter",
		"addr", "tentative", "duplicate", "deprecated", "route", "default", "unreachable", "prohibit", "blackhole",
		"on", "from", "source", "family", "metric", "at", "bind"} {
		if seen[word] < 10 {
			t.Errorf("%s was drawn %d times only", word, seen[word])
		}
	}
}
