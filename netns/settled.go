package netns

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/linux"
)

// Settled reports whether a spawned element has come to rest: nothing is on its
// way to it or from it, no socket of its processes has anything unread or
// somebody waiting to be accepted, and none of their threads runs or is about
// to. A thread that a segment wakes is runnable from that moment on, so who is
// at rest has had its chance to read what was there, and to act on it. What it
// does later, by a clock of its own, nobody can know.
func (h *Host) Settled(owner string) (bool, error) {
	before, resting := h.threads(owner)
	if !resting {
		return false, nil
	}
	if unread, err := h.Unread(owner); err != nil || unread {
		return false, err
	}
	// One thread may have woken the next while we looked from one to the
	// other: at rest is who has not run in between.
	after, resting := h.threads(owner)
	return resting && slices.Equal(before, after) && !underWay(), nil
}

// underWay reports whether packets wait for a processor, of any lab's or of the
// machine's own: what is sent over a veth or lo waits there (netif_rx), mostly
// until the system call that sent it returns, on a busy machine until ksoftirqd
// has its turn. It is false where /proc does not tell (before Linux 5.10).
func underWay() bool {
	text, err := os.ReadFile("/proc/self/net/softnet_stat")
	return err == nil && backlogged(string(text))
}

// backlogged reads softnet_stat: a line of hexadecimal numbers for each
// processor, of which the twelfth is how many packets wait
// (softnet_seq_show, net/core/net-procfs.c).
func backlogged(stat string) bool {
	const column = 11
	for line := range strings.Lines(stat) {
		if f := strings.Fields(line); len(f) > column && strings.Trim(f[column], "0") != "" {
			return true
		}
	}
	return false
}

// Resting reports whether none of a spawned element's threads runs or is about
// to.
func (h *Host) Resting(owner string) bool {
	_, resting := h.threads(owner)
	return resting
}

// Unread reports whether a spawned element has a socket with something unread
// or somebody waiting to be accepted. The end of a stream counts as something
// to be read, as in the kernel's sequence numbers.
func (h *Host) Unread(owner string) (bool, error) {
	sockets, err := h.diag.sockets(nil)
	if err != nil {
		return false, fmt.Errorf("netns: host %s: %w", h.name, err)
	}
	h.own(sockets)
	return slices.ContainsFunc(sockets, func(s linux.Socket) bool { return s.Owner == owner && s.Queue > 0 }), nil
}

// Holds reports whether a process of a spawned element still has one of some
// sockets open, by their inodes: one that was destroyed is in no socket table
// any more, and stays a descriptor of its process until that has noticed.
func (h *Host) Holds(owner string, inodes map[uint64]bool) bool {
	return slices.ContainsFunc(h.pids(owner), func(pid int) bool {
		return slices.ContainsFunc(socketsOf(pid), func(inode uint64) bool { return inodes[inode] })
	})
}

// pids lists the processes of a spawned element.
func (h *Host) pids(owner string) (all []int) {
	h.mu.Lock()
	processes := append([]*Process(nil), h.processes...)
	h.mu.Unlock()
	for _, p := range processes {
		if p.owner == owner && !p.isGone() {
			all = append(all, descendants(p.init.Pid)...)
		}
	}
	return all
}

// threads tells how often each thread of an element has been given a processor,
// and whether all of them are at rest now.
func (h *Host) threads(owner string) (turns []string, resting bool) {
	for _, pid := range h.pids(owner) {
		tasks := fmt.Sprintf("/proc/%d/task", pid)
		list, err := os.ReadDir(tasks)
		if err != nil {
			continue // it has ended
		}
		for _, t := range list {
			if !atRest(tasks + "/" + t.Name() + "/stat") {
				return nil, false
			}
			// Time on a processor, time waiting for one, and how often it had
			// one; empty on a kernel that does not count.
			turn, _ := os.ReadFile(tasks + "/" + t.Name() + "/schedstat")
			turns = append(turns, t.Name()+" "+string(turn))
		}
	}
	return turns, true
}

// atRest reads the state in a thread's stat file (proc_pid_stat(5)): it sleeps
// until something happens, is stopped, or has ended. One that runs (R) or waits
// for a disk (D) is not at rest.
func atRest(stat string) bool {
	text, err := os.ReadFile(stat)
	if err != nil {
		return true // it has ended
	}
	i := bytes.LastIndexByte(text, ')') // the name before it may hold anything
	return i < 0 || i+2 >= len(text) || bytes.IndexByte([]byte("RD"), text[i+2]) < 0
}
