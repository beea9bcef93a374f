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

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// labFor makes the lab of a scenario.
func labFor(t *testing.T, text string) (*netns.Lab, *model.Scenario) {
	t.Helper()
	netns.Require(t)
	sc, err := model.Parse(strings.ReplaceAll(text, "FAMILY", "4"))
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

// shortBound is long enough for a fake to fail in its own way, and short
// enough for the tests of those that just hang.
const shortBound = time.Second

func TestGoodFakeStarts(t *testing.T) {
	lab, sc := labFor(t, withProxy)
	p, err := fakeStack(t, "good").Start(background, lab, sc, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if left := leftBehind(t, "good"); len(left) == 0 {
		t.Error("leftBehind sees nothing: it cannot find what is left either")
	}
	must(t, p.Register(background, model.UDP))
	must(t, p.Call(background, "sip:ann@10.77.0.2:5081", model.TCP))
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
	limit := time.After(5 * time.Second)
	for !strings.Contains(p.Tail(), want) {
		select {
		case <-limit:
			t.Fatalf("it did not say %q within 5 s, but:\n%s", want, p.Tail())
		case <-time.After(time.Millisecond):
		}
	}
}

// Whatever a stack does instead of becoming ready, it ends in one line that
// says so, within its bound, and leaves nothing behind.
func TestBadStacks(t *testing.T) {
	for how, want := range map[string]string{
		"mute":       `is not ready after 1s: nothing of it listens on udp port 5072; it said nothing`,
		"stubborn":   `is not ready after 1s: nothing of it listens on udp port 5072; it said nothing`,
		"mute-flood": `is not ready after 1s: nothing of it listens on udp port 5072; it said: "noise`,
		"loopback":   `is not ready after 1s: nothing of it listens on udp port 5072`,
		"udp-only":   `is not ready after 1s: nothing of it listens on tcp port 5072`,
		"exits":      `ended (exited with status 3), but it has to stay, in the foreground; it said: "cannot open the sound card"`,
		"crashes":    `ended (`,
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			lab, sc := labFor(t, withProxy)
			p, err := fakeStack(t, how).start(background, lab, sc, "bob", shortBound)
			if err == nil {
				p.Close()
				t.Fatalf("it started, want %q", want)
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			oneLine(t, err)
			if left := leftBehind(t, how); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
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
	must(t, p.Register(background, model.TCP))
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
	must(t, p.Register(background, model.UDP))
	<-p.process.Done()
	if ended, how := p.Exited(); !ended || how == nil || how.Error() != "exited with status 4" {
		t.Errorf("Exited() = %v, %v", ended, how)
	}
	err = p.Call(background, "sip:ann@10.77.0.1", model.UDP)
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
		if err = p.Call(background, long, model.UDP); err != nil {
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
		"has no proxy":     p.Register(background, model.UDP),
		"is no URI":        p.Call(background, "sip:ann@10.77.0.1\nquit", model.UDP),
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
