package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/props"
)

func TestProgressText(t *testing.T) {
	for want, at := range map[string]props.Progress{
		"baresip: 0/200 scenarios, 0.0/s, 0 findings":                         {Stack: "baresip", Planned: 200},
		"baresip: 50/200 scenarios, 25.0/s, 1 finding, 6s left":               {Stack: "baresip", Done: 50, Planned: 200, Seconds: 2, Rate: 25, Findings: 1},
		"baresip: 200/200 scenarios, 25.0/s, 0 findings, 2 being minimised":   {Stack: "baresip", Done: 200, Planned: 200, Seconds: 8, Rate: 25, Minimizing: 2},
		"peer: 50 scenarios, 25.0/s, 2 findings, 58s left, 3 broken or incon": {Stack: "peer", Done: 50, Seconds: 2, Limit: 60, Rate: 25, Findings: 2, Bad: 3},
		"peer: 50 scenarios, 25.0/s, 2 findings, 1 being minimised":           {Stack: "peer", Done: 50, Seconds: 61, Limit: 60, Rate: 25, Findings: 2, Minimizing: 1},
	} {
		if got := progressText(at); !strings.HasPrefix(got, want) {
			t.Errorf("\ngot  %s\nwant %s", got, want)
		}
	}
}

// On a terminal one line is rewritten, never wider than it, and gone at the
// end; what is printed aside begins at the left.
func TestProgressOnATerminal(t *testing.T) { synctest.Test(t, progressOnATerminal) }

func progressOnATerminal(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, width: 30}
	p.update(props.Progress{Stack: "baresip", Done: 5, Planned: 200})
	p.update(props.Progress{Stack: "baresip", Done: 6, Planned: 200}) // at once again: not shown
	p.aside(func() { fmt.Fprintln(&b, "a finding") })
	time.Sleep(rewriteEvery)
	p.update(props.Progress{Stack: "x", Done: 7, Planned: 9})
	p.end()
	p.end()
	blank := func(n int) string { return strings.Repeat(" ", n) }
	want := "\rbaresip: 5/200 scenarios, 0.0" + "\r" + blank(29) + "\r" + "a finding\n" +
		"\rx: 7/9 scenarios, 0.0/s, 0 fi" + "\r" + blank(29) + "\r"
	if got := b.String(); got != want {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

func TestProgressWithoutATerminal(t *testing.T) { synctest.Test(t, progressWithoutATerminal) }

func progressWithoutATerminal(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b, "hunting")
	p.update(props.Progress{Stack: "x", Done: 1, Planned: 9})
	time.Sleep(lineEvery)
	p.update(props.Progress{Stack: "x", Done: 7, Planned: 9})
	p.aside(func() {})
	p.end()
	if got, want := b.String(), "hunting\nx: 7/9 scenarios, 0.0/s, 0 findings\n"; got != want {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

// terminal opens a pseudo-terminal of some width.
func terminal(t *testing.T, columns uint16) (far, near *os.File) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	fd := int(far.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return far, near
}

// onTerminal runs a command on a terminal and returns all that it wrote there.
func onTerminal(t *testing.T, c *exec.Cmd) string {
	t.Helper()
	far, near := terminal(t, 60)
	c.Stdin, c.Stdout, c.Stderr = near, near, near
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	near.Close()
	text, err := io.ReadAll(far)
	if err != nil && !errors.Is(err, syscall.EIO) { // EIO: the other end is closed
		t.Fatal(err)
	}
	_ = c.Wait()
	return string(text)
}

// A whole hunt on a terminal: a live line, colours unless NO_COLOR is set, and
// none of both on a dumb one.
func TestHuntOnATerminal(t *testing.T) {
	netns.Require(t)
	for _, x := range []struct {
		env          string
		live, colour bool
	}{
		{"TERM=xterm", true, true},
		{"NO_COLOR=1", true, false},
		{"TERM=dumb", false, false},
	} {
		c := command(t, "hunt", "--seed", "5", "--checks", "60", liar)
		c.Env = append(c.Env, "TERM=xterm", "NO_COLOR=", x.env)
		out := strings.ReplaceAll(onTerminal(t, c), "\r\n", "\n")
		if live := strings.Contains(out, "\r"+liar+": "); live != x.live {
			t.Errorf("%s: live line: %v\n%q", x.env, live, out)
		}
		if colour := strings.Contains(out, "\x1b["); colour != x.colour {
			t.Errorf("%s: colours: %v\n%q", x.env, colour, out)
		}
		// The heading may be broken: the terminal is narrow.
		plain := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(out, "")
		if !strings.Contains(strings.Join(strings.Fields(plain), " "), "does not accept") || !strings.Contains(out, "1 finding\n") {
			t.Errorf("%s: no finding\n%q", x.env, out)
		}
		for _, l := range strings.FieldsFunc(out, func(r rune) bool { return r == '\n' || r == '\r' }) {
			if x.live && strings.HasPrefix(l, "  in fairness") && len(l) > 60 {
				t.Errorf("%s: %d columns: %s", x.env, len(l), l)
			}
		}
	}
}
