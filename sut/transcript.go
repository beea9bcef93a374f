package sut

import (
	"errors"
	"strings"
)

// Said is one line of what passed between us and a program.
type Said struct {
	Told bool   // we wrote it to its standard input; else it wrote it
	Text string // raw, without its end and without what carriage returns overwrote
}

// told is what was written to a program, and how much it had written by then.
type told struct {
	at   int
	text string
}

// Command is what was started, as in a shell.
func (p *Process) Command() string { return strings.Trim(p.command(), "`") }

// Transcript returns what the program was told and what it wrote, in the order
// in which we wrote and read. Of a long output it has the end.
func (p *Process) Transcript() []Said {
	p.mu.Lock()
	defer p.mu.Unlock()
	output := p.process.Output()
	return transcript(output, p.process.Written()-len(output), p.told)
}

// transcript puts what was told where it was told; output begins at byte start
// of all that was ever written.
func transcript(output []byte, start int, orders []told) (all []Said) {
	for _, o := range orders {
		n := min(max(o.at-start, 0), len(output))
		all = append(all, lines(output[:n], false)...)
		output, start = output[n:], start+n
		all = append(all, lines([]byte(o.text), true)...)
	}
	return append(all, lines(output, false)...)
}

func lines(text []byte, told bool) (all []Said) {
	if len(text) == 0 {
		return nil
	}
	for _, l := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		l = strings.TrimRight(l, "\r")
		all = append(all, Said{told, l[strings.LastIndexByte(l, '\r')+1:]})
	}
	return all
}

// startError is why a program was not ready, with what passed until then.
type startError struct {
	error
	command string
	said    []Said
}

// Unwrap is what went wrong, without what was told and said.
func (e *startError) Unwrap() error { return e.error }

// TranscriptOf returns what passed between us and a program that Start could
// not bring up, and what was started; nil if err is about something else.
func TranscriptOf(err error) (command string, said []Said) {
	var e *startError
	if !errors.As(err, &e) {
		return "", nil
	}
	return e.command, e.said
}
