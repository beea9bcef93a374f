package model_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// The house's packages in the order in which they are read, which is the order
// in which they may import each other.
var house = []string{"internal", "model/plain", "model/sip", "model/scenario", "model/linux", "model", "netns", "sut", "corpus", "props", "cmd/greka"}

const (
	modulePath = "github.com/greka-sip/greka/"
	rapidPath  = "pgregory.net/rapid"
	vnetnsPath = "github.com/vishvananda/netns"
	cobraPath  = "github.com/spf13/cobra"
	cmpPath    = "github.com/google/go-cmp/cmp"
)

// edge is one import.
type edge struct {
	from  string // "model", "sut/peer"
	to    string // import path
	std   bool   // to is in the standard library
	test  bool   // in a _test.go file
	deep  bool   // not an import of its own: something that it imports does
	alias string // "" if none
}

// houseRule forbids edges. bad and good are what its own test feeds it.
type houseRule struct {
	why       string
	forbids   func(edge) bool
	bad, good edge
}

var houseRules = []houseRule{
	{
		"model imports the standard library only: whoever doubts a verdict has to read nothing else",
		func(e edge) bool {
			return within(e.from, "model") && !e.test && !e.deep && !e.std && !within(e.to, modulePath+"model")
		},
		edge{from: "model", to: cmpPath},
		edge{from: "model", to: cmpPath, test: true},
	},
	{
		"model does no I/O and asks nobody: a verdict follows from the snapshot alone",
		func(e edge) bool {
			return within(e.from, "model") && !e.test && !e.deep &&
				(within(e.to, "os") || within(e.to, "syscall") || within(e.to, "log") || e.to == "unsafe")
		},
		edge{from: "model", to: "os/exec", std: true},
		edge{from: "model", to: "strings", std: true},
	},
	{
		"nothing below model touches the network; net/netip, which only holds addresses, is fine",
		func(e edge) bool {
			return within(e.from, "model") && !e.test && within(e.to, "net") && e.to != "net/netip"
		},
		edge{from: "model", to: "net", std: true, deep: true},
		edge{from: "model", to: "net/netip", std: true},
	},
	{
		"model reads no clock: a race is a larger May, never a wait",
		func(e edge) bool { return within(e.from, "model") && !e.test && !e.deep && within(e.to, "time") },
		edge{from: "model", to: "time", std: true},
		edge{from: "model", to: "time", std: true, deep: true}, // fmt has it
	},
	{
		"model draws no random number: the same observation gives the same verdict",
		func(e edge) bool {
			return within(e.from, "model") && !e.test && (within(e.to, "math/rand") || e.to == "crypto/rand")
		},
		edge{from: "model", to: "math/rand/v2", std: true},
		edge{from: "model", to: "math/bits", std: true},
	},
	{
		"packages import only what is read before them: " + strings.Join(house, ", "),
		func(e edge) bool {
			to, ours := strings.CutPrefix(e.to, modulePath)
			return ours && !e.test && !e.deep && rank(to) > rank(e.from)
		},
		edge{from: "netns", to: modulePath + "sut/peer"},
		edge{from: "sut/peer", to: modulePath + "netns"},
	},
	{
		"every package has its place in the house: " + strings.Join(house, ", "),
		func(e edge) bool { return rank(e.from) < 0 },
		edge{from: "util", to: "strings", std: true},
		edge{from: "sut/peer", to: "strings", std: true},
	},
	{
		"what is internal is for tests only",
		func(e edge) bool {
			return strings.HasPrefix(e.to, modulePath+"internal/") && !e.test && !e.deep
		},
		edge{from: "props", to: modulePath + "internal/program"},
		edge{from: "props", to: modulePath + "internal/program", test: true},
	},
	{
		"only props and tests draw: a plan is drawn whole, before anything is played",
		func(e edge) bool {
			return within(e.to, rapidPath) && !e.test && !e.deep && !within(e.from, "props")
		},
		edge{from: "sut", to: rapidPath},
		edge{from: "model", to: rapidPath, test: true},
	},
	{
		"only props, the command and tests render differences",
		func(e edge) bool {
			return within(e.to, cmpPath) && !e.test && !e.deep && rank(e.from) < rank("props")
		},
		edge{from: "netns", to: cmpPath},
		edge{from: "props", to: cmpPath},
	},
	{
		"flags live in cmd/greka; props reads those of go test",
		func(e edge) bool {
			return (e.to == "flag" && e.from != "props" && !within(e.from, "internal") || within(e.to, cobraPath)) && !e.test && !e.deep && !within(e.from, "cmd/greka")
		},
		edge{from: "sut", to: "flag", std: true},
		edge{from: "cmd/greka", to: cobraPath},
	},
	{
		"our package netns and vishvananda's share a name: import his as vnetns",
		func(e edge) bool { return e.to == vnetnsPath && !e.deep && e.alias != "vnetns" },
		edge{from: "netns", to: vnetnsPath},
		edge{from: "netns", to: vnetnsPath, alias: "vnetns"},
	},
}

// TestHouse checks who imports whom.
func TestHouse(t *testing.T) {
	edges, err := ourEdges()
	if err != nil {
		t.Fatal(err)
	}
	if len(edges) < 50 {
		t.Fatalf("only %d imports were found", len(edges))
	}
	for _, complaint := range complaints(edges) {
		t.Error(complaint)
	}
}

// TestHouseRulesForbid is the negative twin: each rule finds its bad edge, and
// nobody complains about its good one.
func TestHouseRulesForbid(t *testing.T) {
	for _, r := range houseRules {
		if !r.forbids(r.bad) {
			t.Errorf("%s: nothing said against %+v", r.why, r.bad)
		}
		if len(complaints([]edge{r.bad})) == 0 {
			t.Errorf("no complaint about %+v", r.bad)
		}
		if got := complaints([]edge{r.good}); len(got) > 0 {
			t.Errorf("%+v: %q", r.good, got)
		}
	}
}

// TestHouseEdgesAreSeen: the edges that the rules are about do come out of go
// list, in every shape.
func TestHouseEdgesAreSeen(t *testing.T) {
	edges, err := ourEdges()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []edge{
		{from: "model", to: "net/netip", std: true},
		{from: "model", to: "time", std: true, deep: true},
		{from: "model", to: "os/exec", std: true, test: true},
		{from: "model", to: rapidPath, test: true},
	} {
		if !slices.Contains(edges, want) {
			t.Errorf("not seen: %+v", want)
		}
	}
}

func complaints(edges []edge) (list []string) {
	for _, e := range edges {
		for _, r := range houseRules {
			if r.forbids(e) {
				list = append(list, fmt.Sprintf("%+v: %s", e, r.why))
			}
		}
	}
	return list
}

// rank is a package's place in the house, -1 if it has none: that of the first
// name that it is, or else that it is below of.
func rank(pkg string) int {
	if i := slices.Index(house, pkg); i >= 0 {
		return i
	}
	return slices.IndexFunc(house, func(h string) bool { return within(pkg, h) })
}

// within reports whether a package is this one or below it.
func within(pkg, top string) bool { return pkg == top || strings.HasPrefix(pkg, top+"/") }

// listed is what we need of go list's package.
type listed struct {
	ImportPath, Dir, ForTest           string
	Standard                           bool
	Deps                               []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// ourEdges are the module's. The command runs once.
var ourEdges = sync.OnceValues(func() ([]edge, error) { return houseEdges("..") })

// houseEdges asks the go command for every package of the module in dir.
func houseEdges(dir string) ([]edge, error) {
	pkgs, err := goList(dir)
	if err != nil {
		return nil, err
	}
	std := map[string]bool{}
	for _, p := range pkgs {
		std[p.ImportPath] = p.Standard
	}
	var edges []edge
	for _, p := range pkgs {
		name, ours := strings.CutPrefix(p.ImportPath, modulePath)
		if !ours || p.ForTest != "" || strings.HasSuffix(name, ".test") {
			continue
		}
		for _, dep := range p.Deps {
			edges = append(edges, edge{from: name, to: dep, std: std[dep], deep: true})
		}
		for _, file := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			imports, err := fileEdges(name, filepath.Join(p.Dir, file), std)
			if err != nil {
				return nil, err
			}
			edges = append(edges, imports...)
		}
	}
	return edges, nil
}

func goList(dir string) (pkgs []listed, err error) {
	cmd := exec.Command("go", "list", "-e", "-deps", "-test", "-json=ImportPath,Dir,ForTest,Standard,Deps,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w\n%s", dir, err, stderr.String())
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs, nil
		} else if err != nil {
			return nil, fmt.Errorf("go list's answer: %w", err)
		}
		pkgs = append(pkgs, p)
	}
}

func fileEdges(from, file string, std map[string]bool) (edges []edge, err error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	for _, spec := range f.Imports {
		to, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		e := edge{from: from, to: to, std: std[to], test: strings.HasSuffix(file, "_test.go")}
		if spec.Name != nil {
			e.alias = spec.Name.Name
		}
		edges = append(edges, e)
	}
	return edges, nil
}

// TestContributingNamesWhatIsThere: every file and test that CONTRIBUTING.md sends
// somebody to exists.
func TestContributingNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, dir := range []string{"model", "props"} {
		list, _ := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
		for _, f := range list {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	files, funcs := 0, 0
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(string(text), -1) {
		switch name := m[1]; {
		case strings.HasPrefix(name, "Test"):
			funcs++
			if !strings.Contains(tests.String(), "func "+name+"(") {
				t.Errorf("there is no %s", name)
			}
		case strings.Contains(name, "/") && !strings.Contains(name, " ") && !strings.HasPrefix(name, "mutant/"):
			files++
			if _, err := os.Stat(filepath.Join("..", name)); err != nil {
				t.Error(err)
			}
		}
	}
	if files < 15 || funcs < 4 {
		t.Errorf("only %d files and %d tests were found", files, funcs)
	}
}
