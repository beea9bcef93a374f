package sut

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

func TestEmbeddedDescriptions(t *testing.T) {
	if _, err := embedded(); err != nil {
		t.Fatal(err)
	}
	all := All()
	if len(all) == 0 {
		t.Fatal("no real stack comes with Greka")
	}
	for _, s := range all {
		found, err := Find(s.Name)
		if err != nil || found.Name != s.Name || found.Kind != Real || found.Description == nil {
			t.Errorf("Find(%s) = %+v, %v", s.Name, found, err)
		}
		if len(s.InstallCommand()) == 0 {
			t.Errorf("%s: nobody can install it", s.Name)
		}
	}
}

// A name never leads to a file, whatever it looks like.
func TestFind(t *testing.T) {
	for _, name := range []string{"barresip", "", "none.txtar", "testdata/good.txtar", "./baresip", "mutant/no-such"} {
		_, err := Find(name)
		want := fmt.Sprintf("unknown stack %q: know ", name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Find(%q): %v, want %q", name, err, want)
			continue
		}
		oneLine(t, err)
	}
	if _, err := Find("barresip"); err == nil || !strings.Contains(err.Error(), "baresip") {
		t.Errorf("it does not say what there is: %v", err)
	}
}

func TestIsFile(t *testing.T) {
	for name, want := range map[string]bool{
		"baresip": false, "": false, "peer": false, "mutant/stops-listening": false,
		"mine.txtar": true, "./baresip": true, "mutant/no-such": true, "../mine": true,
	} {
		if got := IsFile(name); got != want {
			t.Errorf("IsFile(%q) = %v, want %v", name, got, want)
		}
	}
}

// What a file describes is not run before somebody has allowed it.
func TestNothingRunsBeforeItIsAllowed(t *testing.T) {
	s := versionStack(t, "echo fake 1")
	s.asking = true
	s.Description.Debian = []string{"greka-no-such-package"}
	_, err := s.Installed(background)
	_, startErr := s.Start(background, nil, nil, "bob")
	installErr := s.install(background, io.Discard, true)
	for _, err := range []error{err, startErr, installErr} {
		if !errors.Is(err, ErrNotAllowed) || !strings.Contains(err.Error(), s.File) {
			t.Errorf("got %v", err)
		}
	}
	s.Allow()
	if version, err := s.Installed(background); err != nil || version != "1" {
		t.Errorf("allowed, and then: %q, %v", version, err)
	}
}

func TestFits(t *testing.T) {
	s, err := Find("baresip")
	if err != nil {
		t.Fatal(err)
	}
	deaf := *s
	callee := *s.Description
	callee.Roles = []model.Role{model.RoleCallee}
	deaf.Description = &callee
	const top = "net lan 4\nhost box lan\nhost hut lan\n"
	for _, c := range []struct {
		stack      *Stack
		text, want string
	}{
		{s, "ua bob box tcp:5072 sut\nua ann box tcp:5081", ""},
		{s, "ua bob box udp:5072 tcp:5072 sut\nua ann hut udp:5072 tcp:5073", ""},
		{s, "ua bob box tcp:5072 sut\nua ann box udp:5073", ""}, // 5073 is taken on TCP
		{s, "ua bob box udp:5071 tcp:5072 sut", "ports 5071 and 5072, but baresip has one port"},
		{s, "ua bob box tcp:5072 sut\nua ann box udp:5072", "takes udp port 5072 beside its own, where ann listens"},
		{s, "ua bob box tcp:5072 sut\nua ann box tcp:5073", "takes tcp port 5073 beside its own, where ann listens"},
		{s, "ua bob box tcp:65535 sut", "port 65536 (tls, the SIP port+1) does not exist"},
		{s, "proxy bob box tcp:5072 deliver=flow sut", "is no user agent"},
		{s, "ua carl box tcp:5072 sut", `no element "bob"`},
		{&deaf, "ua bob box tcp:5072 sut\nua ann box tcp:5081\ncall bob ann", "bob calls, which baresip cannot"},
		{&deaf, "ua bob box tcp:5072 sut\nua ann box tcp:5081\ncall ann bob", ""},
	} {
		sc, err := scenario.Parse(top + c.text + "\n")
		if err != nil {
			t.Fatal(err)
		}
		got := errorText(c.stack.Fits(&sc, "bob"))
		if got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
			t.Errorf("%s\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

// Whatever ports a scenario gives its listeners: what a stack takes besides is
// nobody else's, the same each time, and not where the kernel chooses.
func TestPortsAreDisjoint(t *testing.T) {
	d, err := load("testdata/good.txtar")
	if err != nil {
		t.Fatal(err)
	}
	s := newStack(d)
	rapid.Check(t, func(t *rapid.T) {
		sc := scenario.Scenario{Nets: []scenario.Net{{Name: "lan", Family: 4}}, Hosts: []scenario.Host{{Name: "box", Nets: []string{"lan"}}}}
		// The listeners crowd where the free ports are chosen, and have
		// room for sip+1 between them.
		for i := range rapid.IntRange(1, 60).Draw(t, "elements") {
			at := windowStart - 100 + 2*rapid.IntRange(0, 300).Draw(t, "port")
			sc.Elements = append(sc.Elements, scenario.Element{Kind: scenario.UserAgent, Name: "e" + string(rune('0'+i)), Host: "box",
				Listen: []scenario.Listen{{Transport: sip.UDP, Port: uint16(at)}}})
		}
		taken := map[scenario.Listen]string{}
		for i := range sc.Elements {
			e := &sc.Elements[i]
			taken[e.Listen[0]] = "" // several may have drawn the same
		}
		for i := range sc.Elements {
			e := &sc.Elements[i]
			first, err := s.Taken(&sc, e.Name)
			if err != nil {
				t.Skip(err) // crowded out: an error, and no wrong port
			}
			again, _ := s.Taken(&sc, e.Name)
			if len(first) != 12 || len(again) != 12 {
				t.Fatalf("%s takes %v, want its listener, 10 and 1", e.Name, first)
			}
			for k, l := range first[1:] {
				if again[k+1] != l {
					t.Fatalf("%s takes %v and then %v", e.Name, first, again)
				}
				if l.Transport == sip.TCP {
					continue // sip+1 is not chosen
				}
				if owner, ok := taken[l]; ok || l.Port < windowStart || l.Port >= windowEnd {
					t.Fatalf("%s takes %v, which is %q's", e.Name, l, owner)
				}
				taken[l] = e.Name
			}
		}
	})
}

func TestTail(t *testing.T) {
	for out, want := range map[string]string{
		"":                                "",
		"one\n\n \ntwo\n":                 "one\ntwo",
		"/\r/h\r/he\r/hel":                "/hel", // a terminal's echo
		"\x1b[31mred\x1b[;m and \x00\x07": "red and",
		"dos\r\n":                         "dos",
		"\xff\xfe\n":                      "\uFFFD\uFFFD",
		strings.Repeat("x", 1000):         strings.Repeat("x", maxLine) + "…",
	} {
		if got := tail(out, 20); got != want {
			t.Errorf("tail(%q) = %q, want %q", out, got, want)
		}
	}
	if got := lastLine("one\ntwo\n\n"); got != "two" {
		t.Errorf("the last line is %q", got)
	}
}
