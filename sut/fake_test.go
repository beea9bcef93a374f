package sut

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeVariable makes this test binary behave as a stack. Its value says how.
const fakeVariable = "SUT_FAKE"

// fakeMark is the argument that every fake of a kind has on its command line,
// so that one that was left behind is found, and not one of other tests that run
// at the same time.
func fakeMark(how string) string {
	return fmt.Sprintf("-a-fake-stack-of-the-tests-of-sut-%d-%s", os.Getpid(), how)
}

// fake is a stack: it listens where its second argument says and writes what
// it reads. How it fails to be one is the first word of how.
func fake(how string) {
	at := os.Args[2]
	switch how {
	case "good":
		serve(at, os.Stdin)
	case "deaf":
		serve(at, nil)
	case "flood":
		go serve(at, os.Stdin)
		flood()
	case "brief":
		listen(at)
		bufio.NewReader(os.Stdin).ReadString('\n')
		fmt.Println("that was it")
		os.Exit(4)
	case "mute":
		hold()
	case "mute-flood":
		flood()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		hold()
	case "exits":
		fmt.Fprintln(os.Stderr, "cannot open the sound card")
		os.Exit(3)
	case "crashes":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		hold()
	case "loopback":
		_, port, _ := net.SplitHostPort(at)
		listen("127.0.0.1:" + port)
		fmt.Println("listens")
		hold()
	case "udp-only":
		listenUDP(at)
		hold()
	case "daemon":
		again("daemon-middle")
	case "daemon-middle":
		again("good")
	case "slow-daemon":
		again("good")
		waitFor(at)
	default:
		panic(how)
	}
}

// again starts this program once more in a session of its own.
func again(how string) {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), fakeVariable+"="+how)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
}

// waitFor returns when somebody listens there, as a well-behaved daemon's
// parent does.
func waitFor(at string) {
	for {
		if c, err := net.Dial("tcp", at); err == nil {
			c.Close()
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func hold() {
	for {
		time.Sleep(time.Hour)
	}
}

func flood() {
	line := bytes.Repeat([]byte("\x1b[31mnoise\x00\xff\r"), 400)
	for {
		os.Stdout.Write(append(line, '\n'))
	}
}

func listen(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	listenUDP(at)
}

func listenUDP(at string) {
	if _, err := net.ListenPacket("udp", at); err != nil {
		panic(err)
	}
}

// serve listens and repeats what it reads, if it reads.
func serve(at string, in *os.File) {
	listen(at)
	if in == nil {
		hold()
	}
	for s := bufio.NewScanner(in); s.Scan(); {
		fmt.Printf("told: %s\n", s.Text())
	}
	hold()
}

const fakeDescription = `
-- stack --
name           fake
version        true
version-match  ^fake (.*)
roles          caller callee
transports     udp tcp
families       4 6
listen         same
env            SUT_FAKE=HOW
start          "PROGRAM" MARK {{.Host}}:{{.Port}}
ready          udp:sip tcp:sip
-- register --
register at {{.Via.Host}} over {{.Transport}}
-- call --
call {{.To}} over {{.Transport}}
-- hangup --
hang up
`

func describeFake(program, how string) string {
	return strings.NewReplacer("PROGRAM", program, "MARK", fakeMark(how), "HOW", how).Replace(fakeDescription)
}

// fakeStack describes this test binary as a stack.
func fakeStack(t *testing.T, how string) *Stack {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return loadStack(t, describeFake(program, how))
}

// loadStack loads a description as a stranger's file.
func loadStack(t *testing.T, text string) *Stack {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stack.txtar")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	s.Allow()
	return s
}

// leftBehind lists the fakes of a kind that run on this machine. It sees those inside of
// PID namespaces too, as all of them are below this process's.
func leftBehind(t *testing.T, how string) (found []string) {
	t.Helper()
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(list) == 0 {
		t.Fatalf("no processes to be seen: %v", err)
	}
	for _, path := range list {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(fakeMark(how)+"\x00")) {
			found = append(found, path+": "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return found
}
