package sut

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// Process is an element that a real stack plays.
//
// Register, Call and Hangup tell the program what to do and return when it has
// been told: what it then does is seen by those who receive its messages.
type Process struct {
	process *netns.Process
	stack   *Description
	lab     *netns.Lab
	host    string
	element string

	mu   sync.Mutex // guards data and told
	data *Data
	told []told
}

// Register tells the stack to register at its element's proxy over a
// transport. A stack may withdraw an earlier registration first (a REGISTER
// with expires=0): the one that counts has another value.
func (p *Process) Register(ctx context.Context, t model.Transport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.data.Via == nil {
		return p.errorf("register: the element has no proxy (via=)")
	}
	if err := p.tell(ctx, "register", "", t); err != nil {
		return err
	}
	registered := map[string]bool{t.String(): true}
	for old := range p.data.Registered {
		registered[old] = true
	}
	p.data.Registered = registered
	return nil
}

// Call tells the stack to call a SIP URI: through its element's proxy if it
// has one, and over a transport to the first hop.
func (p *Process) Call(ctx context.Context, to string, t model.Transport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stack.control["call"] == nil {
		return p.errorf("call: it cannot call")
	}
	if strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return p.errorf("call: %q is no URI", to)
	}
	return p.tell(ctx, "call", to, t)
}

// Hangup tells the stack to end every call that it has.
func (p *Process) Hangup(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tell(ctx, "hangup", "", 0)
}

// tell writes what a part of the description says to standard input.
func (p *Process) tell(ctx context.Context, part, to string, t model.Transport) error {
	if err := ctx.Err(); err != nil {
		return p.errorf("%s: %w", part, err)
	}
	data := *p.data
	data.To, data.Transport = to, ""
	if t != 0 {
		data.Transport = t.String()
	}
	text, err := p.stack.control[part].expand(&data)
	if err != nil {
		return p.errorf("%s: %w", part, err)
	}
	if ended, how := p.Exited(); ended {
		return p.errorf("%s: it has ended: %w%s", part, how, p.said())
	}
	p.told = append(p.told, told{p.process.Written(), text})
	if _, err := p.process.Stdin().Write([]byte(text)); err != nil {
		return p.errorf("%s: it does not read its standard input: %w%s", part, err, p.said())
	}
	return nil
}

// Exited reports whether the program has ended, and how. While it runs the
// error is nil.
func (p *Process) Exited() (bool, error) {
	select {
	case <-p.process.Done():
		return true, p.process.Err()
	default:
		return false, nil
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.process.Done() }

// Tail returns the end of what the program wrote, in whole lines, printable.
func (p *Process) Tail() string { return tail(string(p.process.Output()), 20) }

// Close ends the program and everything that it started, and returns when
// nothing of it is left.
func (p *Process) Close() error { return p.process.Kill() }

func (p *Process) errorf(format string, args ...any) error {
	return fmt.Errorf("sut: %s as %s: "+format, append([]any{p.stack.Name, p.element}, args...)...)
}

// command is what was started, for errors.
func (p *Process) command() string {
	argv, err := p.stack.start.argv(p.data)
	if err != nil {
		return p.stack.Name
	}
	return "`" + strings.Join(argv, " ") + "`"
}

// said quotes the last line that the program wrote, for errors.
func (p *Process) said() string {
	if line := lastLine(string(p.process.Output())); line != "" {
		return fmt.Sprintf("; it said: %q", line)
	}
	return "; it said nothing"
}
