package honest

import (
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A child of an agent is this program again; what it is says childVariable.
const childVariable = "GREKA_ODD_CHILD"

func (a *agent) child(what string, files ...*os.File) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVariable+"="+what)
	cmd.ExtraFiles = files
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
}

// socketPair returns the two ends of a pair of AF_UNIX sockets.
func socketPair() (ours *net.UnixConn, theirs *os.File) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		panic(err)
	}
	f := os.NewFile(uintptr(fds[0]), "pair")
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		panic(err)
	}
	return c.(*net.UnixConn), os.NewFile(uintptr(fds[1]), "pair")
}

// childAccepts gives the listener to a child and takes the connections that it
// sends.
func childAccepts(a *agent, l *net.TCPListener) {
	f, err := l.File()
	if err != nil {
		panic(err)
	}
	ours, theirs := socketPair()
	a.child("accepts", f, theirs)
	f.Close()
	theirs.Close()
	l.Close()
	go func() {
		b, oob := make([]byte, 1), make([]byte, 128)
		for {
			_, n, _, _, err := ours.ReadMsgUnix(b, oob)
			if err != nil {
				return
			}
			messages, _ := unix.ParseSocketControlMessage(oob[:n])
			for _, m := range messages {
				fds, _ := unix.ParseUnixRights(&m)
				for _, fd := range fds {
					f := os.NewFile(uintptr(fd), "accepted")
					if c, err := net.FileConn(f); err == nil {
						a.accepted(c)
					}
					f.Close()
				}
			}
		}
	}()
}

// childRelays gives the listener to a child that carries bytes to and fro.
func childRelays(a *agent, l *net.TCPListener) {
	inner, err := net.Listen("unix", os.Getenv("TMPDIR")+"/inner")
	if err != nil {
		panic(err)
	}
	f, err := l.File()
	if err != nil {
		panic(err)
	}
	a.child("relays", f)
	f.Close()
	l.Close()
	go a.accept(inner)
}

// childSleeps starts a helper that has the listener, too, and never looks at
// it.
func childSleeps(a *agent, l *net.TCPListener) {
	f, err := l.File()
	if err != nil {
		panic(err)
	}
	a.child("sleeps", f)
	f.Close()
	go a.accept(l)
}

// beChild is the program of a child.
func beChild(what string) {
	listener := func() net.Listener {
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			panic(err)
		}
		return l
	}
	switch what {
	case "sleeps":
		time.Sleep(time.Hour)
	case "accepts":
		l := listener()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if f, err := c.(*net.TCPConn).File(); err == nil {
				_ = unix.Sendmsg(4, []byte{0}, unix.UnixRights(int(f.Fd())), nil, 0)
				f.Close()
			}
			c.Close()
		}
	case "relays":
		l := listener()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			in, err := net.Dial("unix", os.Getenv("TMPDIR")+"/inner")
			if err != nil {
				c.Close()
				continue
			}
			go carry(c, in)
			go carry(in, c)
		}
	}
}

// carry copies one direction to its end.
func carry(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	to.Close()
	from.Close()
}

// leave lets a grandchild in a session of its own go on in its stead. What it
// was started as stays until its standard input ends, and takes no part.
func leave(*agent) {
	if os.Getenv("GREKA_ODD_LEFT") != "" {
		return
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), "GREKA_ODD_LEFT=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_ = cmd.Wait()
	os.Exit(0)
}
