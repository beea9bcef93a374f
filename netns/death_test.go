package netns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/greka-sip/greka/internal/program"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

func init() {
	// labs makes lab after lab, each with a listener and with a stack that
	// starts a daemon and writes files, and says so, until it is killed.
	roles["labs"] = func() int {
		for n := 0; ; n++ {
			if err := busyLab(os.Getenv("GREKA_TEST_MARK")); err != nil {
				fmt.Println("failed:", err)
				return 1
			}
			fmt.Println("lab", n)
		}
	}
}

// busyPool keeps labs over the rounds of the role labs.
var busyPool Pool

func busyLab(name string) (err error) {
	s, err := scenario.Parse("net lan 46\nnet far 46\nrouter a lan far\nhost b lan\nhost c far\nroute b far via=a\nroute c lan via=a\naddr c far.2\n")
	if err != nil {
		return err
	}
	l, err := busyPool.New(&s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	fmt.Println("made")
	for _, h := range l.hosts[:2] {
		p, err := h.Spawn(Spec{Owner: "x", Env: []string{"GREKA_TEST_MARK=" + name}, Argv: []string{"sh", "-c",
			"setsid sh -c 'trap \"\" TERM HUP INT; sleep 1000; true' & touch /tmp/" + name + " /dev/shm/" + name + "; echo ready; sleep 1000; true"}})
		if err != nil {
			return err
		}
		fmt.Println("spawned")
		for !strings.Contains(string(p.Output()), "ready") {
			time.Sleep(100 * time.Microsecond)
		}
	}
	at := netip.AddrPortFrom(s.Addr("a", "lan"), 5060)
	if p := l.Host("b").Probe(s.Addr("b", "lan"), tcpTo(at)); p.Result != model.ProbeRefused {
		return fmt.Errorf("probe: %v", p)
	}
	return nil
}

// Whenever the process is killed, nothing is left: no process, daemons and
// inits included, no namespace, no link, mount or file of the machine.
// GREKA_KILLS is how often, half of them as an ordinary user.
func TestNothingIsLeftAfterSIGKILL(t *testing.T) {
	Require(t)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	if n, err := strconv.Atoi(os.Getenv("GREKA_KILLS")); err == nil {
		rounds = n
	}
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	for _, uid := range uids() {
		t.Run(fmt.Sprint("uid", uid), func(t *testing.T) {
			links, mounts := machineLinks(t), machineMounts(t)
			name := fmt.Sprintf("greka-test-%d-%d", os.Getpid(), random.Int63())
			program := copyOfSelf(t, name)
			t.Cleanup(func() { killLeft(t, program, name) })
			for i := 0; i < rounds/len(uids()); i++ {
				lines, delay := 1+random.Intn(8), time.Duration(random.Int63n(int64(20*time.Millisecond)))
				killLabs(t, program, name, uid, lines, delay)
				eventually(t, fmt.Sprintf("no process is left (killed after %d lines and %v)", lines, delay), func() bool {
					return len(processesOf(t, program, name)) == 0
				})
			}
			if got := machineLinks(t); got != links {
				t.Errorf("links of the machine: %s, before %s", got, links)
			}
			if got := machineMounts(t); got != mounts {
				t.Errorf("mounts of the machine: %s, before %s", got, mounts)
			}
			for _, dir := range []string{"/tmp", "/dev/shm"} {
				if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("a file is left in %s (%v)", dir, err)
				}
			}
		})
	}
}

// The negative twin: what lives is found, with its daemons.
func TestProcessesAreFoundWhileTheyLive(t *testing.T) {
	Require(t)
	name := fmt.Sprintf("greka-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	program := copyOfSelf(t, name)
	l := newLab(t, lan(scenario.IPv4, "a"))
	p, err := l.Host("a").Spawn(Spec{Owner: "x", Argv: []string{"sh", "-c", "setsid sleep 1000 & echo ready; exec sleep 1000"}, Env: []string{"GREKA_TEST_MARK=" + name}})
	if err != nil {
		t.Fatal(err)
	}
	said(t, p, "ready")
	eventually(t, "the command and its daemon are found", func() bool { return len(processesOf(t, program, name)) == 2 })
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if left := processesOf(t, program, name); len(left) != 0 {
		t.Errorf("Kill leaves %q", left)
	}
}

// killLabs runs the role labs as a user and kills it some time after it has
// printed some lines.
func killLabs(t *testing.T, program, name string, uid, lines int, delay time.Duration) {
	t.Helper()
	cmd := exec.Command(program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), roleEnv + "=labs", "GREKA_TEST_MARK=" + name}
	cmd.Stderr = os.Stderr
	asUser(cmd, uid)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for i := 0; i < lines && in.Scan(); i++ {
		if strings.HasPrefix(in.Text(), "failed") {
			t.Error(in.Text())
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	time.Sleep(delay) // any moment will do: that is the point
	if err := cmd.Process.Kill(); err != nil {
		t.Errorf("it ended by itself: %v", err)
	}
	_, _ = cmd.Process.Wait()
}

// uids lists the users as whom tests run this binary: an ordinary one too, if
// this is the machine's root.
func uids() []int {
	if os.Geteuid() != 0 || os.Getenv(mark) == markInside {
		return []int{os.Geteuid()}
	}
	return []int{0, 65534}
}

func asUser(cmd *exec.Cmd, uid int) {
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
}

// copyOfSelf copies the test binary to a path of its own that everybody can
// execute: by it all its processes are known.
func copyOfSelf(t *testing.T, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, name+".test")
	program.CopySelf(t, path)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// processesOf lists the processes that execute a program or carry a mark in
// their environment, except zombies.
func processesOf(t *testing.T, program, name string) (found []string) {
	t.Helper()
	all, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		dir := "/proc/" + p.Name()
		exe, err := os.Readlink(dir + "/exe")
		if err != nil {
			continue // no process, or one of somebody else's, or ended
		}
		env, _ := os.ReadFile(dir + "/environ")
		if strings.TrimSuffix(exe, " (deleted)") == program || strings.Contains(string(env), "GREKA_TEST_MARK="+name) {
			found = append(found, p.Name()+" "+exe)
		}
	}
	return found
}

// killLeft ends what a failed test has left.
func killLeft(t *testing.T, program, name string) {
	t.Helper()
	for _, p := range processesOf(t, program, name) {
		var pid int
		if _, err := fmt.Sscan(p, &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func machineLinks(t *testing.T) string {
	t.Helper()
	all, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, l := range all {
		names = append(names, l.Attrs().Name)
	}
	return strings.Join(names, " ")
}

// machineMounts lists the mounts that could be ours.
func machineMounts(t *testing.T) string {
	t.Helper()
	all, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var ours []string
	for _, line := range strings.Split(string(all), "\n") {
		if strings.Contains(line, " greka ") || strings.Contains(line, "nsfs") {
			ours = append(ours, line)
		}
	}
	return strings.Join(ours, "\n")
}
