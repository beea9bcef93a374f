package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/greka-sip/greka/props"
)

const (
	// On a terminal the line is rewritten so often, elsewhere a new one is
	// written so often.
	rewriteEvery = 100 * time.Millisecond
	lineEvery    = 10 * time.Second
)

// progress shows how far a hunt is: on a terminal in one line that is written
// again and again, elsewhere in a plain line now and then.
type progress struct {
	mu    sync.Mutex
	w     io.Writer
	width int // of the terminal; 0 if it is none
	next  time.Time
	shown int // columns of the line that stands there
}

// newProgress writes the first line. On a terminal the line that is rewritten
// stands there from the beginning.
func newProgress(w io.Writer, first string) *progress {
	p := &progress{w: w, width: terminalWidth(w)}
	fmt.Fprintln(w, first)
	if p.width == 0 {
		p.next = time.Now().Add(lineEvery)
	}
	return p
}

func (p *progress) every() time.Duration {
	if p.width > 0 {
		return rewriteEvery
	}
	return lineEvery
}

// update shows progress, unless that was done just now.
func (p *progress) update(at props.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Before(p.next) {
		return
	}
	p.next = now.Add(p.every())
	text := progressText(at)
	if p.width == 0 {
		fmt.Fprintln(p.w, text)
		return
	}
	p.rewrite(text)
}

// rewrite replaces the line with blanks and a carriage return only, so that it
// works on any terminal.
func (p *progress) rewrite(text string) {
	text = text[:min(len(text), p.width-1)]
	fmt.Fprintf(p.w, "\r%s%s", text, strings.Repeat(" ", max(p.shown-len(text), 0)))
	p.shown = len(text)
}

// aside runs what writes to the same terminal, without the line in its way.
func (p *progress) aside(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	f()
}

// end removes the line.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *progress) clear() {
	if p.shown > 0 {
		p.rewrite("")
		fmt.Fprint(p.w, "\r")
	}
}

// progressText is ASCII: it may be cut anywhere.
func progressText(at props.Progress) string {
	done := fmt.Sprintf("%d", at.Done)
	if at.Planned > 0 {
		done = fmt.Sprintf("%d/%d", at.Done, at.Planned)
	}
	text := fmt.Sprintf("%s: %s scenarios, %.1f/s, %s", at.Stack, done, at.Rate, count(at.Findings, "finding"))
	if left, ok := timeLeft(at); ok {
		text += fmt.Sprintf(", %s left", left)
	}
	if at.Minimizing > 0 {
		text += fmt.Sprintf(", %d being minimised", at.Minimizing)
	}
	if at.Bad > 0 {
		text += fmt.Sprintf(", %d broken or inconclusive", at.Bad)
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// timeLeft is what is left of the hunt's time, or what the scenarios left will
// take at the pace so far. Nothing is said before there is one, nor when only
// minimising is left.
func timeLeft(at props.Progress) (left time.Duration, ok bool) {
	seconds := at.Limit - at.Seconds
	if at.Planned > 0 {
		seconds = at.Seconds / float64(at.Done) * float64(at.Planned-at.Done)
	}
	ok = seconds > 0 && !math.IsInf(seconds, 0)
	return time.Duration(math.Ceil(seconds)) * time.Second, ok
}

// terminalWidth is the width of the terminal that a stream is, 0 if it is none
// or cannot rewrite a line.
func terminalWidth(w any) int {
	if c, ok := w.(*checked); ok {
		w = c.w
	}
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	if width < 20 {
		return 80 // a terminal that does not say
	}
	return width
}

// printerFor prints for people on a stream: with colours on a terminal, unless
// NO_COLOR is set (no-color.org).
func printerFor(w io.Writer) *props.Printer {
	width := terminalWidth(w)
	return &props.Printer{W: w, Width: width, Color: width > 0 && os.Getenv("NO_COLOR") == ""}
}
