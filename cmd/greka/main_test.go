package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// asGreka makes this test binary the command itself, for tests that need a
// process of its own.
const asGreka = "GREKA_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asGreka) != "" {
		main()
	}
	os.Unsetenv("XDG_STATE_HOME") // each test has its own
	netns.Main(m)
}

// greka runs a command line in this process.
func greka(t testing.TB, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ownState(t)
	var out, errs bytes.Buffer
	status = run(args, streams{strings.NewReader(stdin), &out, &errs})
	return status, out.String(), errs.String()
}

// ownState gives a test a state directory of its own, once.
func ownState(t testing.TB) {
	t.Helper()
	if os.Getenv("XDG_STATE_HOME") == "" {
		t.Setenv("XDG_STATE_HOME", t.TempDir())
	}
}

// remembered makes a description file one that was allowed before.
func remembered(t testing.TB, file string) string {
	t.Helper()
	ownState(t)
	stack, err := sut.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	print, err := stack.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	m, err := openMemory()
	if err == nil {
		err = m.add(print, file)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// self is this program's file.
func self(t testing.TB) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// command is a command line in a process of its own.
func command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ownState(t)
	c := exec.Command("/proc/self/exe", args...)
	c.Env = append(os.Environ(), asGreka+"=1")
	c.Dir = t.TempDir()
	return c
}

// objects decodes one JSON object a line.
func objects(t testing.TB, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for _, l := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var o map[string]any
		if err := json.Unmarshal([]byte(l), &o); err != nil {
			t.Fatalf("%v: %s", err, l)
		}
		all = append(all, o)
	}
	return all
}

func writeFile(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const founding = texts.Founding

const foundingCase = "-- scenario --\n" + founding + `-- expect --
mutant/contact-from-connection@built-in ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp
peer@built-in clean
`

// What keeps a command from its work is one line on the error stream that
// names it and says what to do, and status 2; standard output stays empty.
func TestOneClearLine(t *testing.T) {
	bad := writeFile(t, "bad.txtar", strings.Replace(foundingCase, "tcp:5072", "tcp:x", 1))
	none := filepath.Join(t.TempDir(), "none.txtar")
	good := writeFile(t, "good.txtar", foundingCase)
	unmarked := writeFile(t, "unmarked", strings.Replace(founding, " sut", "", 1))
	noise := writeFile(t, "noise", strings.Repeat("\x00\xffnoise\n", 1<<20))
	for _, x := range []struct {
		args, want string
	}{
		{"nosuch", `unknown command "nosuch" for "greka"`},
		{"--nosuch", `unknown flag: --nosuch (greka --help lists the flags)`},
		{"hunt --nosuch", `unknown flag: --nosuch (greka hunt --help lists the flags)`},
		{"hunt --checks x peer", `invalid argument "x" for "--checks" flag`},
		{"hunt --checks 0 peer", `--checks 0: give 1 or more`},
		{"hunt --checks 5 --time 1s peer", `--checks and --time: give one of them`},
		{"hunt --time 0s peer", `--time 0s: give a time above 0`},
		{"hunt -j 0 peer", `-j 0: give 1 or more`},
		{"hunt --out= peer", `--out: give a directory`},
		{"hunt nosuch", `unknown stack "nosuch": know baresip, `},
		{"hunt peer ./nosuch.txtar", `./nosuch.txtar`},
		{"hunt --only Nothing peer", `unknown claim "Nothing": know ContactAccepts, `},
		{"hunt --transport tls peer", `peer has no transport "tls": it has udp, tcp`},
		{"hunt --role proxy baresip", `baresip has no role "proxy": it has caller, callee`},
		{"replay", `greka replay: name at least one case`},
		{"replay " + none, none},
		{"replay " + bad, bad + `:5:15: found "tcp:x", want `},
		{"replay " + noise, noise + `:1:1: found more, want a case of at most 1048576 bytes`},
		{"replay " + filepath.Dir(good), `not a file`},
		{"replay -n 0 " + good, `-n 0: give 1 or more`},
		{"replay --expect maybe " + good, `--expect maybe: give finding or clean`},
		{"replay --stack nosuch " + good, `unknown stack "nosuch"`},
		{"replay " + unmarked, unmarked + `: props: the scenario marks no element as sut`},
		{"stacks now", `unknown stack "now": know baresip, `},
		{"install", `greka install: name at least one stack`},
		{"install nosuch", `unknown stack "nosuch"`},
	} {
		t.Run(x.args, func(t *testing.T) {
			if strings.Contains(x.args, "baresip") {
				needBaresip(t)
			}
			status, out, errs := greka(t, "", strings.Fields(x.args)...)
			lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
			if status != 2 || out != "" || len(lines) != 1 || !strings.HasPrefix(errs, "greka: ") || !strings.Contains(errs, x.want) {
				t.Errorf("status %d, output %q\ngot  %s\nwant %s", status, out, errs, x.want)
			}
		})
	}
}

func TestHelpNeedsNoPrivilege(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"hunt", "--help"}, {"replay", "--help"}, {"stacks", "--help"}, {"install", "--help"}, {"--version"}} {
		status, out, errs := greka(t, "", args...)
		if status != 0 || errs != "" || !strings.Contains(out, "greka") {
			t.Errorf("%q: status %d, output %q, error %q", args, status, out, errs)
		}
	}
}

func TestStacksTellsRealOnesFromSelfTests(t *testing.T) {
	status, out, errs := greka(t, "", "stacks")
	realOnes, own, _ := strings.Cut(out, "Self-tests")
	if status != 0 || errs != "" || !strings.Contains(realOnes, "  baresip ") || strings.Contains(realOnes, "peer") {
		t.Errorf("status %d, error %q, output\n%s", status, errs, out)
	}
	for _, want := range []string{"  peer ", "  mutant/contact-from-connection "} {
		if !strings.Contains(own, want) {
			t.Errorf("%q is not among\n%s", want, own)
		}
	}
}

// A full disk behind standard output is no clean end.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	var errs bytes.Buffer
	if status := run([]string{"stacks"}, streams{strings.NewReader(""), full, &errs}); status != 2 || !strings.Contains(errs.String(), "no space left on device") {
		t.Errorf("status %d, error %q", status, errs.String())
	}
}
