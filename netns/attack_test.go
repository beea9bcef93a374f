package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attack is something that a stranger's program may try.
type attack struct {
	name string
	// do tries it, from inside; nil means that it worked.
	do func(aims) error
	// The twin: without these layers the same attack works, in these places.
	without []string
	works   []string
	needs   func(aims) bool // what the machine must have for the twin; nil is nothing
}

// Where attacks are tried.
const (
	asRoot      = "as root"
	asOrdinary  = "as an ordinary user"
	inContainer = "in a container"
)

var everywhere = []string{asRoot, asOrdinary, inContainer}

// aims is what attacks aim at: things of this machine that a test made.
type aims struct {
	Dir    string // shown to the program, for reading
	Home   string // a directory of the user's with a file "mine"
	TTY    string // the user's terminal
	Socket string // somebody's AF_UNIX socket, by path, and with @ by name
	Victim int    // a process of the user's
	Device int    // a block device
}

// Whoever has these has the machine.
var (
	privileged = []string{layerUser, layerCapabilities, layerCalls}
	exposed    = []string{layerUser, layerRoot}
	naked      = append([]string{layerRoot}, privileged...)
)

var attacks = []attack{
	{"remount what is shown, and write to it", remount, privileged, everywhere, nil},
	{"open the machine's disk", openDisk, naked, []string{asRoot}, func(a aims) bool { return a.Device != 0 }},
	{"mount something", mountTmpfs, privileged, everywhere, nil},
	{"set the host's name", func(aims) error { return unix.Sethostname([]byte("pwned")) }, privileged, everywhere, nil},
	{"set the domain's name", func(aims) error { return unix.Setdomainname([]byte("pwned")) }, privileged, everywhere, nil},
	{"kernel.core_pattern", func(aims) error { return rewrite("/proc/sys/kernel/core_pattern") }, naked, []string{asRoot}, nil},
	{"kernel.core_pattern through a fresh /proc", freshCorePattern, naked, []string{asRoot}, nil},
	{"freeze a process through its control group", freeze, append([]string{layerPID, layerLimits}, naked...), []string{asRoot}, nil},
	{"set the clock", setClock, privileged, []string{asRoot}, nil},
	{"set the time zone of the kernel", setZone, privileged, []string{asRoot}, nil},
	{"write to the user's terminal", func(a aims) error { return write(a.TTY) }, exposed, everywhere, nil},
	{"connect to a socket with a path", func(a aims) error { return connect(a.Socket) }, exposed, everywhere, nil},
	{"connect to a socket with a name", func(a aims) error { return connect("@" + a.Socket) }, []string{}, everywhere, nil},
	{"read /etc/shadow", func(aims) error { return read("/etc/shadow") }, exposed, []string{asRoot, inContainer}, nil},
	{"look into /root", func(aims) error { _, err := os.ReadDir("/root"); return err }, exposed, []string{asRoot, inContainer}, nil},
	{"read the user's files", func(a aims) error { return read(filepath.Join(a.Home, "mine")) }, exposed, everywhere, nil},
	{"write the user's files", func(a aims) error { return write(filepath.Join(a.Home, "mine")) }, exposed, everywhere, nil},
	{"write what is shown", func(a aims) error { return write(filepath.Join(a.Dir, "pwned")) }, exposed, everywhere, nil},
	{"send a signal to the user's process", func(a aims) error { return unix.Kill(a.Victim, unix.SIGCONT) },
		[]string{layerPID, layerUser, layerLimits}, everywhere, nil},
	{"trace the user's process", trace, append([]string{layerPID, layerLimits}, privileged...), []string{asRoot}, nil},
	{"make a user namespace", makeUserNamespace, []string{layerUser, layerCalls}, everywhere, nil},
	{"bind a packet socket", func(aims) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) }, privileged, everywhere, nil},
	{"change the network", addAddressInside, privileged, everywhere, nil},
}

func remount(a aims) error {
	err := unix.Mount("", a.Dir, "", unix.MS_REMOUNT|unix.MS_BIND, "")
	return errors.Join(err, write(filepath.Join(a.Dir, "pwned")))
}

func openDisk(a aims) error {
	at := Home + "/disk"
	if err := unix.Mknod(at, unix.S_IFBLK|0o600, a.Device); err != nil {
		return err
	}
	return read(at)
}

func mountTmpfs(aims) error {
	at := Home + "/mounted"
	return errors.Join(os.Mkdir(at, 0o755), unix.Mount("x", at, "tmpfs", 0, ""))
}

func freshCorePattern(aims) error {
	at := Home + "/proc"
	if err := errors.Join(os.Mkdir(at, 0o755), unix.Mount("proc", at, "proc", 0, "")); err != nil {
		return err
	}
	return rewrite(at + "/sys/kernel/core_pattern")
}

// freeze freezes a process, and thaws it.
func freeze(a aims) error {
	at, victim := Home+"/groups", strconv.Itoa(a.Victim)
	err := os.Mkdir(at, 0o755)
	first := unix.Mount("x", at, "cgroup", 0, "freezer")
	group := filepath.Join(at, "greka-test-"+victim)
	if first == nil {
		err = errors.Join(err, os.Mkdir(group, 0o755), put(group+"/cgroup.procs", victim), put(group+"/freezer.state", "FROZEN"),
			put(group+"/freezer.state", "THAWED"), put(at+"/cgroup.procs", victim))
		return errors.Join(err, unix.Rmdir(group))
	}
	second := unix.Mount("x", at, "cgroup2", 0, "")
	if second != nil {
		return errors.Join(err, first, second)
	}
	err = errors.Join(err, os.Mkdir(group, 0o755), put(group+"/cgroup.procs", victim), put(group+"/cgroup.freeze", "1"),
		put(group+"/cgroup.freeze", "0"), put(at+"/cgroup.procs", victim))
	return errors.Join(err, unix.Rmdir(group))
}

// setClock sets a property of the clock to what it is.
func setClock(aims) error {
	var now unix.Timex
	if _, err := unix.Adjtimex(&now); err != nil {
		return err
	}
	now.Modes = unix.ADJ_ESTERROR
	_, err := unix.Adjtimex(&now)
	return err
}

// setZone sets the kernel's time zone to what it is.
func setZone(aims) error {
	var now unix.Timeval
	var zone [2]int32
	if _, _, e := unix.Syscall(unix.SYS_GETTIMEOFDAY, uintptr(unsafe.Pointer(&now)), uintptr(unsafe.Pointer(&zone)), 0); e != 0 {
		return e
	}
	if _, _, e := unix.Syscall(unix.SYS_SETTIMEOFDAY, 0, uintptr(unsafe.Pointer(&zone)), 0); e != 0 {
		return e
	}
	return nil
}

func connect(name string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrUnix{Name: name})
}

func trace(a aims) error {
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(a.Victim), 0, 0, 0, 0)
	if e != 0 {
		return e
	}
	return nil // it ends with this process
}

func makeUserNamespace(aims) error {
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}})
	if err != nil {
		return err
	}
	_, err = unix.Wait4(pid, nil, 0, nil)
	return err
}

func socket(domain, typ, proto int) error {
	fd, err := unix.Socket(domain, typ, proto)
	if err == nil {
		unix.Close(fd)
	}
	return err
}

func addAddressInside(aims) error {
	c, err := newConn(unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer c.close()
	var b batch
	setUp(&b, loopbackDevice)
	return c.do(&b)
}

func read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func write(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString("pwned")
	return errors.Join(err, f.Close())
}

// put writes to a file that is there.
func put(path, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(content)
	return errors.Join(err, f.Close())
}

// rewrite writes what is there already.
func rewrite(path string) error {
	now, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return put(path, strings.TrimSuffix(string(now), "\n"))
}

func init() {
	programs["attack"] = func() int {
		for _, a := range attacks {
			if a.name != os.Args[1] {
				continue
			}
			if err := a.do(parseAims(os.Args[2:])); err != nil {
				fmt.Println("failed:", strings.ReplaceAll(err.Error(), "\n", "; "))
			} else {
				fmt.Println("worked")
			}
		}
		return 0
	}
}

func (a aims) args() []string {
	return []string{a.Dir, a.Home, a.TTY, a.Socket, strconv.Itoa(a.Victim), strconv.Itoa(a.Device)}
}

func parseAims(args []string) (a aims) {
	a.Dir, a.Home, a.TTY, a.Socket = args[0], args[1], args[2], args[3]
	a.Victim, _ = strconv.Atoi(args[4])
	a.Device, _ = strconv.Atoi(args[5])
	return a
}
