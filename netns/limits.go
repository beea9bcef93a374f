package netns

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of one command and its descendants, if its Spec names no others.
const (
	defaultMemory = 2 << 30
	defaultTasks  = 1024
)

// ownThreads is how many threads the init may have besides.
const ownThreads = 64

// maxFile is how large a file may be that a command writes, in bytes. It has
// 256 MiB for all of them.
const maxFile = 256 << 20

// slack is how many times the tasks of one command the kernel allows: it counts
// those of all commands of this process together, and none if this is the root
// of a container. It is there for the moment until watch sees them.
const slack = 8

// limit sets those limits that the kernel keeps. For the others there is watch:
// RLIMIT_AS would end programs that reserve memory and do not use it, as those
// in Java, Go and Erlang do, and a control group has a name, and is left behind
// when this process is killed.
func (o orders) limit() error {
	limits := map[int]unix.Rlimit{
		unix.RLIMIT_CORE:  {},
		unix.RLIMIT_FSIZE: {Cur: maxFile, Max: maxFile},
	}
	if o.has(layerLimits) {
		most := uint64(slack * o.Tasks)
		limits[unix.RLIMIT_NPROC] = unix.Rlimit{Cur: most, Max: most + ownThreads}
	}
	for which, to := range limits {
		var now unix.Rlimit
		if err := unix.Getrlimit(which, &now); err != nil {
			return fmt.Errorf("read limit %d: %w", which, err)
		}
		to.Max = min(to.Max, now.Max)
		to.Cur = min(to.Cur, to.Max)
		if err := unix.Setrlimit(which, &to); err != nil {
			return fmt.Errorf("set limit %d: %w", which, err)
		}
	}
	return nil
}

// exempt gives the init a few threads more than the command may have: it must
// not die of what the command does.
func exempt() {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NPROC, &l) == nil {
		l.Cur = l.Max
		_ = unix.Setrlimit(unix.RLIMIT_NPROC, &l)
	}
}

// Times of watch. A process that does nothing else takes about a gigabyte a
// second.
const (
	watchPause  = 50 * time.Millisecond
	sparseRound = 10 // what costs more is done every so many rounds
)

// watch waits until the processes of the init's namespace pass a limit, tells
// which it was, and then ends them all.
func (o orders) watch(tell func(limit string)) {
	for round := 0; ; round++ {
		time.Sleep(watchPause)
		if passed := o.passed(round%sparseRound == 0); passed != "" {
			tell(passed) // before somebody hears that the command has ended
			break
		}
	}
	if os.Getpid() == 1 { // else -1 is everybody on the machine
		_ = unix.Kill(-1, unix.SIGKILL) // all but the init
	}
}

// passed names the limit that was passed, "" if none was.
func (o orders) passed(sparse bool) string {
	u := usage(sparse)
	switch {
	case u.tasks >= o.Tasks:
		return fmt.Sprintf("it had %d processes and threads or more", o.Tasks)
	case u.memory() > o.Memory && exactly(u).memory() > o.Memory:
		return fmt.Sprintf("it used more than %d MiB of memory", o.Memory>>20)
	}
	return ""
}

// used is what the processes of the namespace have.
type used struct {
	pids  []string
	tasks int // processes and threads
	// In bytes: memory of one process alone, that which may be shared, counted
	// for each, and files that exist in memory only.
	alone, shared, files int64
}

// memory is what is used. Shared memory may be a mapped file: what is more
// counts.
func (u used) memory() int64 { return u.alone + max(u.shared, u.files) }

// add adds the memory that lines of a file of /proc tell.
func (u *used) add(text []byte, anonymous, swapped, shared string) {
	u.alone += (field(text, anonymous) + field(text, swapped)) << 10
	u.shared += field(text, shared) << 10
}

func (u *used) addStatus(status []byte) { u.add(status, "\nRssAnon:", "\nVmSwap:", "\nRssShmem:") }

// usage looks at every process but the init.
func usage(files bool) (u used) {
	seen := map[uint64]bool{}
	for _, pid := range others() {
		status, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue // it has ended
		}
		u.pids = append(u.pids, pid)
		u.tasks += int(field(status, "\nThreads:"))
		u.addStatus(status)
		if files {
			u.files += filesOf(pid, seen)
		}
	}
	if files {
		u.files += segments()
	}
	return u
}

// others lists the processes of the init's namespace, as /proc numbers them.
func others() (pids []string) {
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return nil
	}
	if self != "1" { // it is the /proc of others, too
		n, _ := strconv.Atoi(self)
		for _, pid := range descendants(n) {
			pids = append(pids, strconv.Itoa(pid))
		}
		return pids
	}
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	return slices.DeleteFunc(names, func(pid string) bool { return pid[0] < '0' || pid[0] > '9' || pid == self })
}

// field reads the number behind a name.
func field(text []byte, name string) int64 {
	_, rest, _ := bytes.Cut(text, []byte(name))
	n, _ := strconv.ParseInt(leadingNumber(rest), 10, 64)
	return n
}

func leadingNumber(b []byte) string {
	b = bytes.TrimLeft(b, " \t")
	end := bytes.IndexFunc(b, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(b)
	}
	return string(b[:end])
}

// filesOf adds up the files of memfd_create that a process holds, each inode
// once.
func filesOf(pid string, seen map[uint64]bool) (sum int64) {
	dir, err := os.Open("/proc/" + pid + "/fd")
	if err != nil {
		return 0
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	link := make([]byte, 16)
	for _, name := range names {
		n, err := unix.Readlinkat(int(dir.Fd()), name, link)
		if err != nil || !strings.HasPrefix(string(link[:n]), "/memfd:") {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), name, &st, 0) == nil && !seen[st.Ino] {
			seen[st.Ino] = true
			sum += st.Blocks * 512
		}
	}
	return sum
}

// segments adds up System V shared memory.
func segments() (sum int64) {
	list, _ := os.ReadFile("/proc/sysvipc/shm")
	for _, line := range bytes.Split(list, []byte("\n")) {
		if f := bytes.Fields(line); len(f) > 14 {
			rss, _ := strconv.ParseInt(string(f[14]), 10, 64)
			sum += rss
		}
	}
	return sum
}

// exactly is usage where what several share counts once. The kernel walks the
// page tables for it.
func exactly(u used) (sum used) {
	sum.files = u.files
	for _, pid := range u.pids {
		if rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup"); err == nil {
			sum.add(rollup, "\nPss_Anon:", "\nSwapPss:", "\nPss_Shmem:")
		} else if status, err := os.ReadFile("/proc/" + pid + "/status"); err == nil {
			sum.addStatus(status) // it hides its memory
		}
	}
	return sum
}
