package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	// Insecure starts the command even if Sandbox says that something is
	// missing: with as much of the sandbox as there is.
	Insecure bool
}

// Spawn starts a command in the host. It runs under a tiny init in PID, mount
// and IPC namespaces of its own: with a private Home and /tmp, the rest of the
// file system for reading only, and no process of the machine in sight.
//
// It returns when the command was executed; waiting until it is ready is the
// caller's. Every descendant dies with Kill, with the lab's Close, and with
// this process, however it ends.
func (h *Host) Spawn(s Spec) (*Process, error) {
	o, err := s.orders()
	if err == nil {
		// Without it the process's sockets would be nobody's.
		_, err = os.Stat("/proc/thread-self/children")
	}
	if err != nil {
		return nil, fmt.Errorf("netns: host %s: spawn for %s: %w", h.name, s.Owner, err)
	}
	p, err := launch(h.inside, s.Owner, o, new(ring))
	if err != nil {
		return nil, fmt.Errorf("netns: host %s: spawn %s: %w", h.name, o.Path, err)
	}
	if err := h.adopt(p); err != nil {
		_ = p.Kill()
		return nil, err
	}
	return p, nil
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
	p, err := startInit(in, owner, out)
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
func (s Spec) orders() (orders, error) {
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
	o := orders{Path: path, Argv: s.Argv, Files: s.Files}
	o.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + Home, "TMPDIR=" + Home, "LANG=C.UTF-8"}, s.Env...)
	o.Keep, err = s.keep(path)
	return o, err
}

// keep lists what has to stay visible: Dir, Reads, and the executable's
// directory.
func (s Spec) keep(path string) ([]string, error) {
	var dirs []string
	if s.Dir != "" {
		dir, err := filepath.Abs(s.Dir)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	for _, path := range s.Reads {
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.Dir, path)
		}
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, path)
	}
	if !s.writes(path) {
		dirs = append(dirs, filepath.Dir(path))
		if real, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(real))
		}
	}
	for _, dir := range dirs {
		if dir == Home {
			return nil, fmt.Errorf("the command cannot see %s, for its private home is there: move the description or the program into a directory below", dir)
		}
	}
	return dirs, nil
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
		path, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		return filepath.Abs(path)
	case filepath.IsAbs(name):
		return name, nil
	}
	if own := filepath.Join(Home, name); s.writes(own) {
		return own, nil
	}
	return filepath.Abs(filepath.Join(s.Dir, name))
}

// spawner starts all processes from one thread that never ends: the signal
// that kills a process together with its parent is sent when the thread that
// started it ends.
var spawner = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// startInit starts the init in a network namespace.
func startInit(in place, owner string, out output) (p *Process, err error) {
	pipes, err := newPipes()
	if err != nil {
		return nil, err
	}
	defer pipes.closeTheirs()
	done := make(chan struct{})
	var cmd *os.Process
	spawner() <- func() {
		defer close(done)
		err = in(func() (err error) {
			cmd, err = os.StartProcess("/proc/self/exe", []string{"greka-init"}, &os.ProcAttr{
				// One processor and no garbage collection start faster.
				Env:   []string{mark + "=" + markInit, "GOMAXPROCS=1", "GOGC=off"},
				Files: pipes.theirs(),
				Sys: &syscall.SysProcAttr{
					Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWIPC,
					Pdeathsig:  syscall.SIGKILL,
					Setsid:     true,
				},
			})
			return err
		})
	}
	<-done
	if err != nil {
		pipes.closeOurs()
		return nil, fmt.Errorf("start init: %w", err)
	}
	if initStarted != nil {
		initStarted(cmd.Pid)
	}
	return newProcess(cmd, owner, pipes, out), nil
}

// initStarted lets a test lay hands on an init.
var initStarted func(pid int)
