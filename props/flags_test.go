package props

import (
	"flag"
	"strings"
	"testing"
	"time"
)

// The names are rapid's, which defines them.
func TestCommandLineIsHeard(t *testing.T) {
	flags := flag.NewFlagSet("test", flag.PanicOnError)
	for _, name := range []string{"rapid.checks", "rapid.seed"} {
		if f := flag.Lookup(name); f == nil {
			t.Errorf("rapid has no flag -%s", name)
		}
		flags.Uint64(name, 100, "")
	}
	code := Config{Seed: 1, Time: time.Hour}
	if c := code.askedBy(flags, false); c.Checks != 0 || c.Time != time.Hour || c.Seed != 1 {
		t.Errorf("nothing is asked for: %+v", c)
	}
	if c := code.askedBy(flags, true); c.Checks != 0 || c.Time != time.Hour/shorter {
		t.Errorf("a shorter time: %+v", c)
	}
	if c := (Config{}).askedBy(flags, true); c.Checks != defaultChecks/shorter {
		t.Errorf("fewer checks: %+v", c)
	}
	if err := flags.Parse([]string{"-rapid.checks=70", "-rapid.seed=9"}); err != nil {
		t.Fatal(err)
	}
	if c := code.askedBy(flags, false); c.Checks != 70 || c.Time != 0 || c.Seed != 9 {
		t.Errorf("checks and seed: %+v", c)
	}
	if c := code.askedBy(flags, true); c.Checks != 70/shorter || c.Seed != 9 {
		t.Errorf("checks and seed, shorter: %+v", c)
	}
}

// deadline is a test that ends soon.
type deadline struct {
	recorder
	at time.Time
}

func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// A hunt that would go on beyond the test's deadline ends before it, with a
// summary, and is no passed test; one that time ends anyway is.
func TestHuntEndsBeforeTheDeadline(t *testing.T) {
	for _, x := range []struct {
		cfg  Config
		want string
	}{
		{Config{Checks: 1_000_000}, "the deadline of the test (-timeout) ended the hunt after "},
		{Config{Time: time.Hour}, ""},
	} {
		d := &deadline{recorder{TB: t}, time.Now().Add(3 * time.Second)}
		cfg, ctx, cancel := x.cfg.inTime(d)
		cancel()
		if end, ok := ctx.Deadline(); !ok || !end.Before(d.at) || x.cfg.Time > 0 && cfg.Time >= time.Until(d.at) {
			t.Errorf("%+v ends at %v, the test at %v", cfg, end, d.at)
		}
		x.cfg.Out = t.TempDir()
		x.cfg.Check(d, "peer")
		got := strings.Join(d.errors, "\n")
		// What few scenarios leave unproved is said too.
		got = strings.TrimSpace(got[strings.LastIndex(got, "\n")+1:])
		if x.want == "" && strings.Contains(got, "deadline") || !strings.HasPrefix(got, x.want) {
			t.Errorf("%+v: it said %q", x.cfg, d.errors)
		}
	}
}
