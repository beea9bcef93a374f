package netns

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// searchProcesses learns which sockets belong to the host's processes.
func (h *Host) searchProcesses() {
	h.mu.Lock()
	processes := append([]*Process(nil), h.processes...)
	h.mu.Unlock()
	for _, p := range processes {
		if p.isGone() {
			continue // its number may be another process's by now
		}
		for _, pid := range descendants(p.init.Pid) {
			for _, inode := range socketsOf(pid) {
				h.lab.owners.set(inode, p.owner)
			}
		}
	}
}

// descendants lists all processes below one. What starts or ends meanwhile
// may be missing.
func descendants(pid int) []int {
	var all []int
	for _, child := range children(pid) {
		all = append(all, child)
		all = append(all, descendants(child)...)
	}
	return all
}

func children(pid int) []int {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		_ = Scarce(err) // or else it has ended
		return nil
	}
	var all []int
	for _, t := range threads {
		list, err := os.ReadFile(tasks + "/" + t.Name() + "/children")
		if err != nil {
			_ = Scarce(err)
			continue
		}
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// socketsOf lists the inodes of a process's sockets.
func socketsOf(pid int) []uint64 {
	dir, err := os.Open(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		_ = Scarce(err)
		return nil
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil
	}
	var all []uint64
	link := make([]byte, 64)
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, link)
		if err != nil {
			continue
		}
		if inode, ok := socketInode(string(link[:n])); ok {
			all = append(all, inode)
		}
	}
	return all
}

// socketInode reads "socket:[123]".
func socketInode(link string) (uint64, bool) {
	number, ok := strings.CutPrefix(link, "socket:[")
	if !ok {
		return 0, false
	}
	inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
	return inode, err == nil
}
