package picture

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"github.com/greka-sip/greka/model/scenario"
)

// document is what the tests look at in an SVG.
type document struct {
	ViewBox string `xml:"viewBox,attr"`
	Texts   []struct {
		X      float64 `xml:"x,attr"`
		Y      float64 `xml:"y,attr"`
		Anchor string  `xml:"text-anchor,attr"`
		Text   string  `xml:",chardata"`
	} `xml:"text"`
}

// area is where a label is. Its characters are as wide as measure thinks.
type area struct {
	left, top, right, bottom float64
	text                     string
}

func areas(d *document) (all []area) {
	for _, t := range d.Texts {
		w := charWidth * float64(len(t.Text))
		a := area{t.X, t.Y - 10, t.X + w, t.Y + 3, t.Text}
		if t.Anchor == "end" {
			a.left, a.right = t.X-w, t.X
		}
		all = append(all, a)
	}
	return all
}

// clashes lists labels that lie on each other or leave the page. Labels come
// from top to bottom, so that only neighbours can meet.
func clashes(d *document, all []area) (list []string) {
	var x, y, width, height float64
	if _, err := fmt.Sscan(d.ViewBox, &x, &y, &width, &height); err != nil {
		return []string{err.Error()}
	}
	for i, a := range all {
		if a.left < x || a.top < y || a.right > width || a.bottom > height {
			list = append(list, fmt.Sprintf("%q leaves the page", a.text))
		}
		for k := i + 1; k < len(all) && k < i+4; k++ {
			if b := all[k]; a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom {
				list = append(list, fmt.Sprintf("%q meets %q", a.text, b.text))
			}
		}
	}
	return list
}

func TestSVG(t *testing.T) {
	drawable(t, func(name string, s *scenario.Scenario) {
		svg := Of(s).SVG()
		var d document
		if err := xml.Unmarshal([]byte(svg), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range clashes(&d, areas(&d)) {
			t.Errorf("%s: %s", name, c)
		}
		for _, bad := range []string{"<script", "http://", "https://", "url(", "@import", "href"} {
			if strings.Contains(strings.Replace(svg, `xmlns="http://www.w3.org/2000/svg"`, "", 1), bad) {
				t.Errorf("%s: %s in it", name, bad)
			}
		}
		if svg != Of(s).SVG() {
			t.Errorf("%s: two pictures of it differ", name)
		}
	})
}

// TestClashesAreNoticed is the negative twin.
func TestClashesAreNoticed(t *testing.T) {
	d := &document{ViewBox: "0 0 200 100"}
	for _, x := range []struct {
		a, b area
		want int
	}{
		{area{10, 10, 50, 23, "a"}, area{10, 30, 50, 43, "b"}, 0},
		{area{10, 10, 50, 23, "a"}, area{49, 10, 60, 23, "b"}, 1},
		{area{10, 10, 50, 23, "a"}, area{10, 20, 50, 33, "b"}, 1},
		{area{10, 10, 201, 23, "a"}, area{10, 30, 50, 101, "b"}, 2},
	} {
		if got := clashes(d, []area{x.a, x.b}); len(got) != x.want {
			t.Errorf("%v: %q", x, got)
		}
	}
}

// Every connection of the founding case is an arrow from a hollow circle on
// bob's and ann's edge to a filled square.
func TestSVGOfTheFoundingCase(t *testing.T) {
	s := parse(t, founding)
	svg := Of(&s).SVG()
	for what, want := range map[string]int{
		`<circle class="hollow l0"`: 2, `<circle class="hollow l1"`: 1, // three dialled ends, by the listener
		`<path class="wire l0"`: 2, `<path class="wire l1"`: 1, // their ways
		`l9 -4.5v9z`:       2,                                              // listeners that were dialled
		`<rect class="c0"`: 1, `<rect class="c1"`: 1, `<rect class="c"`: 2, // listeners, one of them never dialled, and the legend's
		`prefers-color-scheme: dark`: 1,
	} {
		if got := strings.Count(svg, what); got != want {
			t.Errorf("%s: %d times, want %d\n%s", what, got, want, svg)
		}
	}
}
