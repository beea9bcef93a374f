package corpus

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
)

// withExtra is the founding case with so many agents more than it needs.
func withExtra(t testing.TB, extra int) *Case {
	t.Helper()
	var agents strings.Builder
	for i := range extra {
		fmt.Fprintf(&agents, "ua    x%d box tcp:%d\n", i, 6000+i)
	}
	return parsed(t, strings.Replace(foundingCase, "\nregister bob", agents.String()+"\nregister bob", 1))
}

func mustWrite(t testing.TB, dir string, c *Case) string {
	t.Helper()
	path, _, err := Write(dir, c, Evidence{})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func mustRead(t testing.TB, path string) *Case {
	t.Helper()
	c, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// only fails unless the directory holds just these files.
func only(t testing.TB, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	if d := cmp.Diff(names, have); d != "" {
		t.Errorf("%s:\n%s", dir, d)
	}
}

const foundingFile = "contact-connection-port-200-invite-tcp.txtar"

func TestWriteKeepsTheSmallerCase(t *testing.T) {
	for _, order := range [][]int{{1, 3}, {3, 1}, {1, 1}, {2, 1, 3}} {
		dir := filepath.Join(t.TempDir(), "out", "baresip")
		for _, extra := range order {
			if path := mustWrite(t, dir, withExtra(t, extra)); path != filepath.Join(dir, foundingFile) {
				t.Errorf("written to %s", path)
			}
		}
		only(t, dir, foundingFile)
		if d := cmp.Diff(withExtra(t, 1), mustRead(t, filepath.Join(dir, foundingFile))); d != "" {
			t.Errorf("order %v: the smallest did not stay:\n%s", order, d)
		}
	}
}

// Another version may need another scenario; what is no case may be somebody's
// own: neither is overwritten.
func TestWriteLeavesOthersAlone(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, dir, withExtra(t, 2))
	if err := os.WriteFile(filepath.Join(dir, strings.Replace(foundingFile, ".txtar", "-2.txtar", 1)), []byte("my notes\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	newer := withExtra(t, 1)
	newer.Expect = []Expectation{{"baresip", "2.0.0", foundingSignature}}
	for range 2 {
		if path := mustWrite(t, dir, newer); filepath.Base(path) != "contact-connection-port-200-invite-tcp-3.txtar" {
			t.Errorf("written to %s", path)
		}
	}
	if d := cmp.Diff(withExtra(t, 2), mustRead(t, filepath.Join(dir, foundingFile))); d != "" {
		t.Error(d)
	}
}

func TestWriteRefusesWhatCouldNotBeRead(t *testing.T) {
	cleanCase := withExtra(t, 0)
	cleanCase.Expect = cleanCase.Expect[1:2]
	odd := withExtra(t, 0)
	odd.Expect[0].Signature.Message = "200 INVITE now"
	escape := withExtra(t, 0)
	escape.Expect[0].Stack = "../.."
	for what, c := range map[string]*Case{"clean": cleanCase, "a message of three words": odd, "a stack above": escape} {
		dir := t.TempDir()
		if path, _, err := Write(dir, c, Evidence{}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: written to %s, %v", what, path, err)
		}
		only(t, dir)
	}
}

func TestWritersAtOnceKeepTheSmallest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	var all sync.WaitGroup
	for i := range 16 {
		c := withExtra(t, 1+(i*7)%16)
		all.Add(1)
		go func() {
			defer all.Done()
			if _, _, err := Write(dir, c, Evidence{}); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	only(t, dir, foundingFile)
	if d := cmp.Diff(withExtra(t, 1), mustRead(t, filepath.Join(dir, foundingFile))); d != "" {
		t.Errorf("the smallest did not stay:\n%s", d)
	}
}

// A stale second name, as a writer leaves it that was killed between its last
// two system calls, goes with the next case.
func TestWriteRemovesWhatAKilledWriterLeft(t *testing.T) {
	dir := t.TempDir()
	mustWrite(t, dir, withExtra(t, 2))
	stale := filepath.Join(dir, "."+foundingFile+".new")
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, dir, withExtra(t, 1))
	only(t, dir, foundingFile)
}

const fullDir = "GREKA_TEST_FULL_DIR"

// A file system that is full: in a mount namespace of its own, which ends with
// the process.
func TestFullDiskLeavesNothingHalfWritten(t *testing.T) {
	if dir := os.Getenv(fullDir); dir != "" {
		writeToFullDisk(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDiskLeavesNothingHalfWritten$", "-test.v")
	cmd.Env = append(os.Environ(), fullDir+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EUSERS) {
		missing(t, "user namespaces are not allowed here; run as root, or: sysctl -w user.max_user_namespaces=10000")
	}
	if err != nil || !strings.Contains(string(out), "--- PASS") {
		t.Fatalf("%v\n%s", err, out)
	}
}

// missing skips a test for want of something, but not in CI, where nothing
// may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

func writeToFullDisk(t *testing.T, dir string) {
	if err := unix.Mount("greka-test", dir, "tmpfs", 0, "size=16k,nr_inodes=8"); err != nil {
		t.Fatal("mount a small file system: ", err)
	}
	mustWrite(t, dir, withExtra(t, 3))
	before := mustRead(t, filepath.Join(dir, foundingFile))
	fill := filepath.Join(dir, "fill")
	if err := os.WriteFile(fill, make([]byte, 1<<20), 0o666); !errors.Is(err, unix.ENOSPC) {
		t.Fatal("could not fill the disk: ", err)
	}
	_, _, err := Write(dir, withExtra(t, 1), Evidence{Packets: make([]byte, 4<<10), Log: []byte("log\n")})
	if !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "free some space") {
		t.Errorf("no clear line: %v", err)
	}
	only(t, dir, foundingFile, "fill")
	if d := cmp.Diff(before, mustRead(t, filepath.Join(dir, foundingFile))); d != "" {
		t.Errorf("the case that was there changed:\n%s", d)
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, dir, withExtra(t, 1)) // the twin: with space it works
}

func TestUnderSudoFilesBelongToTheCaller(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "needs root: sudo go test ./corpus")
	}
	t.Setenv("SUDO_UID", "12345")
	t.Setenv("SUDO_GID", "23456")
	top := t.TempDir()
	path := mustWrite(t, filepath.Join(top, "out", "baresip"), withExtra(t, 2))
	mustWrite(t, filepath.Join(top, "out", "baresip"), withExtra(t, 1)) // replaced
	for at, want := range map[string]uint32{path: 12345, filepath.Dir(path): 12345, filepath.Join(top, "out"): 12345, top: 0} {
		if st := stat(t, at); st.Uid != want {
			t.Errorf("%s belongs to %d, want %d", at, st.Uid, want)
		}
	}
	if st := stat(t, path); st.Gid != 23456 {
		t.Errorf("%s belongs to group %d", path, st.Gid)
	}
}

func stat(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t)
}

func TestWriteSaysWhatStandsInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	_, _, err := Write(filepath.Join(file, "baresip"), withExtra(t, 0), Evidence{})
	want := "corpus: write " + file + ": not a directory (choose another directory)"
	if err == nil || err.Error() != want && !strings.HasPrefix(err.Error(), "corpus: write "+file) {
		t.Errorf("\ngot  %v\nwant %s", err, want)
	}
}

func TestSignatureTextIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSignature(t)
		if s == (model.Signature{}) {
			return
		}
		got, err := ParseSignature(FormatSignature(s))
		if err != nil || got != s {
			t.Fatalf("%s: %+v, %v", FormatSignature(s), got, err)
		}
	})
}

func TestFileNames(t *testing.T) {
	sig := func(change func(*model.Signature)) model.Signature {
		s := foundingSignature
		change(&s)
		return s
	}
	for want, s := range map[string]model.Signature{
		foundingFile: foundingSignature,
		"contact-connection-port-invite-udp.txtar":                       sig(func(s *model.Signature) { s.Message, s.Role, s.Transport = "INVITE", "caller", "udp" }),
		"contact-connection-port-invite-tcp-callee.txtar":                sig(func(s *model.Signature) { s.Message = "INVITE" }),
		"contact-connection-port-200-invite-tcp-latent.txtar":            sig(func(s *model.Signature) { s.Severity = model.Latent }),
		"contact-proxy-transparent-connection-port-200-invite-tcp.txtar": sig(func(s *model.Signature) { s.Claim = "ProxyTransparent" }),
		"record-route-malformed-invite-tcp-proxy.txtar":                  {Claim: "RecordRouteAccepts", Class: model.Malformed, Severity: model.Finding, Header: "Record-Route", Message: "INVITE", Role: "proxy", Transport: "tcp"},
		"proxy-transparent-differs-from-direct.txtar":                    {Claim: "ProxyTransparent", Class: model.DiffersFromDirect, Severity: model.Finding},
	} {
		if got := FileName(s); got != want {
			t.Errorf("%s: got %s, want %s", FormatSignature(s), got, want)
		}
	}
}

func TestFileNamesTellSignaturesApart(t *testing.T) {
	names := map[string]model.Signature{}
	eachSignature(func(s model.Signature) {
		name := FileName(s)
		if other, taken := names[name]; taken {
			t.Fatalf("%s and %s are both %s", FormatSignature(s), FormatSignature(other), name)
		}
		names[name] = s
	})
}

// eachSignature calls f with every signature that drawSignature can draw.
func eachSignature(f func(model.Signature)) {
	parts := [][]string{claimNames, nil, {"Finding", "Latent"}, headerNames, messageNames, roleNames, transportNames}
	for _, c := range classes {
		parts[1] = append(parts[1], string(c))
	}
	var pick [7]string
	var next func(i int)
	next = func(i int) {
		if i == len(parts) {
			f(model.Signature{Claim: pick[0], Class: model.Class(pick[1]), Severity: model.Severity(pick[2]),
				Header: pick[3], Message: pick[4], Role: pick[5], Transport: pick[6]})
			return
		}
		for _, pick[i] = range parts[i] {
			next(i + 1)
		}
	}
	next(0)
}

// What a stack calls its messages must not lead out of the directory.
func TestFileNamesStayInTheDirectory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := foundingSignature
		s.Message = rapid.String().Draw(t, "message")
		name := FileName(s)
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || filepath.Base(name) != name || len(name) > 200 {
			t.Fatalf("%q: %q", s.Message, name)
		}
	})
}
