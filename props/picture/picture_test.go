package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/internal/texts"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/props"
)

var update = flag.Bool("update", false, "rewrite the pictures in testdata")

func parse(t testing.TB, text string) scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGolden draws the scenarios in testdata. Look at what -update changes.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := parse(t, string(a.Files[0].Data))
			p := Of(&s)
			drawn := &txtar.Archive{Comment: a.Comment, Files: []txtar.File{a.Files[0],
				{Name: "text", Data: []byte(p.Text())}, {Name: "svg", Data: []byte(p.SVG())}}}
			if *update {
				if err := os.WriteFile(file, txtar.Format(drawn), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(txtar.Format(a)), string(txtar.Format(drawn))); diff != "" && !*update {
				t.Error(diff)
			}
		})
	}
}

// What the package's documentation shows is what it draws.
func TestDoc(t *testing.T) {
	s := parse(t, founding)
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	frame, _, _ := strings.Cut(Of(&s).Text(), "\n\n")
	if want := "//\t" + strings.ReplaceAll(frame, "\n", "\n//\t") + "\n"; !strings.Contains(string(doc), want) {
		t.Errorf("doc.go should show\n%s", want)
	}
}

// drawable are scenarios of every sort: the project's cases, drawn ones, those
// of testdata, and some that are large in one way or another.
func drawable(t *testing.T, check func(name string, s *scenario.Scenario)) {
	cases, err := corpus.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		check(c.Name, &c.Scenario)
	}
	for i := range 50 {
		s := props.Draw(7, i, props.Space{})
		check(fmt.Sprintf("drawn %d", i), &s)
	}
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := parse(t, string(a.Files[0].Data))
		check(file, &s)
	}
	for name, text := range large {
		s := parse(t, text)
		check(name, &s)
	}
}

var large = map[string]string{
	"254 hosts":          chain(254, 1),
	"20 hosts":           chain(20, 1),
	"a proxy of 100":     star(100),
	"a proxy of 20":      star(20),
	"networks in a line": line(60),
	"one host on many":   manyNets(16),
	"long names":         longNames(),
}

// chain is many hosts on one network, where each of the first calls the next.
func chain(hosts, each int) string {
	var top, calls strings.Builder
	top.WriteString("net lan 46\n")
	for h := range hosts {
		fmt.Fprintf(&top, "host h%d lan\n", h)
		for e := range each {
			fmt.Fprintf(&calls, "ua u%d-%d h%d tcp:%d\n", h, e, h, 5060+e)
		}
	}
	for h := 1; h < min(hosts, 40); h++ {
		fmt.Fprintf(&calls, "call u%d-0 u%d-0\n", h-1, h)
	}
	return top.String() + calls.String()
}

// star is many that register at one.
func star(hosts int) string {
	top, steps := "net lan 6\nhost hub lan\n", ""
	uas := "proxy p hub udp:5060 tcp:5060 deliver=flow\n"
	for h := range hosts {
		top += fmt.Sprintf("host h%d lan\n", h)
		uas += fmt.Sprintf("ua u%d h%d tcp:5060 udp:5060 via=p\n", h, h)
		steps += fmt.Sprintf("register u%d tcp\n", h)
	}
	return top + uas + steps
}

// line is routers between networks.
func line(routers int) string {
	text, hosts := "", ""
	for r := range routers {
		text += fmt.Sprintf("net n%d 4\n", r)
		hosts += fmt.Sprintf("router r%d n%d n%d\n", r, r, r+1)
	}
	return text + fmt.Sprintf("net n%d 4\n", routers) + hosts
}

func manyNets(n int) string {
	text, host := "", "host box"
	for i := range n {
		text += fmt.Sprintf("net n%d 46 link-local\n", i)
		host += fmt.Sprintf(" n%d", i)
	}
	return text + host + "\nhost other n3 n7\nua u box tcp:1\nua v other tcp:2\ncall v u\n"
}

func longNames() string {
	name := func(c string) string { return strings.Repeat(c, 32) }
	return "net " + name("n") + " 46 link-local\nhost " + name("h") + " " + name("n") + " rp_filter=strict\n" +
		"proxy " + name("p") + " " + name("h") + " tcp:5060 deliver=contact record-route at=" + name("n") + "/6 bind=:: stack=" + strings.Repeat("s", 64) + "\n" +
		"ua " + name("u") + " " + name("h") + " tcp:5061 via=" + name("p") + " at=" + name("n") + "/6 sut\n" +
		"register " + name("u") + "\n"
}

func TestText(t *testing.T) {
	drawable(t, func(name string, s *scenario.Scenario) {
		text := Of(s).Text()
		if text != Of(s).Text() {
			t.Errorf("%s: two pictures of it differ", name)
		}
		for _, l := range strings.Split(text, "\n") {
			if len(l) > textWidth || strings.TrimRight(l, " ") != l || strings.Trim(l, ascii) != "" {
				t.Errorf("%s: line of %d columns: %q", name, len(l), l)
			}
		}
		for _, want := range missing(s, text) {
			t.Errorf("%s: nothing says %s:\n%s", name, want, text)
		}
	})
}

const ascii = " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

// missing lists what a picture does not say: elements, listeners and
// connections.
func missing(s *scenario.Scenario, text string) (list []string) {
	count := func(n int, what string) {
		if got := strings.Count(text, what); got < n {
			list = append(list, fmt.Sprintf("%s %d times, but %d", what, n, got))
		}
	}
	listen := map[sip.Transport]int{}
	for i := range s.Elements {
		e := &s.Elements[i]
		count(1, " "+e.Name)
		for _, l := range e.Listen {
			listen[l.Transport]++
		}
	}
	c := cast{s: s}
	if c.firstFault() >= 0 {
		return list // they may end any socket
	}
	count(listen[sip.TCP], "LISTEN tcp")
	count(listen[sip.UDP], "UNCONN udp")
	if p, err := model.Predict(s); err == nil && len(p.After) > 0 && len(s.Elements) > 0 {
		count(len(p.After[len(p.After)-1]), "ESTAB  tcp")
	}
	return list
}

// TestTextNotices is the negative twin: a picture without any one of its
// sockets is found out.
func TestTextNotices(t *testing.T) {
	s := parse(t, founding)
	lines, tried := strings.SplitAfter(Of(&s).Text(), "\n"), 0
	for i, l := range lines {
		if strings.Contains(l, " tcp ") {
			tried++
			if without := strings.Join(append(lines[:i:i], lines[i+1:]...), ""); len(missing(&s, without)) == 0 {
				t.Errorf("not missed: %s", l)
			}
		}
	}
	if tried != 6 {
		t.Errorf("%d sockets", tried)
	}
}

const founding = texts.Founding

// The way of each connection leads from the end that dialled to the listener
// that it names.
func TestTextWaysLeadToTheirListeners(t *testing.T) {
	ways := 0
	drawable(t, func(name string, s *scenario.Scenario) {
		text := Of(s).Text()
		n, err := follow(text)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		ways += n
	})
	if ways < 50 {
		t.Errorf("only %d ways", ways)
	}
}

// TestFollowNotices is the negative twin: a way with any one sign changed is
// found out.
func TestFollowNotices(t *testing.T) {
	s := parse(t, founding)
	text := Of(&s).Text()
	if n, err := follow(text); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for _, change := range []struct{ from, to string }{
		{"#<----+", "#<--- +"}, {"#<----+", "#-----+"}, {"#<-+  |", "#<-+   "}, {"o--|--+", "o--+  |"}, {"o--+", "o---"},
	} {
		if n, err := follow(strings.Replace(text, change.from, change.to, 1)); err == nil && n == 3 {
			t.Errorf("%q for %q is not noticed", change.to, change.from)
		}
	}
}

// follow goes along every way in a picture and returns their number.
func follow(text string) (ways int, err error) {
	lines := strings.Split(text, "\n")
	for y, l := range lines {
		x := strings.LastIndex(l, "o-")
		_, peer, _ := strings.Cut(l, " -> ")
		words := strings.Fields(peer)
		if x < 0 || len(words) < 2 || strings.Contains(words[0], ":") || !strings.Contains(words[1], ":") {
			continue // not a connection to an element's listener, or its name takes a line of its own
		}
		lane, ok := turn(l, x)
		if !ok {
			return ways, fmt.Errorf("line %d leads nowhere", y+1)
		}
		to := arrival(lines, y, lane)
		port := words[1][strings.LastIndex(words[1], ":"):]
		if to == "" || !strings.Contains(to, port) {
			return ways, fmt.Errorf("line %d should lead to %s and leads to %q", y+1, port, to)
		}
		ways++
	}
	return ways, nil
}

// turn finds the lane into which the way from a socket at x turns.
func turn(l string, x int) (lane int, ok bool) {
	end := x + 1
	for end < len(l) && strings.IndexByte("-|+<", l[end]) >= 0 && l[end] != '+' {
		end++
	}
	return end, end < len(l) && l[end] == '+'
}

// arrival is the line with the listener that a lane leads to.
func arrival(lines []string, y, lane int) string {
	for _, step := range []int{-1, 1} {
		for i := y + step; i >= 0 && i < len(lines) && lane < len(lines[i]) && strings.IndexByte("|+", lines[i][lane]) >= 0; i += step {
			if x := strings.LastIndex(lines[i], "#<"); x >= 0 {
				if at, ok := turn(lines[i], x); ok && at == lane {
					return lines[i]
				}
			}
		}
	}
	return ""
}

// FuzzPicture: whatever Parse takes can be drawn.
func FuzzPicture(f *testing.F) {
	f.Add("net " + strings.Repeat("n", 32) + " 4\nhost " + strings.Repeat("h", 32) + " " + strings.Repeat("n", 32) + "\n")
	f.Add("net n 4\nhost " + strings.Repeat("h", 32) + " n\n")
	files, _ := filepath.Glob("testdata/*.txtar")
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(a.Files[0].Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scenario.Parse(text)
		if err != nil {
			return
		}
		p := Of(&s)
		for _, l := range strings.Split(p.Text(), "\n") {
			if len(l) > textWidth || strings.Trim(l, ascii) != "" {
				t.Errorf("line of %d columns: %q", len(l), l)
			}
		}
		if err := wellFormed(p.SVG()); err != nil {
			t.Error(err)
		}
	})
}

// A picture that has no room for the ways says so, and only then.
func TestCrowded(t *testing.T) {
	for hosts, want := range map[int]bool{4: false, 22: true} {
		s := parse(t, mesh(hosts))
		if text := Of(&s).Text(); strings.Contains(text, crowded) != want || strings.Contains(text, "#<") == want {
			t.Errorf("%d hosts:\n%s", hosts, text)
		}
	}
	for hosts, want := range map[int]bool{22: false, 40: true} {
		s := parse(t, mesh(hosts))
		if svg := Of(&s).SVG(); strings.Contains(svg, crowded) != want || strings.Contains(svg, `class="wire`) == want {
			t.Errorf("%d hosts:\n%s", hosts, svg)
		}
	}
}

// mesh is many of whom the first calls all, so that all ways lie side by side.
func mesh(hosts int) string {
	top, uas, steps := "net lan 4\n", "", ""
	for h := range hosts {
		top += fmt.Sprintf("host h%d lan\n", h)
		uas += fmt.Sprintf("ua u%d h%d tcp:5060\n", h, h)
		if h > 0 {
			steps += fmt.Sprintf("call u0 u%d\n", h)
		}
	}
	return top + uas + steps
}

// A picture grows as its scenario does.
func TestGrowsLinearly(t *testing.T) {
	for _, of := range []func(int) string{star, line, func(n int) string { return chain(n, 2) }} {
		small, big := parse(t, of(60)), parse(t, of(120))
		a, b := Of(&small), Of(&big)
		if x, y := len(a.Text()), len(b.Text()); y > 5*x/2 {
			t.Errorf("text: %d bytes, twice as large: %d", x, y)
		}
		if x, y := len(a.SVG()), len(b.SVG()); y > 5*x/2 {
			t.Errorf("SVG: %d bytes, twice as large: %d", x, y)
		}
	}
}

// What is in a scenario is text for an SVG, even if nothing has checked it.
func TestSVGEscapes(t *testing.T) {
	p := &Picture{rows: []row{{kind: boxRow, text: `<script>&"'`}, {kind: endRow}}, notes: []string{"<b>"}}
	if svg := p.SVG(); strings.Contains(svg, "<script") || strings.Contains(svg, "<b>") || wellFormed(svg) != nil {
		t.Error(svg)
	}
	if wellFormed("<svg><text>a&b</text></svg>") == nil {
		t.Error("a bad text passes")
	}
}

func wellFormed(svg string) error {
	for d := xml.NewDecoder(bytes.NewReader([]byte(svg))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
