package sut

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
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
		write("small-noise.txtar", noise[:1000]): "a description is text in UTF-8",
		write("prose.txtar", []byte("No parts.\n")):            `no part "stack"`,
		write("empty.txtar", nil):                              `no part "stack"`,
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

// A file that has gone through another system's editor is the same description.
func TestDescriptionOfAnotherSystem(t *testing.T) {
	var specs []netns.Spec
	for _, ends := range []string{"\n", "\r\n"} {
		d, err := parse("my.txtar", "/d", []byte(strings.ReplaceAll(good(t), "\n", ends)))
		if err != nil {
			t.Fatal(err)
		}
		spec, err := d.spec(d.rehearsals()[0])
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, spec)
	}
	if !reflect.DeepEqual(specs[0], specs[1]) {
		t.Errorf("%+v\nand %+v", specs[0], specs[1])
	}
}

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
