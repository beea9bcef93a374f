package netns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// No attack works, wherever Greka runs, and each would work if the layers were
// missing that are there against it.
func TestAttacks(t *testing.T) {
	Require(t)
	for _, place := range places() {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			a := aim(t, uidIn(place))
			name, err := os.Hostname()
			if err != nil {
				t.Fatal(err)
			}
			cmd := commandIn(t, place, append([]string{place}, a.args()...)...)
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != "all done\n" {
				t.Errorf("%v\n%s", err, out)
			}
			if now, _ := os.Hostname(); now != name {
				t.Errorf("the machine is called %s now", now)
			}
		})
	}
}

func places() []string {
	if len(uids()) == 1 {
		return []string{asOrdinary} // it is not root who runs the test
	}
	return everywhere
}

func uidIn(place string) int {
	if place == asOrdinary {
		return uids()[len(uids())-1]
	}
	return os.Geteuid()
}

// commandIn runs the role "attacks" of this binary somewhere.
func commandIn(t *testing.T, place string, args ...string) *exec.Cmd {
	t.Helper()
	self := copyOfSelf(t, "attacks")
	cmd := exec.Command(self, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=attacks"}
	if place == inContainer {
		// What container engines hide of /proc, and what they forbid.
		script := "for f in kcore keys iomem; do test ! -e /proc/$f || mount --bind /dev/null /proc/$f || exit 1; done; " +
			"mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec setpriv --bounding-set -sys_admin,-net_admin,-sys_time,-mknod,-sys_ptrace --inh-caps -all --no-new-privs \"$0\" \"$@\""
		cmd = exec.Command("/bin/sh", append([]string{"-c", script, self}, args...)...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), programEnv + "=contain"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
	}
	if place == asOrdinary {
		asUser(cmd, uidIn(place))
	}
	return cmd
}

func init() {
	// contain puts the filter of container engines on itself and goes on as
	// the role "attacks".
	programs["contain"] = func() int {
		var p bpfProgram
		p.load(offNumber)
		for _, number := range []uint32{unix.SYS_MOUNT_SETATTR, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT} {
			p.call(number, func(p *bpfProgram) { p.fail(unix.EPERM) })
		}
		p.allow()
		err := p.install()
		if err == nil {
			err = unix.Exec("/proc/self/exe", os.Args, []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=attacks"})
		}
		fmt.Println(err)
		return 1
	}
	roles["attacks"] = func() int {
		place, a := os.Args[1], parseAims(os.Args[2:])
		missing := Sandbox()
		if place == inContainer {
			if len(missing) != 1 || !strings.HasPrefix(missing[0], "a /proc of its own") {
				fmt.Printf("the sandbox lacks %q\n", missing)
			}
		} else if missing != nil {
			fmt.Printf("the sandbox lacks %q\n", missing)
		}
		l, err := net.Listen("unix", "@"+a.Socket)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		defer l.Close()
		if err := limitsHold(); err != nil {
			fmt.Println(err)
		}
		for _, attack := range attacks {
			if said := try(attack, a, nil); !strings.HasPrefix(said, "failed: ") {
				fmt.Printf("%s: %s\n", attack.name, said)
			}
			if !slices.Contains(attack.works, place) || attack.needs != nil && !attack.needs(a) {
				continue
			}
			if said := try(attack, a, attack.without); said != "worked\n" {
				fmt.Printf("%s, without %q: %s\n", attack.name, attack.without, said)
			}
		}
		fmt.Println("all done")
		return 0
	}
}

// limitsHold checks that limits are of the command's own processes, and not of
// those that an old /proc shows: there are more than 30 on a machine.
func limitsHold() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	run := func(kind string) error {
		_, err := RunAlone(context.Background(), Spec{Argv: []string{self, kind}, Env: []string{programEnv + "=bomb"}, Tasks: 30, Insecure: true}, 1000)
		return err
	}
	var exit *Exit
	if err := run("processes"); !errors.As(err, &exit) || exit.Limit == "" {
		return fmt.Errorf("more processes than it may have: %v", err)
	}
	if err := run("nothing"); err != nil {
		return fmt.Errorf("no more processes than it may have: %v", err)
	}
	return nil
}

// try runs an attack: in the sandbox, in one without some layers, or, if that
// is an empty list, in none.
func try(what attack, a aims, without []string) string {
	self, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	argv := append([]string{self, what.name}, a.args()...)
	env := programEnv + "=attack"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if without != nil && len(without) == 0 {
		cmd := exec.CommandContext(ctx, self, argv[1:]...)
		cmd.Env = []string{env}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Sprint(err, " ", string(out))
		}
		return string(out)
	}
	out, err := RunAlone(ctx, Spec{Argv: argv, Env: []string{env}, Dir: a.Dir, Insecure: true, without: without}, 1000)
	if err != nil {
		return fmt.Sprint(err, " ", string(out))
	}
	return string(out)
}

// aim makes what attacks aim at.
func aim(t *testing.T, uid int) aims {
	t.Helper()
	top, err := os.MkdirTemp("", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(top) })
	a := aims{Dir: filepath.Join(top, "dir"), Home: filepath.Join(top, "home"), Socket: filepath.Join(top, "socket"), TTY: terminal(t, uid), Device: disk()}
	for _, dir := range []string{a.Dir, a.Home} {
		if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, uid, uid)); err != nil {
			t.Fatal(err)
		}
	}
	mine := filepath.Join(a.Home, "mine")
	l, err := net.Listen("unix", a.Socket)
	err = errors.Join(err, os.Chmod(top, 0o755), os.WriteFile(mine, nil, 0o600), os.Chown(mine, uid, uid), os.Chmod(a.Socket, 0o777))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	victim := exec.Command("sleep", "1000")
	asUser(victim, uid)
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := victim.Process.Kill(); err != nil {
			t.Errorf("the user's process: %v", err)
		}
		_ = victim.Wait()
	})
	a.Victim = victim.Process.Pid
	return a
}

// terminal makes one for a user, and returns its path. Nothing may come out of
// it.
func terminal(t *testing.T, uid int) string {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	var unlocked int32
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked))); e != 0 || err != nil {
		t.Fatal(err, e)
	}
	path := "/dev/pts/" + strconv.Itoa(number)
	if err := os.Chown(path, uid, -1); err != nil {
		t.Fatal(err)
	}
	return path
}

// disk is the number of a block device that this process can open, 0 if there
// is none.
func disk() int {
	names, _ := filepath.Glob("/dev/*")
	for _, name := range names {
		var st unix.Stat_t
		if unix.Stat(name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && read(name) == nil {
			return int(st.Rdev)
		}
	}
	return 0
}
