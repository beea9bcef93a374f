package sut

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/greka-sip/greka/model"
)

func good(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("testdata/good.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLoad(t *testing.T) {
	d, err := load("testdata/good.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := filepath.Abs("testdata")
	data := &Data{Addr: "10.77.0.1", Dir: dir, Port: 5072, Transports: []string{"tcp"},
		Ports: map[string]Block{"rtp": {20000, 20009}, "tls": {5073, 5073}}}
	spec, err := d.spec(data)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{dir + "/mine", "-c", "home.conf"}; !slices.Equal(spec.Argv, want) {
		t.Errorf("its command is %q, want %q", spec.Argv, want)
	}
	if want := []string{"MINE_PORT=5072"}; !slices.Equal(spec.Env, want) {
		t.Errorf("its environment is %q, want %q", spec.Env, want)
	}
	want := "address 10.77.0.1\nlisten tcp\nrtp 20000\n\n"
	if got := string(spec.Files["home.conf"]); len(spec.Files) != 1 || got != want {
		t.Errorf("its files are %q, want %q", spec.Files, want)
	}
	if d.Name != "mine" || !d.plays(model.RoleCaller) || d.plays(model.RoleProxy) || d.SamePort {
		t.Errorf("read %+v", d)
	}
}

// badCase is one case of testdata/bad.txt.
type badCase struct{ name, old, new, want string }

func badCases(t *testing.T) (cases []badCase) {
	t.Helper()
	data, err := os.ReadFile("testdata/bad.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		kind, rest, _ := strings.Cut(line, " ")
		if kind == "case" {
			cases = append(cases, badCase{name: rest})
		}
		if len(cases) == 0 {
			continue
		}
		c := &cases[len(cases)-1]
		switch kind {
		case "-":
			c.old += rest + "\n"
		case "+":
			c.new += rest + "\n"
		case "!":
			c.want = rest
		}
	}
	return cases
}

func TestBadDescriptions(t *testing.T) {
	base := good(t)
	for _, c := range badCases(t) {
		t.Run(c.name, func(t *testing.T) {
			if c.old == "" || c.want == "" || strings.Count(base, c.old) != 1 {
				t.Fatalf("the case is wrong: %+v", c)
			}
			_, err := parse("my.txtar", "/d", []byte(strings.Replace(base, c.old, c.new, 1)))
			if err == nil {
				t.Fatalf("no error, want %q", c.want)
			}
			if got := err.Error(); !strings.HasPrefix(got, "my.txtar:") || !strings.Contains(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			oneLine(t, err)
		})
	}
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
		t.Errorf("not one line to read: %.500q", err)
	}
}

func TestLoadWhatIsNoDescription(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noise := make([]byte, 10<<20)
	rand.New(rand.NewSource(1)).Read(noise)
	pipe := filepath.Join(dir, "pipe.txtar")
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.txtar"):         "no such file",
		dir:                                      "not a regular file",
		pipe:                                     "not a regular file",
		write("noise.txtar", noise):              "more than 1 MB",
		write("small-noise.txtar", noise[:1000]): `no part "stack"`,
		write("empty.txtar", nil):                `no part "stack"`,
		write("dos.txtar", dos(good(t))):         `no part "stack"`,
		write("long-line.txtar", bytes.Repeat([]byte("x"), 9)): `no part "stack"`,
	} {
		_, err := Load(path)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", filepath.Base(path), err, want)
			continue
		}
		oneLine(t, err)
	}
}

func dos(s string) []byte { return []byte(strings.ReplaceAll(s, "\n", "\r\n")) }

// Whatever single byte is lost or changed: a description, or one line that
// says what is wrong with it.
func TestDamagedDescriptions(t *testing.T) {
	base := []byte(good(t))
	try := func(data []byte) {
		t.Helper()
		if _, err := parse("my.txtar", "/d", data); err != nil {
			var placed *SyntaxError
			if !errors.As(err, &placed) {
				t.Errorf("%T has no place: %v", err, err)
			}
			oneLine(t, err)
		}
	}
	for i := range base {
		try(base[:i])
		try(slices.Delete(slices.Clone(base), i, i+1))
		for _, b := range []byte{0, '\n', ' ', '{', '}', 'x', 0xff} {
			changed := slices.Clone(base)
			changed[i] = b
			try(changed)
		}
	}
}

var longNumber = regexp.MustCompile(`[0-9a-fA-F_xX]{6}`)

func FuzzDescription(f *testing.F) {
	f.Add(good(f))
	for _, s := range All() {
		data, err := files.ReadFile("stacks/" + s.Name + ".txtar")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if longNumber.MatchString(text) {
			t.Skip("a template is a program: it may count to a billion if it is told to")
		}
		d, err := parse("my.txtar", "/d", []byte(text))
		if err != nil {
			oneLine(t, err)
			return
		}
		for _, data := range d.rehearsals() {
			if _, err := d.spec(data); err != nil {
				t.Errorf("it was accepted, and then: %v", err)
			}
		}
	})
}

func TestWords(t *testing.T) {
	for in, want := range map[string][]string{
		"":                      nil,
		"a":                     {"a"},
		" a  b\tc\n":            {"a", "b", "c"},
		`a "b c" d`:             {"a", "b c", "d"},
		`a '' b`:                {"a", "", "b"},
		`--x="a b"'c "d'`:       {`--x=a bc "d`},
		`sh -c 'echo $HOME; b'`: {"sh", "-c", "echo $HOME; b"},
	} {
		if got, err := words(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("words(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{`"`, `a 'b`, `"a'`} {
		if got, err := words(in); err == nil {
			t.Errorf("words(%q) = %q, want an error", in, got)
		}
	}
}

func ExampleLoad() {
	_, err := Load("testdata/none.txtar")
	fmt.Println(err)
	// Output: sut: read the description: open testdata/none.txtar: no such file or directory
}
