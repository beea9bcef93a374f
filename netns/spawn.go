package netns

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Spec says what Spawn starts.
type Spec struct {
	// Owner is the element to which the process's sockets belong.
	Owner string
	// Argv is the command. A name without a slash is looked up in PATH; a
	// relative path is that of one of Files, or else lies in Dir.
	Argv []string
	// Env is added to the environment, which holds nothing but PATH, HOME
	// and TMPDIR (both Home) and LANG=C.UTF-8.
	Env []string
	// Files are written into Home before the start: relative path, content.
	Files map[string][]byte
	// Dir is a directory that the process can see (and not change) even if
	// it lies in one that is private otherwise. "" is none.
	Dir string
	// Reads are files and directories that the process can see (and not
	// change) besides its own, Dir and what belongs to the system. A relative
	// path lies in Dir. One that is not there is an error.
	Reads []string
	// Settings are files and directories that installed packages have brought
	// besides what every command sees. They are shown too, if they are there;
	// who may read what in them is as on the machine, where Dir and Reads can
	// be read if this process can.
	Settings []string
	// Memory is how much the command and its descendants may have, in bytes:
	// 0 is 2 GiB. Tasks is how many processes and threads: 0 is 1024. What
	// they may write is 256 MiB, of memory. Who passes a limit is ended, all
	// of it, and Err says why.
	Memory int64
	Tasks  int
	// Insecure starts the command even if Sandbox says that something is
	// missing: with as much of the sandbox as there is.
	Insecure bool

	without []string // layers of the sandbox to leave out, for tests
}

// Spawn starts a command in the host, as a stranger: with a private Home and
// /tmp, the system, Dir and Reads to read, and nothing else of the machine in
// sight; with no capability, and with no system call that administers a machine.
// Package documentation tells more.
//
// It returns when the command was executed; waiting until it is ready is the
// caller's. Every descendant dies with Kill, with the lab's Close, and with
// this process, however it ends.
func (h *Host) Spawn(s Spec) (*Process, error) {
	o, err := s.orders(h.name, h.Addrs())
	if err == nil {
		// Without it the process's sockets would be nobody's.
		_, err = os.Stat("/proc/thread-self/children")
	}
	if err != nil {
		return nil, fmt.Errorf("netns: host %s: spawn for %s: %w", h.name, s.Owner, err)
	}
	defer o.close()
	p, err := launch(h.open, s.Owner, o, new(ring))
	if err != nil {
		return nil, fmt.Errorf("netns: host %s: spawn %s: %w", h.name, o.Path, err)
	}
	if err := h.adopt(p); err != nil {
		_ = p.Kill()
		return nil, err
	}
	return p, nil
}

// open is inside where ports below 1024 are anybody's: a program has no
// capability. Most hosts have none, and to write it takes 40 µs.
func (h *Host) open(f func() error) error {
	return h.inside(func() error {
		if !h.lowPorts.Swap(true) {
			_ = writeSysctl("ipv4/ip_unprivileged_port_start", "0")
		}
		return f()
	})
}

// closeLowPorts takes back what open has done, to what each namespace begins
// with (PROT_SOCK, inet_init_net).
func (l *Lab) closeLowPorts() (err error) {
	for _, h := range l.hosts {
		if h.lowPorts.Swap(false) {
			err = errors.Join(err, h.inside(func() error { return writeSysctl("ipv4/ip_unprivileged_port_start", "1024") }))
		}
	}
	return err
}

// place runs a function on a thread in some network namespace.
type place func(func() error) error

// launch starts an init and lets it start the command. If that fails nothing is
// left of either. An init that is silent is given a second try.
func launch(in place, owner string, o orders, out output) (*Process, error) {
	p, err := launchOnce(in, owner, o, out)
	if errors.Is(err, errSilent) {
		p, err = launchOnce(in, owner, o, out)
	}
	return p, err
}

func launchOnce(in place, owner string, o orders, out output) (*Process, error) {
	p, err := startInit(in, owner, o, out)
	if err != nil {
		return nil, err
	}
	if err := p.order(o); err != nil {
		return nil, errors.Join(err, p.Kill())
	}
	return p, nil
}

// adopt makes the host responsible for a process.
func (h *Host) adopt(p *Process) error {
	h.suspect.Store(true)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fmt.Errorf("netns: host %s: spawn: %w", h.name, errClosed)
	}
	h.processes = append(h.processes, p)
	return nil
}

// orders makes of a Spec what the init has to know.
func (s Spec) orders(host string, addrs []netip.Addr) (orders, error) {
	if len(s.Argv) == 0 {
		return orders{}, errors.New("no command")
	}
	if err := s.secure(); err != nil {
		return orders{}, err
	}
	path, err := s.executable()
	if err != nil {
		return orders{}, err
	}
	o := orders{Path: path, Argv: s.Argv, Files: s.Files, Memory: s.Memory, Tasks: s.Tasks, Insecure: s.Insecure, Without: s.without}
	o.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + Home, "TMPDIR=" + Home, "LANG=C.UTF-8"}, s.Env...)
	if o.Memory <= 0 {
		o.Memory = defaultMemory
	}
	if o.Tasks <= 0 {
		o.Tasks = defaultTasks
	}
	for _, a := range addrs {
		o.Hosts = append(o.Hosts, a.String())
	}
	view, err := s.view(path)
	if err != nil {
		return orders{}, err
	}
	o.confine(host, view, s.Settings)
	return o, nil
}

// confine adds what is the same for all commands, and the mounts of what this
// one sees.
func (o *orders) confine(host string, view, settings []string) {
	id := stranger()
	if !o.has(layerUser) {
		id.chosen = false
	}
	o.Hostname, o.system = host, system()
	for _, path := range view {
		o.see(path, id)
	}
	id.chosen = false
	for _, path := range settings {
		if _, err := os.Stat(path); err == nil && filepath.IsAbs(path) && showable(filepath.Clean(path)) {
			o.see(filepath.Clean(path), id)
		}
	}
	// A directory before what is in it.
	slices.SortStableFunc(o.View, func(a, b piece) int { return strings.Compare(a.Path, b.Path) })
}

// see adds a path to what the command sees, translated for an identity.
func (o *orders) see(path string, id identity) {
	p := piece{Path: path}
	if tree := id.tree(path); tree != nil {
		o.mounts = append(o.mounts, tree)
		p.FD = controlFD + len(o.mounts)
	}
	o.View = append(o.View, p)
}

// writes reports whether a path is that of one of Files.
func (s Spec) writes(path string) bool {
	name, err := filepath.Rel(Home, path)
	_, ok := s.Files[name]
	return err == nil && ok
}

// executable finds the command's file.
func (s Spec) executable() (string, error) {
	name := s.Argv[0]
	switch {
	case !strings.Contains(name, "/"):
		return lookPath(name)
	case filepath.IsAbs(name):
		return name, s.exists(name)
	}
	if own := filepath.Join(Home, name); s.writes(own) {
		return own, nil
	}
	path, err := filepath.Abs(filepath.Join(s.Dir, name))
	if err != nil {
		return "", err
	}
	return path, s.exists(path)
}

func (s Spec) exists(program string) error {
	if s.writes(program) {
		return nil
	}
	_, err := os.Stat(program)
	return err
}

// lookPath finds a command in PATH: one that every command sees, if there is
// one, for in a home there may be a link to something that cannot be seen.
func lookPath(name string) (string, error) {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if path := filepath.Join(dir, name); filepath.IsAbs(dir) && isShown(dir) {
			if found, err := exec.LookPath(path); err == nil {
				return found, nil
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

// spawner starts all processes from one thread that never ends: the signal
// that kills a process together with its parent is sent when the thread that
// started it ends. The thread has the template that they copy.
var spawner = sync.OnceValue(func() chan<- func(t *template, err error) {
	jobs := make(chan func(*template, error))
	go func() {
		runtime.LockOSThread()
		err := settle()
		var t template
		for job := range jobs {
			job(&t, err)
		}
	}()
	return jobs
})

// startInit starts the init in a network namespace.
func startInit(in place, owner string, o orders, out output) (p *Process, err error) {
	if err := roomForSandbox(); err != nil {
		return nil, err
	}
	pipes, err := newPipes()
	if err != nil {
		return nil, err
	}
	defer pipes.closeTheirs()
	done := make(chan struct{})
	var cmd *os.Process
	spawner() <- func(t *template, failed error) {
		defer close(done)
		if err = failed; err == nil {
			err = t.prepare(o)
		}
		if err != nil {
			return
		}
		err = in(func() (err error) {
			cmd, err = os.StartProcess(executable(), []string{"greka-init"}, &os.ProcAttr{
				Env: initEnv, Files: append(pipes.theirs(), o.mounts...), Sys: o.namespaces()})
			return err
		})
	}
	<-done
	if err != nil {
		pipes.closeOurs()
		return nil, fmt.Errorf("start init: %w%s", Scarce(err), crowded(err, nil))
	}
	if initStarted != nil {
		initStarted(cmd.Pid)
	}
	return newProcess(cmd, owner, pipes, out), nil
}

// crowded says what to do if it was for too many processes that one could not
// be started: by the error, or by what Go's runtime says when it gets no thread.
func crowded(err error, said []byte) string {
	if errors.Is(err, unix.EAGAIN) || bytes.Contains(said, []byte("failed to create new OS thread")) {
		return " (this user, or this control group, may have no more processes: see ulimit -u and pids.max)"
	}
	return ""
}

// namespaces says in which the init is.
func (o orders) namespaces() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP}
	if o.has(layerPID) {
		a.Cloneflags |= unix.CLONE_NEWPID
	}
	if o.has(layerUser) {
		stranger().take(a)
	}
	return a
}

// initStarted lets a test lay hands on an init.
var initStarted func(pid int)
