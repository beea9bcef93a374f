package linux

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// TestPorts plays the table in testdata/ports.txtar in the model alone. Package
// props/kernel plays the same table and a great deal more against Linux.
func TestPorts(t *testing.T) {
	table, err := txtar.ParseFile(filepath.Join("testdata", "ports.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range table.Files {
		t.Run(f.Name, func(t *testing.T) { portsCase(t, string(f.Data)) })
	}
}

func portsCase(t *testing.T, text string) {
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	steps := map[string]bool{}
	for _, st := range s.Steps {
		steps[scenario.Word(st)] = true
	}
	p := NewPorts(&s)
	next := 0
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || !steps[f[0]] {
			continue
		}
		want := OK
		if _, comment, ok := strings.Cut(line, "# "); ok {
			want = Errno(comment)
		}
		if got := p.Apply(s.Steps[next], 0); got.Errno != want || got.Undecided != "" {
			t.Errorf("%s: got %q %s", line, got.Errno, got.Undecided)
		}
		next++
	}
	for _, line := range strings.Split(text, "\n") {
		switch f := strings.Fields(line); {
		case strings.HasPrefix(line, "#role "):
			if got := p.Role(f[1]).String(); got != strings.Join(f[2:], " ") {
				t.Errorf("%s: got %s", line, got)
			}
		case strings.HasPrefix(line, "#takes "):
			tr, _ := sip.ParseTransport(f[2])
			r := p.Lookup(f[1], tr.Carrier(), netip.AddrPortFrom(s.Addr(f[1], "lan"), 0), netip.MustParseAddrPort(f[3]))
			got := "-"
			if r.Socket != nil {
				got = r.Socket.Owner
			}
			if got != f[4] {
				t.Errorf("%s: got %s (%s)", line, got, r.Rule)
			}
		}
	}
}

// TestMistakesDiffer says that each mistake changes what the model says of
// something in corpus/kernel; there, package props/kernel shows that the
// kernel sides with the reference model.
func TestMistakesDiffer(t *testing.T) {
	for _, m := range Mistakes() {
		file, err := txtar.ParseFile(filepath.Join("..", "..", "corpus", "kernel", m.String()+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		s, err := scenario.Parse(string(file.Files[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		if played(&s, NoMistake) == played(&s, m) {
			t.Errorf("%s: its case does not tell it from the reference model", m)
		}
	}
}

func played(s *scenario.Scenario, m Mistake) string {
	var b strings.Builder
	p := NewPorts(s).Wrong(m)
	for _, st := range s.Steps {
		b.WriteString(string(p.Apply(st, 0).Errno) + ";")
		snap := p.Snapshot()
		for _, h := range snap.Hosts {
			for _, o := range h.Sockets {
				b.WriteString(o.State.String() + " " + o.Local.String() + " " + string(rune('0'+o.Queue)) + o.Owner + ",")
			}
		}
	}
	return b.String()
}

// TestPortRules says that every rule has a text and names the kernel's
// function, and that no two are the same.
func TestPortRules(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range PortRules() {
		if r.Text == "" || r.Kernel == "" || seen[r.Text] {
			t.Errorf("rule %d: %q (%s)", i, r.Text, r.Kernel)
		}
		seen[r.Text] = true
	}
}

// TestPortsClone says that what happens to a copy does not happen to the
// original.
func TestPortsClone(t *testing.T) {
	s, err := scenario.Parse("net lan 4\nhost a lan\nsocket l a tcp 4\nbind l 0.0.0.0:5060\nlisten l 1\nsocket d a tcp 4\ndial d 127.0.0.1:5060\n")
	if err != nil {
		t.Fatal(err)
	}
	p := NewPorts(&s)
	for _, st := range s.Steps {
		p.Apply(st, 0)
	}
	c := p.Clone()
	c.Apply(scenario.AcceptSocket{Listener: "l", Name: "c"}, 0)
	c.Apply(scenario.CloseSocket{Socket: "l"}, 0)
	if l, ok := p.Socket("l"); !ok || l.State != StateListen || l.Queue != 1 {
		t.Errorf("the original has %+v", l)
	}
	if _, ok := c.Socket("l"); ok {
		t.Error("the copy still has what was closed")
	}
}
