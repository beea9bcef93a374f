package sut

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/greka-sip/greka/model/sip"
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

	registrars map[string]*ViaData // every proxy of the scenario

	mu   sync.Mutex // guards data and told
	data *Data
	told []told
}

// Register tells the stack to register at a proxy over a transport: its
// element's own, or that of a further account. A stack may withdraw an earlier
// registration first (a REGISTER with expires=0): the one that counts has
// another value.
func (p *Process) Register(ctx context.Context, proxy string, t sip.Transport) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.registrars[proxy]
	if at == nil {
		return p.errorf("register: the scenario has no proxy %q", proxy)
	}
	here := *p.data
	here.Via, here.Registered = at, p.data.registeredAt(proxy)
	if err := p.write(ctx, "register", "", t, &here); err != nil {
		return err
	}
	if !here.Registered[t.String()] {
		p.data.Accounts = append(slices.Clone(p.data.Accounts), Account{at, t.String()})
	}
	if p.data.Via != nil {
		p.data.Registered = p.data.registeredAt(p.data.Via.Name)
	}
	return nil
}

// registeredAt is the transports over which there is an account at a proxy.
func (d *Data) registeredAt(proxy string) map[string]bool {
	out := map[string]bool{}
	for _, a := range d.Accounts {
		if a.Via.Name == proxy {
			out[a.Transport] = true
		}
	}
	return out
}

// Call tells the stack to call a SIP URI: through its element's proxy if it
// has one, and over a transport to the first hop.
func (p *Process) Call(ctx context.Context, to string, t sip.Transport) error {
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
func (p *Process) tell(ctx context.Context, part, to string, t sip.Transport) error {
	return p.write(ctx, part, to, t, p.data)
}

// write writes what a part says of some data.
func (p *Process) write(ctx context.Context, part, to string, t sip.Transport, of *Data) error {
	if err := ctx.Err(); err != nil {
		return p.errorf("%s: %w", part, err)
	}
	data := *of
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
