package props

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/plain"
)

// aFinding is what a hunt might tell of baresip.
func aFinding() *Finding {
	return &Finding{
		Event: "finding", Stack: "baresip", Version: "1.0.0",
		Signature: model.Signature{Claim: "ContactAccepts", Class: model.ConnectionPort, Severity: model.Finding,
			Header: "Contact", Message: "200 INVITE", Role: "callee", Transport: "tcp"},
		Title:    "ConnectionPort: the Contact of bob's 200 INVITE does not accept",
		Scenario: "host box lan\nua   bob box tcp:5072\n\nregister bob\n",
		Explanation: "  Contact: <sip:bob-0x5607@10.77.0.1:40001;transport=tcp>\n" +
			"  ann sends her ACK there herself\n\n" +
			"  probe from ann:          connection refused\n" +
			"  in fairness:             p sent the call down bob's own connection, as proxies do for clients behind NAT",
		CaseFile: "out/baresip/contact-connection-port-200-invite-tcp.txtar",
	}
}

func printed(width int, color bool, fs ...*Finding) string {
	var b strings.Builder
	p := &Printer{W: &b, Width: width, Color: color}
	for _, f := range fs {
		p.Finding(f)
	}
	return b.String()
}

func TestPrintedFinding(t *testing.T) {
	other := aFinding()
	other.Title, other.Message = "ConnectionPort: the Contact of bob's REGISTER does not accept", "REGISTER"
	other.CaseFile = "out of here/it's.txtar"
	want := `ConnectionPort: the Contact of bob's 200 INVITE does not accept            baresip 1.0.0

  Contact: <sip:bob-0x5607@10.77.0.1:40001;transport=tcp>
  ann sends her ACK there herself

  probe from ann:          connection refused
  in fairness:             p sent the call down bob's own connection, as proxies do for clients
                           behind NAT

  scenario (3 lines)
    host box lan
    ua   bob box tcp:5072

    register bob
  replay:  greka replay out/baresip/contact-connection-port-200-invite-tcp.txtar

ConnectionPort: the Contact of bob's REGISTER does not accept              baresip 1.0.0
  the same kind as above, over tcp; its case explains it
  replay:  greka replay 'out of here/it'\''s.txtar'

`
	if d := cmp.Diff(want, printed(0, false, aFinding(), other)); d != "" {
		t.Error(d)
	}
}

// Another class, another role or another stack is shown in full again.
func TestOnlyTheSameGiverAndClassIsGrouped(t *testing.T) {
	for what, change := range map[string]func(*Finding){
		"class": func(f *Finding) { f.Class = model.Closed },
		"role":  func(f *Finding) { f.Role = "caller" },
		"stack": func(f *Finding) { f.Stack = "linphone" },
	} {
		other := aFinding()
		change(other)
		if out := printed(0, false, aFinding(), other); strings.Contains(out, "kind as above") || strings.Count(out, "scenario (3 lines)") != 2 {
			t.Errorf("%s: %s", what, out)
		}
	}
}

func TestPrintedOnANarrowTerminal(t *testing.T) {
	out := printed(60, true, aFinding())
	for _, want := range []string{
		"\x1b[1;31mConnectionPort:\x1b[0;1m the Contact of bob's 200 INVITE does not\x1b[0m\naccept\n" + strings.Repeat(" ", 47) + "baresip 1.0.0\n",
		"  in fairness:             p sent the call down bob's own\n                           connection, as proxies do for\n                           clients behind NAT\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
}

// Whatever a stack writes into its headers, it stays in its line, reaches no
// terminal as a command, and is all there.
func TestForeignTextStaysText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := aFinding()
		raw := rapid.StringOfN(rapid.OneOf(rapid.SampledFrom([]rune("ab  :é\t\x1b\x00\u2028\u202e")), rapid.Rune()), 0, 200, -1).Draw(t, "raw")
		f.Explanation = "  Contact: " + raw + "\xff"
		f.Title += raw
		width := rapid.IntRange(20, 120).Draw(t, "width")
		out := printed(width, false, f)
		for _, r := range out {
			if r != '\n' && plain.Spelled(string(r)) != string(r) {
				t.Fatalf("%U in %q", r, out)
			}
		}
		if squeeze := strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace; !strings.Contains(squeeze(out), squeeze(plain.Spelled(strings.ReplaceAll(raw, "\n", "")))) {
			t.Fatalf("%q is not in %q", raw, out)
		}
	})
}

func TestWrappedLinesFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(30, 120).Draw(t, "width")
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z:]{1,9}`), 1, 60).Draw(t, "words")
		line := strings.Repeat(" ", rapid.IntRange(0, 8).Draw(t, "indent")) + rapid.SampledFrom([]string{"", "label:  ", "a longer label here:     "}).Draw(t, "label") + strings.Join(words, " ")
		var b strings.Builder
		(&Printer{W: &b, Width: width}).wrapped(line)
		for _, l := range strings.Split(b.String(), "\n") {
			if columns(l) > width {
				t.Fatalf("%d columns on %d: %q", columns(l), width, l)
			}
		}
		if got := strings.Join(strings.Fields(b.String()), " "); got != strings.Join(strings.Fields(line), " ") {
			t.Fatalf("%q became %q", line, got)
		}
	})
}

func TestPrintedSummary(t *testing.T) {
	sig := aFinding().Signature
	sig.Severity, sig.Message = model.Latent, "180 INVITE"
	s := &Summary{
		Stack: "baresip", Version: "1.0.0", Seed: 7, Cases: 200, Twins: 11, Steps: 458, Seconds: 8.04, CasesPerSecond: 28.97,
		Broken: 1, Inconclusive: 2, LookupDisagreements: 3, Latent: 12, Latents: []Count{{sig, 12}},
		Judged:   map[JudgedKey]int{{"ContactAccepts", "udp", "callee"}: 5, {"ContactAccepts", "tcp", "callee"}: 6, {"SocketsAgree", "", ""}: 9},
		Findings: []*Finding{aFinding()}, Unconfirmed: []model.Signature{sig},
	}
	var b strings.Builder
	(&Printer{W: &b}).Summary(s)
	want := `baresip 1.0.0: 1 finding
  played:   200 scenarios and 11 direct twins, 458 steps, in 8.0 s (29.0 a second without minimising), seed 7
  judged:   ContactAccepts 11 (tcp callee 6, udp callee 5)
            SocketsAgree 9
  trouble:  1 broken, 2 inconclusive, 3 look-ups that disagree with their probe
  latent:   12 verdicts; the rule is broken, but nobody in these scenarios is hurt
               12  ContactAccepts ConnectionPort Latent Contact 180 INVITE callee tcp
  seen, but not confirmed: ContactAccepts ConnectionPort Latent Contact 180 INVITE callee tcp
  found:    ConnectionPort, of the callee
            Contact  200 INVITE  tcp  out/baresip/contact-connection-port-200-invite-tcp.txtar
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	for _, x := range []struct {
		s    Summary
		want string
	}{
		{Summary{}, "nothing found"},
		{Summary{Findings: []*Finding{aFinding(), aFinding()}}, "2 findings"},
		{Summary{Interrupted: true}, "nothing found until it was interrupted"},
		{Summary{EmptyRun: "a reason"}, "nothing found, and the run proves nothing: a reason"},
	} {
		if got := x.s.verdict(); got != x.want {
			t.Errorf("%q, want %q", got, x.want)
		}
	}
}

// The names are an interface: programs read them.
func TestJSONNames(t *testing.T) {
	names := func(v any) map[string]bool {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if err := json.Unmarshal(data, &object); err != nil {
			t.Fatal(err)
		}
		set := map[string]bool{}
		for name := range object {
			set[name] = true
		}
		return set
	}
	for what, x := range map[string]struct {
		value any
		names string
	}{
		"finding":  {aFinding(), "event stack version claim class severity header message role transport title scenario explanation case_file seed index"},
		"summary":  {&Summary{}, "event stack version seed cases twins steps seconds cases_per_second broken inconclusive lookup_disagreements latent judged findings unexplained"},
		"scenario": {&ScenarioEvent{}, "event stack version seed index result scenario"},
	} {
		want := map[string]bool{}
		for _, n := range strings.Fields(x.names) {
			want[n] = true
		}
		if d := cmp.Diff(want, names(x.value)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	data, err := json.Marshal(&Summary{Judged: map[JudgedKey]int{{"ContactAccepts", "tcp", "callee"}: 5, {"SocketsAgree", "", ""}: 6}, Findings: []*Finding{}})
	if err != nil || !strings.Contains(string(data), `"judged":{"ContactAccepts tcp callee":5,"SocketsAgree":6},"findings":[]`) {
		t.Errorf("%s, %v", data, err)
	}
}
