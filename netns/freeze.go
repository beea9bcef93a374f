package netns

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// freezeBound is how long the processes of a host may take to stop.
const freezeBound = 5 * time.Second

// Freeze stops every process that was spawned in the host (SIGSTOP), with all
// descendants, and returns when none runs. Its kernel goes on: connections are
// accepted and nothing is read. Sockets of this process are not affected.
func (h *Host) Freeze() error {
	return h.wrong("freeze", h.signalAll(unix.SIGSTOP, stopped))
}

// Thaw lets the processes that Freeze has stopped go on.
func (h *Host) Thaw() error {
	return h.wrong("thaw", h.signalAll(unix.SIGCONT, func(pid int) bool { return !stopped(pid) }))
}

// Kill ends every process that was spawned in the host, with all descendants,
// and returns when none is left.
func (h *Host) Kill() error {
	h.mu.Lock()
	processes := append([]*Process(nil), h.processes...)
	h.mu.Unlock()
	return h.wrong("kill", errors.Join(killAll(processes)...))
}

// signalAll sends a signal to every process until it has worked on each: one
// may be starting another.
func (h *Host) signalAll(signal unix.Signal, worked func(pid int) bool) error {
	h.mu.Lock()
	processes := append([]*Process(nil), h.processes...)
	h.mu.Unlock()
	for end := time.Now().Add(freezeBound); ; {
		waiting := 0
		for _, p := range processes {
			if p.isGone() {
				continue
			}
			for _, pid := range descendants(p.init.Pid) {
				if !worked(pid) {
					waiting++
					p.signal(pid, signal)
				}
			}
		}
		if waiting == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%d processes are not as they should be %v after signal %d", waiting, freezeBound, signal)
		}
	}
}

// signal sends a signal to a descendant. Its number may be somebody else's by
// now: hence it is looked for again once there is a descriptor of it.
func (p *Process) signal(pid int, signal unix.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for _, still := range descendants(p.init.Pid) {
		if still == pid {
			_ = unix.PidfdSendSignal(fd, signal, nil, 0)
		}
	}
}

// stopped reports whether a process is stopped, or has ended.
func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	return len(rest) > 0 && (rest[0] == 'T' || rest[0] == 'Z' || rest[0] == 'X')
}
