package sut

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// labFor makes the lab of a scenario.
func labFor(t *testing.T, text string) (*netns.Lab, *scenario.Scenario) {
	t.Helper()
	netns.Require(t)
	sc, err := scenario.Parse(strings.ReplaceAll(text, "FAMILY", "4"))
	if err != nil {
		t.Fatal(err)
	}
	lab, err := netns.New(&sc)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lab.Close() })
	return lab, &sc
}

// shortBound is for fakes of which nothing more will come.
const shortBound = 50 * time.Millisecond

func TestGoodFakeStarts(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "good").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if left := leftBehind(t, "good"); len(left) == 0 {
		t.Error("leftBehind sees nothing: it cannot find what is left either")
	}
	must(t, p.Register(background, "p", sip.UDP))
	must(t, p.Call(background, "sip:ann@10.77.0.2:5081", sip.TCP))
	must(t, p.Hangup(background))
	for _, want := range []string{"told: register at 10.77.0.1 over udp",
		"told: call sip:ann@10.77.0.2:5081 over tcp", "told: hang up"} {
		awaitOutput(t, p, want)
	}
	if ended, how := p.Exited(); ended || how != nil {
		t.Errorf("it has ended: %v", how)
	}
	must(t, p.Close())
	must(t, p.Close())
	if left := leftBehind(t, "good"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func awaitOutput(t *testing.T, p *Process, want string) {
	t.Helper()
	await(t, want, func() bool { return strings.Contains(p.Tail(), want) })
}

// await waits until something is so. How long it may take depends on what else
// the machine does: the bound is for what never comes.
func await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !so(); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// Whatever a stack does instead of becoming ready, it ends in one line that
// says so, within its bound, and leaves nothing behind.
func TestBadStacks(t *testing.T) {
	for how, x := range map[string]struct {
		// until is how far the fake comes: the bound begins after that.
		until func(*Process) bool
		want  string
	}{
		"mute":       {started, `is not ready after 50ms: nothing of it listens on udp port 5072; it said nothing`},
		"stubborn":   {started, `is not ready after 50ms: nothing of it listens on udp port 5072; it said nothing`},
		"mute-flood": {hasSaid("noise"), `is not ready after 50ms: nothing of it listens on udp port 5072; it said: "n`}, // its last line may not be whole yet
		"loopback":   {hasSaid("listens"), `is not ready after 50ms: nothing of it listens on udp port 5072; it said: "listens"`},
		"udp-only":   {lacks("tcp port 5072"), `is not ready after 50ms: nothing of it listens on tcp port 5072`},
		"exits":      {hasEnded, `ended (exited with status 3), but it has to stay, in the foreground; it said: "cannot open the sound card"`},
		"crashes":    {hasEnded, `ended (`},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			lab, sc := labFor(t, withProxy)
			p, err := fakeStack(t, how).launch(lab, sc, "bob")
			must(t, err)
			await(t, how, func() bool { return x.until(p) })
			err = p.await(background, shortBound)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("got  %v\nwant %s", err, x.want)
			}
			must(t, p.Close())
			if err != nil {
				oneLine(t, err)
			}
			if left := leftBehind(t, how); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

// A start that fails ends what it has started.
func TestFailedStartLeavesNothing(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "stubborn").start(background, lab, sc, "bob", shortBound)
	if err == nil || !strings.Contains(err.Error(), "is not ready after 50ms") {
		t.Errorf("got %v, %v", p, err)
	}
	if left := leftBehind(t, "stubborn"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func started(*Process) bool { return true }

func hasSaid(what string) func(*Process) bool {
	return func(p *Process) bool { return strings.Contains(p.Tail(), what) }
}

func lacks(listener string) func(*Process) bool {
	return func(p *Process) bool {
		missing, err := p.missing()
		return err == nil && missing != nil && missing.String() == listener
	}
}

func hasEnded(p *Process) bool {
	ended, _ := p.Exited()
	return ended
}

// What a stack left in the background does not count, even if it listens: it
// has no standard input, so it cannot be driven.
func TestListeningDaemon(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "daemon").launch(lab, sc, "bob")
	must(t, err)
	<-p.process.Done()
	for missing, err := p.missing(); missing != nil; missing, err = p.missing() {
		must(t, err)
		time.Sleep(time.Millisecond)
	}
	err = p.await(background, shortBound)
	if err == nil || !strings.Contains(err.Error(), "ended (exited with status 0), but it has to stay") {
		t.Errorf("got %v", err)
	}
	must(t, p.Close())
	if left := leftBehind(t, "daemon"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A stack whose parent waits until its daemon listens can be ready before the
// parent ends. Then it is found out when it is told something.
func TestSlowDaemon(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "slow-daemon").Start(background, lab, sc, "bob")
	if err == nil {
		<-p.process.Done()
		err = p.Hangup(background)
		must(t, p.Close())
	}
	if err == nil || !strings.Contains(err.Error(), "exited with status 0") {
		t.Errorf("got %v", err)
	}
	if left := leftBehind(t, "slow-daemon"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// A stack may say what it likes and as much as it likes.
func TestFloodingStackIsDriven(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "flood").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	awaitOutput(t, p, "noise")
	must(t, p.Register(background, "p", sip.TCP))
	must(t, p.Hangup(background))
	if tail := p.Tail(); !strings.Contains(tail, "noise") || strings.ContainsAny(tail, "\x00\x1b\r") || len(tail) > 20*300 {
		t.Errorf("its tail is %q", tail)
	}
}

func TestStackThatEnds(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "brief").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	must(t, p.Register(background, "p", sip.UDP))
	<-p.process.Done()
	if ended, how := p.Exited(); !ended || how == nil || how.Error() != "exited with status 4" {
		t.Errorf("Exited() = %v, %v", ended, how)
	}
	err = p.Call(background, "sip:ann@10.77.0.1", sip.UDP)
	want := `sut: fake as bob: call: it has ended: exited with status 4; it said: "that was it"`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Nobody reads: the pipe fills up, and then telling it something fails.
func TestDeafStack(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "deaf").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	long := "sip:" + strings.Repeat("a", 60<<10) + "@10.77.0.1"
	for range 3 {
		if err = p.Call(background, long, sip.UDP); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "it does not read its standard input") {
		t.Errorf("got %v", err)
	}
}

func TestBadOrders(t *testing.T) {
	lab, sc := labFor(t, withoutProxy)
	p, err := fakeStack(t, "good").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	over, cancel := context.WithCancel(background)
	cancel()
	for want, err := range map[string]error{
		"has no proxy":     p.Register(background, "p", sip.UDP),
		"is no URI":        p.Call(background, "sip:ann@10.77.0.1\nquit", sip.UDP),
		"context canceled": p.Hangup(over),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	must(t, p.Hangup(background)) // the twin
	awaitOutput(t, p, "told: hang up")
	if tail := p.Tail(); tail != "told: hang up" {
		t.Errorf("it was told more than that: %q", tail)
	}
}

// Ready means its own sockets: that somebody else listens there is not enough.
func TestReadyMeansOwn(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	err := lab.Host("box").Do(func() error {
		l, err := net.Listen("tcp", "10.77.0.1:5072")
		if err != nil {
			return err
		}
		t.Cleanup(func() { l.Close() })
		u, err := net.ListenPacket("udp", "10.77.0.1:5072")
		if err == nil {
			t.Cleanup(func() { u.Close() })
		}
		return err
	})
	must(t, err)
	p, err := fakeStack(t, "mute").start(background, lab, sc, "bob", shortBound)
	if err == nil {
		p.Close()
		t.Error("it counts as ready although the sockets are another's")
	}
}

func TestStartCanBeStopped(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	over, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	p, err := fakeStack(t, "mute").Start(over, lab, sc, "bob")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, %v", p, err)
	}
	if left := leftBehind(t, "mute"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestWrongCommand(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "text")
	must(t, os.WriteFile(script, []byte("no program\n"), 0o644))
	for command, want := range map[string]string{
		"no-such-stack-anywhere":  "executable file not found",
		"/no/such/stack/anywhere": "no such file or directory",
		script:                    "permission denied",
		dir:                       "permission denied",
	} {
		lab, sc := labFor(t, withProxy)
		s := loadStack(t, describeFake(command, "wrong"))
		p, err := s.Start(background, lab, sc, "bob")
		if err == nil {
			p.Close()
			t.Errorf("%s: it started", command)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "sut: start fake as bob: ") {
			t.Errorf("%s: got %v, want %q", command, err, want)
		}
		oneLine(t, err)
	}
}
