package netns

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// mark is the environment variable that tells a re-executed program what it
// is: markInit, or markInside.
const (
	mark       = "GREKA_NETNS"
	markInit   = "init"   // the tiny init of a stack's process
	markInside = "inside" // this program in a user namespace of its own
)

// controlFD is the init's end of its socket to the lab.
const controlFD = 3

// Every program that imports this package can become the tiny init of a
// stack: Spawn executes /proc/self/exe again. It happens here, while packages
// initialise, and not in main: so it works in every program, whatever its main
// does first, and what is set up after this package (the command line,
// generators, tests) costs no process of any scenario anything.
func init() {
	if os.Getenv(mark) == markInit {
		os.Exit(runInit())
	}
}

// initEnv is an init's environment. One processor and no garbage collection,
// while there is little garbage, start faster.
var initEnv = []string{mark + "=" + markInit, "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=16MiB"}

// runInit is process 1 of a namespace of its own. It shuts itself in, runs the
// command, reaps whatever is left to it, and ends with its control socket: when it ends the kernel kills everything in the
// namespace, daemons too.
func runInit() int {
	// A command may signal its parent. (Taken and dropped: what is ignored
	// would be ignored by the command too.)
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	control := os.NewFile(controlFD, "control")
	var o orders
	if err := receive(control, &o); err != nil {
		fmt.Fprintln(os.Stderr, "greka: this is the init of a lab and must not be started by hand:", err)
		return 2
	}
	missing, err := o.jail()
	if err == nil && o.Rehearse {
		_ = send(control, report{Missing: missing})
		return 0
	}
	if err == nil && missing != nil && !o.Insecure {
		err = fmt.Errorf("%w: it lacks %s", ErrInsecure, strings.Join(missing, ", "))
	}
	child := 0
	if err == nil {
		child, err = start(o)
	}
	if err != nil {
		_ = send(control, report{Failure: err.Error()})
		return 1
	}
	if err := send(control, report{}); err != nil {
		return 1
	}
	go func() {
		// The other end closes when the lab's process dies.
		_, _ = io.Copy(io.Discard, control)
		os.Exit(0)
	}()
	if o.has(layerLimits) {
		go o.watch(func(limit string) { _ = send(control, report{Limit: limit}) })
	}
	reap(child, control)
	return 0
}

// start starts the command.
func start(o orders) (pid int, err error) {
	// No descriptor that this program was started with is the command's.
	_ = unix.CloseRange(controlFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	pid, err = syscall.ForkExec(o.Path, o.Argv, &syscall.ProcAttr{
		Dir: Home, Env: o.Env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true}})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w%s", o.Path, err, crowded(err, nil))
	}
	exempt()
	return pid, letGo()
}

// letGo gives up the command's standard input and output, so that they end
// with the command.
func letGo() error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	for fd := 0; fd <= 2; fd++ {
		if err := unix.Dup3(null, fd, 0); err != nil {
			return fmt.Errorf("give up descriptor %d: %w", fd, err)
		}
	}
	return unix.Close(null)
}

// reap waits for every process of the namespace and reports the end of the
// command. It returns when none is left.
func reap(command int, control io.Writer) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return
		case pid == command:
			_ = send(control, report{Ended: true, Status: uint32(status)})
		}
	}
}
