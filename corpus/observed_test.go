package corpus

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model"
)

// observedText is an observation's file with a direct twin.
const observedText = `-- stack --
baresip@1.0.0
-- scenario --
` + texts.Founding + `-- verdicts --
step 2: ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp
-- observation --
{
"adverts": [
  {"header":"Contact","giver":"bob","step":1}
]
}
-- direct scenario --
net  lan 4
host box lan
ua   bob box tcp:5072 sut
ua   ann box tcp:5081

call ann bob
-- direct observation --
{
"broken": "a harness that fails"
}
`

func TestParseObserved(t *testing.T) {
	o, err := ParseObserved("x.observation", []byte(observedText))
	if err != nil {
		t.Fatal(err)
	}
	if o.Stack != "baresip" || o.Version != "1.0.0" || len(o.Scenario.Steps) != 2 || len(o.Observation.Adverts) != 1 ||
		len(o.Verdicts) != 1 || len(o.Direct.Scenario.Steps) != 1 || o.Direct.Observation.Broken == "" {
		t.Errorf("%+v", o)
	}
	again, err := FormatObserved(o)
	if d := cmp.Diff(observedText, string(again)); d != "" || err != nil {
		t.Error(d, err)
	}
}

func TestParseObservedErrors(t *testing.T) {
	for _, x := range []struct{ old, new, want string }{
		{"-- stack --\n", "", "x:2:4: found \"scenario\", want the sections stack, scenario"},
		{observedText, "words\n", "x:1:1: found none, want an observation with the section -- stack --"},
		{"baresip@1.0.0", "baresip", `x:2:1: found "baresip", want one stack and its version, such as baresip@1.0.0`},
		{"baresip@1.0.0", "./x.txtar@1.0.0", "x:2:1: found"},
		{"tcp:5072 via=p", "tcp:x via=p", "x:7:"},
		{`"step":1`, `"step":2`, "x:17:3: found adverts[0]: step 2: the scenario has 2, want an observation of the scenario above"},
		{"-- direct observation --\n{\n\"broken\": \"a harness that fails\"\n}\n", "", "x:21:1: found the end, want the section -- direct observation --"},
		{"-- verdicts --", "-- words --", "x:12:4: found"},
		{"a harness", "a\x1b harness", "x:29:13:"},
	} {
		text := strings.Replace(observedText, x.old, x.new, 1)
		_, err := ParseObserved("x", []byte(text))
		var e *SyntaxError
		if !errors.As(err, &e) || !strings.HasPrefix(err.Error(), x.want) {
			t.Errorf("%q: %v, want %s", x.new, err, x.want)
		}
	}
}

// Beside a case its observation is found, under its mark or its name; and one
// that is not the case's is told.
func TestReadObservedBesideACase(t *testing.T) {
	observed := observedText[:strings.Index(observedText, "-- direct")]
	path, _ := writeWith(t, t.TempDir(), 1, Evidence{Observation: []byte(observed), Log: []byte("log")})
	if _, err := ReadObserved(path); err == nil || !strings.Contains(err.Error(), "not of this case's scenario") {
		t.Errorf("another scenario's: %v", err)
	}
	if e, err := ReadEvidence(path); err != nil || string(e.Observation) != observed {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 3 {
		t.Errorf("%v, %v", entries, err)
	}
	plain := filepath.Join(t.TempDir(), "case.txtar")
	if err := os.WriteFile(plain, []byte(foundingCase), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadObserved(plain); err == nil || !strings.Contains(err.Error(), "no observation is kept beside it") {
		t.Errorf("none: %v", err)
	}
	beside := strings.TrimSuffix(plain, ".txtar") + ".observation"
	if err := os.WriteFile(beside, []byte(observed), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{plain, beside} {
		if o, err := ReadObserved(file); err != nil || o.Stack != "baresip" {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// FuzzParseObserved: whatever is read can be written and read again.
func FuzzParseObserved(f *testing.F) {
	f.Add(observedText)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseObserved("x", []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		again, err := FormatObserved(o)
		if err != nil {
			if len(text) < model.MaxObservation/8 {
				t.Error(err)
			}
			return
		}
		if _, err := ParseObserved("x", again); err != nil {
			t.Error(err)
		}
	})
}
