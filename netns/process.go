package netns

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a spawned command with all its descendants.
type Process struct {
	owner string
	init  *os.Process
	pipes *pipes
	out   output

	quiet   chan struct{} // nobody holds the output any more
	drained chan struct{} // what the command wrote before it ended is in out
	done    chan struct{}
	gone    chan struct{} // the init was reaped: nothing of it is left

	missing []string // what the sandbox lacks

	mu  sync.Mutex
	err error
}

// output keeps what it can of what a command wrote.
type output interface {
	write(p []byte)
	bytes() []byte
	total() int // bytes that were ever written
}

// Exit is how a command ended.
type Exit struct {
	Status int            // exit status, if it ended by itself
	Signal syscall.Signal // the signal that killed it, 0 if none did
	Limit  string         // the limit that it passed, "it used more than 2048 MiB of memory"; "" if none
}

// Error says it in words: "exited with status 1", "killed by signal 9 (killed)".
func (e *Exit) Error() string {
	why := ""
	if e.Limit != "" {
		why = ": " + e.Limit
	}
	if e.Signal != 0 {
		return fmt.Sprintf("killed by signal %d (%s)%s", int(e.Signal), e.Signal, why)
	}
	return fmt.Sprintf("exited with status %d%s", e.Status, why)
}

// startBound is for an init to execute its command; a variable for tests only.
var startBound = 10 * time.Second

const (
	killBound  = 10 * time.Second // for the kernel to take a killed tree apart
	stdinBound = time.Second      // for a command to read what it was sent
)

func newProcess(init *os.Process, owner string, pipes *pipes, out output) *Process {
	p := &Process{owner: owner, init: init, pipes: pipes, out: out,
		quiet: make(chan struct{}), drained: make(chan struct{}),
		done: make(chan struct{}), gone: make(chan struct{})}
	go p.drain()
	go p.wait()
	return p
}

// order tells the init what to run and returns when that was executed.
func (p *Process) order(o orders) error {
	control := p.pipes.control
	if err := control.SetDeadline(time.Now().Add(startBound)); err != nil {
		return fmt.Errorf("set deadline for init: %w", err)
	}
	var r report
	err := send(control, o)
	if err == nil {
		err = receive(control, &r)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w within %v: %s%s", errSilent, startBound, p.doing(), p.said())
	}
	if err != nil {
		return fmt.Errorf("the init did not answer: %w%s%s", err, p.said(), crowded(nil, p.Output()))
	}
	if r.Failure != "" {
		return errors.New(r.Failure)
	}
	p.missing = r.Missing
	if err := control.SetDeadline(time.Time{}); err != nil {
		return fmt.Errorf("set deadline for init: %w", err)
	}
	go p.follow()
	return nil
}

// errSilent is what comes of an init that neither answers nor ends. It was seen
// once, on a machine with other work to do, and in none of 145,000 starts that
// were made to see it again. It is not the command's doing, so that one is
// started once more; what the init was doing is in the error if that fails too.
var errSilent = errors.New("the init did not answer")

// doing tells what the threads of the init and of its descendants are waiting
// for.
func (p *Process) doing() string {
	var all []string
	for _, pid := range append([]int{p.init.Pid}, descendants(p.init.Pid)...) {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		for _, t := range threads {
			name, _ := os.ReadFile(t + "/comm")
			call, _ := os.ReadFile(t + "/syscall")
			where, _ := os.ReadFile(t + "/wchan")
			number, _, _ := strings.Cut(string(call), " ")
			all = append(all, fmt.Sprintf("%s %s in system call %s (%s)", filepath.Base(t), strings.TrimSpace(string(name)), strings.TrimSpace(number), where))
		}
	}
	return strings.Join(all, ", ")
}

// said quotes the output, for an error.
func (p *Process) said() string {
	if out := p.Output(); len(out) > 0 {
		return fmt.Sprintf(" (it said %.200q)", out)
	}
	return ""
}

// follow waits for the end of the command.
func (p *Process) follow() {
	defer close(p.done)
	limit := ""
	for {
		var r report
		if err := receive(p.pipes.control, &r); err != nil {
			p.setErr(&Exit{Signal: syscall.SIGKILL, Limit: limit}) // the init died, and all with it
			return
		}
		if r.Limit != "" {
			limit = r.Limit
			p.out.write([]byte("greka: this program was ended: " + limit + "\n"))
		}
		if r.Ended {
			p.finish(syscall.WaitStatus(r.Status), limit)
			return
		}
	}
}

// finish takes what the command has still written, and says how it ended.
func (p *Process) finish(status syscall.WaitStatus, limit string) {
	// The deadline interrupts the read, and drain then takes what is there.
	_ = p.pipes.output.SetReadDeadline(time.Unix(1, 0))
	select {
	case <-p.drained:
	case <-p.quiet:
	}
	exit := exitOf(status)
	exit.Limit = limit
	p.setErr(exit)
}

func exitOf(s syscall.WaitStatus) *Exit {
	if s.Signaled() {
		return &Exit{Signal: s.Signal()}
	}
	return &Exit{Status: s.ExitStatus()}
}

func (p *Process) setErr(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

// wait reaps the init. When it is reaped the kernel has killed and reaped
// every process of its namespace (zap_pid_ns_processes, kernel/pid_namespace.c).
func (p *Process) wait() {
	_, _ = p.init.Wait()
	close(p.gone)
}

func (p *Process) isGone() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// drain reads the output as fast as it comes, so that no command blocks on it.
func (p *Process) drain() {
	defer close(p.quiet)
	buf := make([]byte, 32<<10)
	for {
		n, err := p.pipes.output.Read(buf)
		p.out.write(buf[:n])
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.drainNow(buf)
		case err != nil:
			return
		}
	}
}

// drainNow takes what is in the pipe and no more.
func (p *Process) drainNow(buf []byte) {
	if raw, err := p.pipes.output.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			for taken := 0; taken < pipeSize; {
				n, err := syscall.Read(int(fd), buf)
				if n <= 0 || err != nil {
					return
				}
				p.out.write(buf[:n])
				taken += n
			}
		})
	}
	close(p.drained)
	_ = p.pipes.output.SetReadDeadline(time.Time{})
}

// pipeSize is how much a pipe holds at the most, in bytes, unless somebody
// changed it (pipe(7)). More than that the command cannot have left in it.
const pipeSize = 64 << 10

// Stdin returns the command's standard input. A write fails if the command
// does not read it within a second.
func (p *Process) Stdin() io.Writer { return stdin{p.pipes.stdin} }

type stdin struct{ f *os.File }

// Write fails if the command does not read within stdinBound.
func (s stdin) Write(b []byte) (int, error) {
	if err := s.f.SetWriteDeadline(time.Now().Add(stdinBound)); err != nil {
		return 0, err
	}
	return s.f.Write(b)
}

// Output returns the last 64 KiB of the command's standard output and error.
// After Done everything that the command itself wrote is in it.
func (p *Process) Output() []byte { return p.out.bytes() }

// Written is how many bytes the command has written by now, of which Output
// has the last ones.
func (p *Process) Written() int { return p.out.total() }

// Done is closed when the command has ended. Its descendants may live on
// until Kill.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the command ended, an *Exit, and is nil while it runs.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// killAll kills processes and then waits for each: they die side by side.
func killAll(processes []*Process) (failed []error) {
	for _, p := range processes {
		_ = p.init.Kill()
	}
	for _, p := range processes {
		failed = append(failed, p.Kill())
	}
	return failed
}

// Kill ends the command and all its descendants and returns when none is
// left. It may be called more than once.
func (p *Process) Kill() error {
	if err := p.init.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("netns: kill the processes of %s: %w", p.owner, err)
	}
	select {
	case <-p.gone:
	case <-time.After(killBound):
		return fmt.Errorf("netns: the processes of %s are still there %v after they were killed", p.owner, killBound)
	}
	p.pipes.closeOurs()
	return nil
}
