package netns

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/internal/program"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

// shell starts a shell script in a fresh lab's host "a".
func shell(t testing.TB, h *Host, script string, files map[string][]byte) *Process {
	t.Helper()
	p, err := h.Spawn(Spec{Owner: "bob", Argv: []string{"/bin/sh", "-c", script}, Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ended waits for the end of a command.
func ended(t testing.TB, p *Process) *Exit {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		t.Fatalf("the command did not end; it said %q", p.Output())
	}
	var exit *Exit
	if !errors.As(p.Err(), &exit) {
		t.Fatalf("the command ended with %v", p.Err())
	}
	return exit
}

// said waits until the output contains a text.
func said(t testing.TB, p *Process, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("the output contains %q", want), func() bool {
		return bytes.Contains(p.Output(), []byte(want))
	})
}

func TestSpawnRunsInItsHost(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	p := shell(t, l.Host("a"), "readlink /proc/self/ns/net; exit 3", nil)
	if exit := ended(t, p); exit.Status != 3 || exit.Signal != 0 || p.Err().Error() != "exited with status 3" {
		t.Errorf("the command ended with %v", p.Err())
	}
	_ = l.Host("a").Do(func() error {
		if want := threadNamespace(t); strings.TrimSpace(string(p.Output())) != want {
			t.Errorf("the command was in %q, want %s", p.Output(), want)
		}
		return nil
	})
}

func TestSpawnHasItsOwnFilesAndNothingElseToWrite(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	name := fmt.Sprintf("greka-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	script := strings.NewReplacer("NAME", name, "@DIR@", mustGetwd(t)).Replace(`
		pwd; echo $HOME $TMPDIR $LANG; cat conf/x; ./run
		for d in "$HOME" "$TMPDIR" /tmp /var/tmp /run /dev/shm; do echo in > "$d/NAME" || echo cannot write $d; done
		for d in / /etc /usr /var/lib @DIR@; do (echo out > "$d/NAME") 2>/dev/null && echo can write $d; done
		(echo x > /proc/self/comm) 2>/dev/null && echo can write /proc
		ls /tmp`)
	p := shell(t, l.Host("a"), script, map[string][]byte{"conf/x": []byte("config\n"), "run": []byte("#!/bin/sh\necho ran\n")})
	ended(t, p)
	want := "/mnt\n/mnt /mnt C.UTF-8\nconfig\nran\n" + name + "\n"
	if got := string(p.Output()); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, dir := range []string{Home, "/tmp", "/var/tmp", "/run", "/dev/shm", "/", "/etc", "/usr", "/var/lib", "."} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s/%s is on the machine: %v", dir, name, err)
		}
	}
}

// A command may be one of the files that are written for it.
func TestSpawnOfItsOwnFile(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	files := map[string][]byte{"bin/run": []byte("#!/bin/sh\necho ran; ls\n")}
	for _, name := range []string{"bin/run", "./bin/run", Home + "/bin/run"} {
		p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{name}, Files: files})
		if err != nil {
			t.Fatal(err)
		}
		if ended(t, p); string(p.Output()) != "ran\nbin\n" {
			t.Errorf("%s says %q", name, p.Output())
		}
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// The environment of this process is not the command's: settings and secrets
// of a person's session do not reach it.
func TestSpawnHasACleanEnvironment(t *testing.T) {
	t.Setenv("GREKA_TEST_SECRET", "secret")
	l := newLab(t, lan(scenario.IPv4, "a"))
	p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{"env"}, Env: []string{"EXTRA=1"}})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	var names []string
	for _, line := range strings.Split(strings.TrimSpace(string(p.Output())), "\n") {
		names = append(names, strings.SplitN(line, "=", 2)[0])
	}
	if got := strings.Join(names, " "); got != "PATH HOME TMPDIR LANG EXTRA" {
		t.Errorf("the command has %s", got)
	}
}

// A description's directory and the command's own stay visible although they
// lie under /tmp, and cannot be written.
func TestSpawnKeepsTheDescriptionVisible(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "greka-test")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, data := range map[string]string{"stack/run.sh": "#!/bin/sh\necho \"$0\"; cat DIR/desc/data; echo x 2>&1 >DIR/desc/data; ls DIR DIR/..\n", "desc/data": "data\n", "other/secret": "secret\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		program.Write(t, path, strings.ReplaceAll(data, "DIR", dir))
	}
	l := newLab(t, lan(scenario.IPv4, "a"))
	p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{filepath.Join(dir, "stack/run.sh")}, Dir: filepath.Join(dir, "desc")})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	out := string(p.Output())
	for _, want := range []string{dir + "/stack/run.sh\n", "data\n", "Read-only file system", "desc\nstack\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "other") {
		t.Errorf("more of /tmp is visible than was asked for:\n%s", out)
	}

	// A relative command is the description's.
	p, err = l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{"../stack/run.sh"}, Dir: filepath.Join(dir, "desc")})
	if err != nil {
		t.Fatal(err)
	}
	if ended(t, p); !strings.Contains(string(p.Output()), "data\n") {
		t.Errorf("a relative command says %q", p.Output())
	}
}

// A program that lies directly in a directory which is private otherwise is
// started all the same.
func TestSpawnOfAProgramInTmp(t *testing.T) {
	path := fmt.Sprintf("/tmp/greka-test-in-tmp-%d", os.Getpid())
	program.Write(t, path, "#!/bin/sh\necho here; ls /tmp; touch /tmp/greka-test-made $TMPDIR/made && echo written; echo >>$0 || echo unharmed\n")
	defer os.Remove(path)
	p, err := newLab(t, lan(scenario.IPv4, "a")).Host("a").Spawn(Spec{Owner: "bob", Argv: []string{path}})
	if err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	out, want := string(p.Output()), "here\n"+filepath.Base(path)+"\nwritten\n"
	if !strings.HasPrefix(out, want) || !strings.HasSuffix(out, "unharmed\n") {
		t.Errorf("it says %q", out)
	}
	if _, err := os.Lstat("/tmp/greka-test-made"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it wrote into the machine's /tmp: %v", err)
	}
}

func TestSpawnSeesNoProcessOfTheMachine(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	p := shell(t, l.Host("a"), "for p in /proc/[0-9]*; do cat $p/comm; done; grep -q greka-init /proc/1/cmdline && kill -9 1 && kill -TERM 1 && kill -HUP 1; echo alive", nil)
	if ended(t, p); strings.Contains(string(p.Output()), "netns.test") || !strings.Contains(string(p.Output()), "alive") {
		t.Errorf("the command says %q", p.Output())
	}
}

func TestSpawnStdin(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	p := shell(t, l.Host("a"), "read x; echo got $x", nil)
	if _, err := fmt.Fprintln(p.Stdin(), "this"); err != nil {
		t.Fatal(err)
	}
	ended(t, p)
	if got := string(p.Output()); got != "got this\n" {
		t.Errorf("the command says %q", got)
	}

	// Nobody reads: the write ends all the same.
	deaf := shell(t, l.Host("a"), "echo ready; exec sleep 1000", nil)
	said(t, deaf, "ready")
	n, err := deaf.Stdin().Write(make([]byte, 1<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n == 1<<20 {
		t.Errorf("writing 1 MiB that nobody reads: %d bytes, error %v", n, err)
	}
}

func TestSpawnFloodIsDrainedAndForgotten(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	p := shell(t, l.Host("a"), "head -c 20000000 /dev/zero; head -c 100000 /dev/zero | tr '\\0' x; echo; echo last words", nil)
	ended(t, p)
	out := p.Output()
	if len(out) != ringSize || !bytes.HasSuffix(out, []byte("x\nlast words\n")) || bytes.IndexByte(out, 0) >= 0 {
		t.Errorf("%d bytes are kept, ending in %q", len(out), out[max(0, len(out)-20):])
	}
}

// After Done the output is whole, also if a daemon holds it open.
func TestSpawnOutputIsWholeWhenDone(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	for i := 0; i < 20; i++ {
		p := shell(t, l.Host("a"), "sleep 1000 & exec dd if=/dev/zero bs=60000 count=1 2>/dev/null", nil)
		ended(t, p)
		if got := len(p.Output()); got != 60000 {
			t.Fatalf("%d bytes of 60000 are there", got)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpawnEndsBySignal(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGPIPE, syscall.SIGUSR1} {
		p := shell(t, l.Host("a"), fmt.Sprintf("kill -%d $$", int(s)), nil)
		if exit := ended(t, p); exit.Signal != s {
			t.Errorf("the command, sent signal %d, ended with %v", int(s), exit)
		}
	}
	p := shell(t, l.Host("a"), "exec sleep 1000", nil)
	if err := p.Err(); err != nil {
		t.Errorf("a running command has ended: %v", err)
	}
	for i := 0; i < 2; i++ {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if exit := ended(t, p); exit.Signal != syscall.SIGKILL {
		t.Errorf("a killed command ended with %v", exit)
	}
}

// An init that does not answer, here one that is stopped, is started once more.
// If that one does not answer either, the error says what it does.
func TestSpawnOutlivesASilentInit(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	bound, stops, inits := startBound, 1, 0
	startBound = 300 * time.Millisecond
	initStarted = func(pid int) {
		if inits++; inits <= stops {
			_ = unix.Kill(pid, unix.SIGSTOP)
		}
	}
	defer func() { startBound, initStarted = bound, nil }()
	spawn := func() error {
		p, err := l.Host("a").Spawn(Spec{Owner: "x", Argv: []string{"sleep", "1000"}})
		if err == nil {
			err = p.Kill()
		}
		return err
	}
	if err := spawn(); err != nil || inits != 2 {
		t.Errorf("%d inits: %v", inits, err)
	}
	stops, inits = 9, 0
	err := spawn()
	if err == nil || inits != 2 || !strings.Contains(err.Error(), "the init did not answer within 300ms: ") || !strings.Contains(err.Error(), "in system call") {
		t.Errorf("%d inits: %v", inits, err)
	}
}

func TestSpawnErrors(t *testing.T) {
	l := newLab(t, lan(scenario.IPv4, "a"))
	for _, tt := range []struct {
		spec Spec
		want string
	}{
		{Spec{Owner: "bob"}, "no command"},
		{Spec{Owner: "bob", Argv: []string{"no-such-command"}}, "no-such-command"},
		{Spec{Owner: "bob", Argv: []string{"/no/such/command"}}, "/no/such/command"},
		{Spec{Owner: "bob", Argv: []string{"/etc/passwd"}}, "permission denied"},
		{Spec{Owner: "bob", Argv: []string{"true"}, Files: map[string][]byte{"../x": nil}}, "not inside"},
		{Spec{Owner: "bob", Argv: []string{"true"}, Files: map[string][]byte{"/x": nil}}, "not inside"},
		{Spec{Owner: "bob", Argv: []string{"true"}, Dir: Home}, "move the description or the program"},
		{Spec{Owner: "bob", Argv: []string{"true"}, Dir: "/tmp/no-such-directory"}, "no such file"},
	} {
		p, err := l.Host("a").Spawn(tt.spec)
		if err == nil || p != nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("spawn %q: %v, want one line with %q", tt.spec.Argv, err, tt.want)
		}
	}
}

// A stack's sockets are its owner's, whichever of its processes holds them: a
// child, a daemon that went to a session of its own.
func TestSnapshotOwnersOfProcesses(t *testing.T) {
	s := lan(scenario.IPv4, "a", "b")
	l := newLab(t, s)
	at := netip.AddrPortFrom(s.Addr("a", "lan"), 5060)
	for i, how := range []string{"exec SELF", "SELF & wait", "setsid SELF"} {
		at := netip.AddrPortFrom(at.Addr(), uint16(5060+i))
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		owner := fmt.Sprint("bob ", i)
		p, err := l.Host("a").Spawn(Spec{Owner: owner, Argv: []string{"sh", "-c", strings.ReplaceAll(how, "SELF", self)},
			Env: []string{programEnv + "=listen", "AT=" + at.String()}, Dir: filepath.Dir(self)})
		if err != nil {
			t.Fatal(err)
		}
		said(t, p, "listening")
		expect(t, l.Host("b"), s.Addr("b", "lan"), tcpTo(at), model.ProbeAccepted, owner)
		caller := dial(t, l.Host("b"), s.Addr("b", "lan"), at)
		said(t, p, "accepted "+caller.addr.String())
		want := map[string]bool{"tcp LISTEN " + at.String() + " - " + owner: true,
			"tcp ESTAB " + at.String() + " 10.77.0.2 " + owner: true}
		for _, line := range lines(t, l, "a") {
			delete(want, line)
		}
		if len(want) != 0 {
			t.Errorf("%s: missing %v in\n%s", how, want, strings.Join(lines(t, l, "a"), "\n"))
		}
	}
}

func init() {
	// listen accepts connections, says so, and keeps them.
	programs["listen"] = func() int {
		at := netip.MustParseAddrPort(os.Getenv("AT"))
		fd, err := unix.Socket(int(family(at.Addr())), unix.SOCK_STREAM, 0)
		if err = errors.Join(err, unix.Bind(fd, sockaddr(at)), unix.Listen(fd, 8)); err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("listening")
		for {
			_, from, err := unix.Accept(fd)
			if err != nil {
				return 1
			}
			if from, ok := from.(*unix.SockaddrInet4); ok {
				fmt.Printf("accepted %s\n", netip.AddrPortFrom(netip.AddrFrom4(from.Addr), uint16(from.Port)))
			}
		}
	}
}

func TestRing(t *testing.T) {
	var r ring
	var all []byte
	for i := 0; i < 3000; i++ {
		p := bytes.Repeat([]byte{byte(i)}, i%97)
		r.write(p)
		all = append(all, p...)
		if want := all[max(0, len(all)-ringSize):]; !bytes.Equal(r.bytes(), want) {
			t.Fatalf("after %d bytes the ring does not hold the last ones", len(all))
		}
	}
	r.write(make([]byte, 3*ringSize))
	if got := r.bytes(); len(got) != ringSize || bytes.Count(got, []byte{0}) != ringSize {
		t.Error("a write longer than the ring is not kept as far as it fits")
	}
}
