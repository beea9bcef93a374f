package scenario

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/table"
	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model/sip"
)

// TestParseErrors: testdata/parse.txtar says of texts what is wrong with them
// and where. In a row, " / " stands between lines.
func TestParseErrors(t *testing.T) {
	table.Run(t, "parse.txtar", func(file, in string) string {
		_, err := Parse(strings.ReplaceAll(in, " / ", "\n"))
		if err == nil {
			t.Errorf("%s: it makes sense to Parse", in)
			return "fine"
		}
		table.OneLine(t, err)
		return strings.ReplaceAll(err.Error(), firstWords(), "a first word") // the list grows with the steps
	})
}

// parseFault is what Parse promises of any text: a scenario that is valid and
// prints to a text that reads as the same one, in the same spelling for ever,
// or an error with a place in the text. sense tells which.
func parseFault(text string) (sense bool, fault error) {
	s, err := Parse(text)
	if err != nil {
		return false, placeFault(err, text)
	}
	if err := s.Validate(); err != nil {
		return true, err
	}
	return true, roundTrip(s, Format)
}

func placeFault(err error, text string) error {
	var e *ParseError
	if !errors.As(err, &e) {
		return errors.New("no ParseError: " + err.Error())
	}
	lines := strings.Split(text, "\n")
	if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+1 {
		return errors.New("no such place: " + err.Error())
	}
	word, _, _ := strings.Cut(e.Found, "…")
	if there := lines[e.Line-1][e.Column-1:]; len(e.Found) < 20 && strings.HasPrefix(e.Found, `"`) &&
		!strings.Contains(e.Found, `\`) && !strings.HasPrefix(there, strings.Trim(word, `"`)) {
		return errors.New("something else stands there: " + err.Error())
	}
	return nil
}

// TestParseFaultIsFound is the negative twin of the oracle of the fuzz target
// and of the mutation test.
func TestParseFaultIsFound(t *testing.T) {
	text := "net lan 4\nhost box lan\n"
	for _, err := range []error{
		errors.New("x"),
		&ParseError{0, 1, "a", "b"},
		&ParseError{4, 1, "a", "b"},
		&ParseError{1, 0, "a", "b"},
		&ParseError{1, 11, "a", "b"},
		&ParseError{1, 5, `"host"`, "b"},
	} {
		if placeFault(err, text) == nil {
			t.Errorf("%v was believed", err)
		}
	}
	if err := placeFault(&ParseError{2, 6, `"box"`, "b"}, text); err != nil {
		t.Error(err)
	}
}

// TestParseMutations changes every single byte of two scenarios to each of many
// others, drops it, doubles it, and truncates the text at it.
func TestParseMutations(t *testing.T) {
	good, bad := 0, 0
	try := func(text string) {
		sense, err := parseFault(text)
		if err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		if sense {
			good++
		} else {
			bad++
		}
	}
	for _, text := range []string{texts.Founding, wide} {
		for i := range text {
			for _, b := range "\x00\n #-09:=ap\u00ff" {
				try(text[:i] + string(b) + text[i+1:])
			}
			for bit := range 8 {
				try(text[:i] + string([]byte{text[i] ^ 1<<bit}) + text[i+1:])
			}
			try(text[:i] + text[i+1:])
			try(text[:i] + text[i:i+1] + text[i:])
			try(text[:i])
		}
	}
	if good < 1000 || bad < 5000 {
		t.Errorf("%d mutants make sense and %d do not: are they mutants?", good, bad)
	}
}

// TestParseNoise: however much noise, one short line says so.
func TestParseNoise(t *testing.T) {
	noise := make([]byte, 10<<20)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(noise)
	for name, text := range map[string]string{
		"10 MB":            string(noise),
		"a long comment":   texts.Founding + "#" + strings.Repeat("x", MaxText),
		"10 MB of letters": strings.Repeat("x", 10<<20),
		"1 MB of noise":    string(noise[:MaxText]),
		"one word":         strings.Repeat("x", MaxText),
		"one long name":    "net " + strings.Repeat("x", MaxText-10),
		"NULs":             strings.Repeat("\x00", MaxText),
		"blanks":           strings.Repeat(" ", MaxText),
		"line ends":        strings.Repeat("\n", MaxText),
		"a comment":        "#" + strings.Repeat("\x1b[31m", 1000),
		"many nets":        strings.Repeat("net a 4\n", 1000),
		"many listeners":   "net a 4\nhost h a\nua u h" + strings.Repeat(" tcp:1", 1000),
		"many networks":    "net a 4\nhost h" + strings.Repeat(" a", 100000),
		"many options":     "net a 4\nhost h a\nua u h tcp:1" + strings.Repeat(" sut", 100000),
	} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%s: it makes sense", name)
			continue
		}
		table.OneLine(t, err)
		if len(text) <= MaxText {
			if err := placeFault(err, text); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestParseLargest: the largest scenario there is, with the longest names,
// prints to a text that Parse still reads.
func TestParseLargest(t *testing.T) {
	long := func(prefix string, i int) string {
		return (prefix + strconv.Itoa(i) + strings.Repeat("-x", 16))[:32]
	}
	var s Scenario
	for i := range MaxNets {
		s.Nets = append(s.Nets, Net{Name: long("n", i), Family: IPv6, LinkLocal: true})
	}
	for i := range MaxHosts {
		h := Host{Name: long("h", i), Router: true, ReversePath: ReversePathStrict}
		for k := range maxAttached {
			h.Nets = append(h.Nets, s.Nets[k].Name)
		}
		s.Hosts = append(s.Hosts, h)
	}
	for i := range MaxAddrs {
		s.Addrs = append(s.Addrs, HostAddr{s.Hosts[i].Name, Place{Net: s.Nets[0].Name, Nth: 1}, Deprecated})
	}
	for i := range MaxRoutes {
		at := Place{Net: s.Nets[0].Name, Nth: 1}
		s.Routes = append(s.Routes, HostRoute{s.Hosts[i].Name, s.Nets[99].Name, IPv6, Unicast, s.Hosts[i+1].Name,
			s.Nets[1].Name, s.Nets[0].Name, at, 60000})
	}
	for i := range MaxElements {
		e := Element{Kind: Proxy, Name: long("e", i), Host: s.Hosts[i%MaxHosts].Name, Stack: strings.Repeat("s", 64)}
		e.Deliver, e.RecordRoute = DeliverContact, true
		if i > 0 {
			e.Kind, e.Deliver, e.RecordRoute, e.Via = UserAgent, 0, false, s.Elements[0].Name
		}
		e.At, e.Bind = Place{Net: s.Nets[0].Name, Nth: 1}, BindAny6Only
		for k := range maxListen {
			e.Listen = append(e.Listen, Listen{sip.TCP, uint16(65535 - 16*(i/MaxHosts) - k)})
		}
		s.Elements = append(s.Elements, e)
	}
	for range MaxSteps {
		s.Steps = append(s.Steps, Call{s.Elements[1].Name, s.Elements[2].Name, sip.TCP, true, Callee})
	}
	if err := roundTrip(s, Format); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d of %d bytes", len(Format(s)), MaxText)
}

// TestParseTooMany: one more of anything is one too many.
func TestParseTooMany(t *testing.T) {
	lines := func(format string, n int) (text string) {
		for i := range n {
			text += strings.ReplaceAll(format, "#", strconv.Itoa(i+1)) + "\n"
		}
		return text
	}
	const top = "net a 4\nhost h a\nua x h tcp:65535\nua y h tcp:65534\n"
	for want, text := range map[string]string{
		"257:1: found \"257 nets\"":       lines("net n# 4", MaxNets+1) + "host h n1\n",
		"1018:1: found \"1017 hosts\"":    "net a 4\n" + lines("host h# a", MaxHosts+1),
		"256:11: found \"a\"":             "net a 4\n" + lines("host h# a", 255),
		"1003:1: found \"1001 elements\"": "net a 4\nhost h a\n" + lines("ua u# h tcp:#", MaxElements+1),
		"4005:1: found \"4001 steps\"":    top + lines("call x y", MaxSteps+1),
		"18:63: found \"n17\"":            lines("net n# 4", 17) + "host h" + strings.ReplaceAll(lines(" n#", 17), "\n", ""),
	} {
		if _, err := Parse(text); err == nil || !strings.HasPrefix(err.Error(), "scenario:"+want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// FuzzScenarioText: any text that parses prints to something that parses to
// the same, and any other ends in one line that names a place in it.
func FuzzScenarioText(f *testing.F) {
	f.Add(texts.Founding)
	f.Add(wide)
	for _, s := range table.Inputs(f, "parse.txtar") {
		f.Add(strings.ReplaceAll(s, " / ", "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		sense, err := parseFault(text)
		if err != nil {
			t.Error(err)
		}
		if _, err := Parse(text); !sense {
			table.OneLine(t, err)
		}
	})
}
