package corpus

import (
	"bytes"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

const foundingCase = `Where it comes from, in two lines,
for people.

-- scenario --
` + texts.Founding + `-- expect --
baresip@1.0.0   ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp
peer@built-in   clean
mutant/x@1      ProxyTransparent DiffersFromDirect Latent - - - -
-- found --
seed   1350000000
index  17
kernel 6.1.0-25-amd64
greka  v0.1.0
-- explanation --
the Contact of bob's 200 INVITE does not accept

  on box, tcp port 40001:  ESTAB
`

func parsed(t testing.TB, text string) *Case {
	t.Helper()
	c, err := Parse("x.txtar", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseReadsEveryPart(t *testing.T) {
	c := parsed(t, foundingCase)
	if want := "Where it comes from, in two lines,\nfor people."; c.Comment != want {
		t.Errorf("comment %q, want %q", c.Comment, want)
	}
	if n := len(c.Scenario.Elements); n != 3 {
		t.Errorf("%d elements in the scenario, want 3", n)
	}
	want := []Expectation{
		{"baresip", "1.0.0", foundingSignature},
		{"peer", "built-in", model.Signature{}},
		{"mutant/x", "1", model.Signature{Claim: "ProxyTransparent", Class: model.DiffersFromDirect, Severity: model.Latent}},
	}
	if d := cmp.Diff(want, c.Expect); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(&Found{1350000000, 17, "6.1.0-25-amd64", "v0.1.0", ""}, c.Found); d != "" {
		t.Error(d)
	}
	if want := "the Contact of bob's 200 INVITE does not accept\n\n  on box, tcp port 40001:  ESTAB"; c.Explanation != want {
		t.Errorf("explanation %q, want %q", c.Explanation, want)
	}
}

var foundingSignature = model.Signature{
	Claim: "ContactAccepts", Class: model.ConnectionPort, Severity: model.Finding,
	Header: "Contact", Message: "200 INVITE", Role: "callee", Transport: "tcp",
}

func TestExpectedOfAVersionThatIsNotListedIsClean(t *testing.T) {
	c := parsed(t, foundingCase)
	for _, want := range []struct {
		stack, version string
		finding        bool
	}{
		{"baresip", "1.0.0", true},
		{"baresip", "1.0.1", false},
		{"peer", "built-in", false},
		{"linphone", "1.0.0", false},
	} {
		if sig, finding := c.Expected(want.stack, want.version); finding != want.finding || finding != (sig == foundingSignature) {
			t.Errorf("%s@%s: %v, %v", want.stack, want.version, sig, finding)
		}
	}
}

// drawCase draws cases of every shape; free text and versions are whatever a
// stack or a person may make of them.
func drawCase(t *rapid.T) *Case {
	anyText := rapid.StringOfN(rapid.OneOf(
		rapid.SampledFrom([]rune("-- \n\t ab\x1b\u2028\r\x00é")), rapid.Rune()), 0, 60, -1)
	c := &Case{
		Comment:     anyText.Draw(t, "comment"),
		Scenario:    rapid.SampledFrom(scenarios(t)).Draw(t, "scenario"),
		Explanation: anyText.Draw(t, "explanation"),
	}
	stacks := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"peer", "baresip", "mutant/contact-loopback", "x_1.7"}), 1, 4, rapid.ID)
	for _, stack := range stacks.Draw(t, "stacks") {
		c.Expect = append(c.Expect, Expectation{stack, anyText.Draw(t, "version"), drawSignature(t)})
	}
	if rapid.Bool().Draw(t, "found") {
		c.Found = &Found{rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 1<<31-1).Draw(t, "index"),
			anyText.Draw(t, "kernel"), anyText.Draw(t, "greka"), rapid.SampledFrom([]string{"", "0123456789ab"}).Draw(t, "evidence")}
	}
	return c
}

func scenarios(t interface{ Fatal(...any) }) []scenario.Scenario {
	var all []scenario.Scenario
	for _, text := range []string{
		"net lan 4\nhost box lan\nua bob box udp:5072 sut\nua ann box udp:5081\ncall ann bob\n",
		"net lan 6\nhost a lan\nhost b lan\nua bob a tcp:5072 udp:5072 sut\nua ann b tcp:5081 udp:9\ncall bob ann\n",
		"net lan 4\nhost box lan\nproxy p box tcp:5060 deliver=flow\nua bob box tcp:5072 via=p sut\nua ann box tcp:5081 via=p\nregister bob\ncall ann bob\n",
	} {
		s, err := scenario.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

// What a signature can be made of.
var (
	claimNames     = []string{"ContactAccepts", "RecordRouteAccepts", "ProxyTransparent", "LookupAgrees"}
	headerNames    = []string{"", "Contact", "Record-Route", "Via"}
	messageNames   = []string{"", "REGISTER", "INVITE", "180 INVITE", "183 INVITE", "200 INVITE", "200 REGISTER", "X-ODD", "200 X-ODD"}
	roleNames      = []string{"", "caller", "callee", "proxy"}
	transportNames = []string{"", "udp", "tcp"}
)

// drawSignature draws clean, or any signature that a verdict can have.
func drawSignature(t *rapid.T) model.Signature {
	if rapid.Bool().Draw(t, "clean") {
		return model.Signature{}
	}
	one := func(label string, from []string) string { return rapid.SampledFrom(from).Draw(t, label) }
	return model.Signature{
		Claim:     one("claim", claimNames),
		Class:     rapid.SampledFrom(classes).Draw(t, "class"),
		Severity:  rapid.SampledFrom([]model.Severity{model.Finding, model.Latent}).Draw(t, "severity"),
		Header:    one("header", headerNames),
		Message:   one("message", messageNames),
		Role:      one("role", roleNames),
		Transport: one("transport", transportNames),
	}
}

func TestParseIsTheInverseOfFormat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawCase(t)
		text := Format(c)
		got, err := Parse("x.txtar", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if d := cmp.Diff(c.Normal(), got); d != "" {
			t.Fatalf("read differently from what was written:\n%s\n%s", d, text)
		}
		if again := Format(got); !bytes.Equal(again, text) {
			t.Fatalf("written differently from what was read:\n%s", cmp.Diff(string(text), string(again)))
		}
	})
}

// What a person wrote in good order is not rearranged.
func TestFormatKeepsAWrittenCase(t *testing.T) {
	text := strings.NewReplacer("baresip@1.0.0   ", "baresip@1.0.0 ", "built-in   ", "built-in ", "mutant/x@1      ", "mutant/x@1    ").Replace(foundingCase)
	if d := cmp.Diff(text, string(Format(parsed(t, text)))); d != "" {
		t.Error(d)
	}
}

func TestParseErrorsNamePlaceFoundAndWanted(t *testing.T) {
	const sections = "the sections scenario, expect, found, explanation, once each and in this order"
	for _, x := range []struct{ name, old, new, want string }{
		{"a word of the scenario", "tcp:5072", "tcp:507x", `x.txtar:8:15: found "tcp:507x", want `},
		{"a scenario that makes no sense", "register bob", "register bab", `x.txtar:11:10: found "bab", want `},
		{"a section's name", "-- found --", "-- foond --", `x.txtar:17:4: found "foond", want one of the sections scenario, expect, found, explanation`},
		{"a section twice", "-- found --", "-- expect --", `x.txtar:17:4: found "expect", want ` + sections},
		{"sections in another order", "-- scenario --", "-- expect --", `x.txtar:4:4: found "expect", want ` + sections},
		{"no sections", foundingCase, "nothing but words\n", `x.txtar:1:1: found none, want a case with the section -- scenario --`},
		{"no expectation", foundingCase[strings.Index(foundingCase, "baresip@"):strings.Index(foundingCase, "-- found")], "", `x.txtar:14:1: found none, want a line such as baresip@1.0.0 clean`},
		{"no version", "baresip@1.0.0", "baresip", `x.txtar:14:1: found "baresip", want a stack and its version, such as baresip@1.0.0`},
		{"no such stack's name", "baresip@", "../baresip@", `x.txtar:14:1: found "../baresip@1.0.0", want a stack and its version, such as baresip@1.0.0`},
		{"a file as a stack", "baresip@", "baresip.txtar@", `x.txtar:14:1: found "baresip.txtar@1.0.0", want a stack and its version, such as baresip@1.0.0 (only the command line can name a file: greka replay --stack FILE CASE)`},
		{"a version twice", "peer@built-in", "baresip@1.0.0", `x.txtar:15:1: found "baresip@1.0.0" again, want each stack and version once`},
		{"neither clean nor a signature", "clean", "cleam", `x.txtar:15:22: found 1 words, want clean or a signature: claim, class, severity, header, message, role, transport`},
		{"a class", "ConnectionPort", "ConnectionPart", `x.txtar:14:32: found "ConnectionPart", want clean or a signature: a class such as ConnectionPort`},
		{"a class that nothing is wrong with", "ConnectionPort", "Accepting", `x.txtar:14:32: found "Accepting", want clean or a signature: a class such as ConnectionPort`},
		{"a severity", "Finding", "finding", `x.txtar:14:47: found "finding", want clean or a signature: Finding, Latent or Unexplained`},
		{"a header", "Contact 200", "Con:tact 200", `x.txtar:14:55: found "Con:tact", want clean or a signature: a header such as Contact, or -`},
		{"a message", "200 INVITE", "99 INVITE", `x.txtar:14:63: found "99 INVITE", want clean or a signature: a message such as INVITE or 200 INVITE, or -`},
		{"a role", "callee", "calle", `x.txtar:14:74: found "calle", want clean or a signature: caller, callee, proxy or -`},
		{"a transport", "callee tcp", "callee tls", `x.txtar:14:81: found "tls", want clean or a signature: a transport such as tcp, or -`},
		{"a seed", "1350000000", "-1", `x.txtar:18:8: found "-1", want a number after seed`},
		{"an index", "index  17", "index  99999999999", `x.txtar:19:8: found "99999999999", want a number after index`},
		{"a key of found", "kernel 6", "colonel 6", `x.txtar:20:1: found "colonel", want one of seed, index, kernel, greka`},
		{"a line of found that is missing", "kernel 6.1.0-25-amd64\n", "", `x.txtar:18:1: found none, want a line that begins with kernel`},
		{"a line of found twice", "index  17", "seed 17", `x.txtar:19:1: found "seed" again, want each line once`},
		{"a value too many", "v0.1.0", "v0.1.0 dirty", `x.txtar:21:6: found 2, want one value after "greka"`},
		{"a control character", "in two lines", "in \x1b[31mred", `x.txtar:1:25: found control character U+001B, want text`},
		{"a carriage return", "for people.\n", "for people\r.\n", `x.txtar:2:11: found control character U+000D, want text`},
		{"a byte that is no UTF-8", "for people", "for \xffpeople", `x.txtar:2:5: found byte 0xff, want text in UTF-8`},
	} {
		t.Run(x.name, func(t *testing.T) {
			text := strings.Replace(foundingCase, x.old, x.new, 1)
			if text == foundingCase {
				t.Fatal("nothing was changed")
			}
			_, err := Parse("x.txtar", []byte(text))
			if err == nil || !strings.HasPrefix(err.Error(), x.want) {
				t.Errorf("\ngot  %v\nwant %s", err, x.want)
			}
		})
	}
}

// oneClearLine accepts a valid case, or an error of one line with a place.
func oneClearLine(t *testing.T, what string, data []byte) {
	c, err := Parse("x.txtar", data)
	if err == nil {
		if _, err := Parse("x.txtar", Format(c)); err != nil {
			t.Fatalf("%s: accepted, but not again once written: %v", what, err)
		}
		return
	}
	if text := err.Error(); strings.ContainsAny(text, "\n\r\x1b") || len(text) > 300 || !strings.HasPrefix(text, "x.txtar:") {
		t.Fatalf("%s: no clear line: %q", what, text)
	}
}

func TestAnyByteChanged(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for i := range foundingCase {
		for _, b := range []byte{0, '\n', ' ', '-', 'z', '0', '@', 0x1b, 0xff, byte(r.Intn(256)), foundingCase[i] ^ 1, foundingCase[i] ^ 0x20} {
			data := []byte(foundingCase)
			data[i] = b
			oneClearLine(t, "a byte changed", data)
		}
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	for i := range foundingCase {
		oneClearLine(t, "truncated", []byte(foundingCase[:i]))
		oneClearLine(t, "beheaded", []byte(foundingCase[i:]))
	}
}

func TestTenMegabytesOfNoise(t *testing.T) {
	noise := make([]byte, 10<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	lines := bytes.Repeat([]byte("-- expect --\n"), len(noise)/13)
	for what, data := range map[string][]byte{"noise": noise, "markers": lines, "zeros": make([]byte, len(noise)), "a case and noise": append([]byte(foundingCase), noise...)} {
		oneClearLine(t, what, data)
		path := filepath.Join(t.TempDir(), "noise.txtar")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	oneClearLine(t, "1 MiB of markers", lines[:MaxSize])
	oneClearLine(t, "1 MiB of spaces in expect", []byte(strings.Replace(foundingCase, "clean", strings.Repeat(" ", MaxSize-2000)+"clean", 1)))
}

func TestReadFileSaysWhatItCannotRead(t *testing.T) {
	for _, path := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none.txtar"), "/dev/zero"} {
		_, err := ReadFile(path)
		if err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestReadScenarioTakesPlainOnesToo(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := scenario.Format(scenarios(t)[0])
	c, err := ReadScenario(write(plain))
	if err != nil || scenario.Format(c.Scenario) != plain || len(c.Expect) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = ReadScenario(write(foundingCase))
	if d := cmp.Diff(parsed(t, foundingCase), c); d != "" || err != nil {
		t.Error(d, err)
	}
	for text, want := range map[string]string{
		strings.Replace(plain, "udp:5072", "udp:x", 1):                      `:3:14: found "udp:x", want a port`,
		strings.Replace(foundingCase, "-- scenario --", "-- scenari --", 1): `:4:4: found "scenari", want `,
		strings.Repeat(plain, 1<<20/len(plain)+1):                           `:1:1: found more, want a case of at most 1048576 bytes`,
		"net lan 4\x1b\n": `:1:10: found control character U+001B, want text`,
	} {
		if _, err := ReadScenario(write(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("\ngot  %v\nwant %s", err, want)
		}
	}
}

func TestOwnCasesAreReadAndWellWritten(t *testing.T) {
	all, err := All()
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	for _, c := range all {
		text, err := own.ReadFile(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(text), string(Format(c.Case))); d != "" {
			t.Errorf("%s is not as Format writes it:\n%s", c.Name, d)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(foundingCase))
	f.Fuzz(func(t *testing.T, data []byte) { oneClearLine(t, "fuzzed", data) })
}

// A file that has gone through another system's editor is the same case.
func TestLinesThatEndInCRLF(t *testing.T) {
	want, err := Parse("x.txtar", []byte(foundingCase))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("x.txtar", []byte(strings.ReplaceAll(foundingCase, "\n", "\r\n")))
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Errorf("%v\n%s", err, d)
	}
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte(strings.ReplaceAll(scenario.Format(want.Scenario), "\n", "\r\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = ReadScenario(plain)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.Scenario, got.Scenario); d != "" {
		t.Error(d)
	}
}
