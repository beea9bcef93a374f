package picture

import (
	"fmt"
	"html"
	"strings"
)

// The SVG form's measures, in pixels.
const (
	charWidth    = 7.3 // a character of the 12 pixel monospace font, and a little
	rowHeight    = 20
	margin       = 24
	padding      = 16 // between a box's edge and its text
	netStep      = 18
	wireStep     = 14
	portSize     = 10
	corner       = 6
	mostSVGNets  = 32 // lanes; what is more is named and not drawn
	mostSVGWires = 32
)

// colours is how many colours networks and connections have in turn.
const colours = 6

// style is plain classes with a second set of values for dark pages, since not
// every renderer knows variables.
const style = `
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #24292f; }
.page { fill: #ffffff; }
.box { fill: #f6f8fa; stroke: #8c959f; }
.head { fill: #eaeef2; }
.sut { fill: #fff3d1; }
.bar { fill: #d4a72c; }
.name { font-weight: bold; }
.dim { fill: #57606a; }
.fault { fill: #b3261e; }
.halo { fill: none; stroke: #ffffff; stroke-width: 5; }
.rail { fill: none; stroke-width: 3; }
.line, .wire { fill: none; stroke-width: 1.6; }
.hollow { fill: #ffffff; stroke-width: 1.8; }
.pill { fill: #ffffff; stroke-width: 1.6; }
.c { fill: #57606a; } .l { stroke: #57606a; }
.c0 { fill: #0a58ca; } .l0 { stroke: #0a58ca; }
.c1 { fill: #b54708; } .l1 { stroke: #b54708; }
.c2 { fill: #1a7f37; } .l2 { stroke: #1a7f37; }
.c3 { fill: #8250df; } .l3 { stroke: #8250df; }
.c4 { fill: #bf3989; } .l4 { stroke: #bf3989; }
.c5 { fill: #0e7490; } .l5 { stroke: #0e7490; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.page { fill: #0d1117; }
.box { fill: #161b22; stroke: #6e7681; }
.head { fill: #21262d; }
.sut { fill: #3a2d0c; }
.bar { fill: #d29922; }
.dim { fill: #9ba4ae; }
.fault { fill: #ff8b80; }
.halo { stroke: #0d1117; }
.hollow, .pill { fill: #0d1117; }
.c { fill: #9ba4ae; } .l { stroke: #9ba4ae; }
.c0 { fill: #6cb0ff; } .l0 { stroke: #6cb0ff; }
.c1 { fill: #f0a05a; } .l1 { stroke: #f0a05a; }
.c2 { fill: #56d364; } .l2 { stroke: #56d364; }
.c3 { fill: #c297ff; } .l3 { stroke: #c297ff; }
.c4 { fill: #ff80c0; } .l4 { stroke: #ff80c0; }
.c5 { fill: #4fd1e0; } .l5 { stroke: #4fd1e0; }
}
`

// sheet is how the SVG form lays a picture out.
type sheet struct {
	*Picture
	b           strings.Builder
	nets, wires int       // lanes
	left, right float64   // the boxes' edges
	y           []float64 // of each row's middle
	height      float64   // of all rows
	foot        []string  // notes
}

// SVG draws the picture as a self-contained SVG document, without scripts, for
// light and dark pages.
func (p *Picture) SVG() string {
	s := &sheet{Picture: p, foot: p.notes}
	s.measure()
	s.open()
	s.netRails()
	for i := range p.rows {
		if p.rows[i].kind == boxRow {
			s.box(i)
		}
	}
	s.wireRails()
	for i := range p.rows {
		s.row(i)
	}
	s.signs()
	s.printf("</svg>\n")
	return s.b.String()
}

func (s *sheet) printf(format string, args ...any) { fmt.Fprintf(&s.b, format, args...) }

// label writes a text. x is its left end, or its right one for anchor "end".
func (s *sheet) label(x, y float64, class, anchor, text string) {
	if anchor != "" {
		anchor = ` text-anchor="` + anchor + `"`
	}
	if class != "" {
		class = ` class="` + class + `"`
	}
	s.printf(`<text x="%.1f" y="%.1f"%s%s xml:space="preserve">%s</text>`+"\n", x, y+4, class, anchor, html.EscapeString(text))
}

// measure finds the place of every row and the width of the boxes.
func (s *sheet) measure() {
	s.nets, _ = lanes(s.Picture.nets, mostSVGNets)
	ways := false
	if s.wires, ways = lanes(s.Picture.wires, mostSVGWires); !ways {
		s.foot = append(s.foot[:len(s.foot):len(s.foot)], crowded)
	}
	widest := 36
	y := float64(margin)
	for i := range s.rows {
		r := &s.rows[i]
		height := float64(rowHeight)
		switch {
		case r.kind == netRow, r.kind == boxRow:
			height = rowHeight + 10
		case r.kind == endRow:
			height = rowHeight + 4
		case r.kind == actorRow:
			y += 8
		}
		s.y = append(s.y, y+height/2)
		y += height
		widest = max(widest, len(r.text)+2*btoi(r.port != nil))
	}
	s.height = y
	s.left = margin + float64(s.nets)*netStep
	s.right = s.left + 2*padding + charWidth*float64(widest)
}

func (s *sheet) open() {
	width := s.right + 2*margin + float64(s.wires)*wireStep
	for _, n := range s.foot {
		width = max(width, 2*margin+charWidth*float64(len(n)))
	}
	height := s.height + float64(margin) + rowHeight*float64(len(s.foot))
	if square, circle := s.legend(); square != "" {
		height += 2 * rowHeight
		width = max(width, 3*margin+charWidth*float64(len(circle)))
	}
	s.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" role="img">`+"\n", width, height, width, height)
	s.printf("<title>Topology</title>\n<style>%s</style>\n", style)
	s.printf(`<rect class="page" width="100%%" height="100%%"/>` + "\n")
}

func (s *sheet) netX(n int) float64 { return s.left - netStep*float64(s.Picture.nets[n].lane+1) }

func (s *sheet) wireX(n int) float64 {
	return s.right + 2*wireStep + wireStep*float64(s.Picture.wires[n].lane)
}

// netRails draws the networks and the interfaces on them.
func (s *sheet) netRails() {
	if s.nets == 0 {
		return
	}
	for n := range s.Picture.nets {
		if sp := &s.Picture.nets[n]; sp.begun {
			x := s.netX(n)
			s.printf(`<path class="rail l%d" d="M%.1f %.1fV%.1f"/>`+"\n", n%colours, x, s.y[sp.first], s.y[sp.last])
		}
	}
	for i := range s.rows {
		if r := &s.rows[i]; r.kind == netRow || r.kind == ifaceRow {
			x := s.netX(r.net)
			s.printf(`<path class="halo" d="M%.1f %.1fH%.1f"/>`+"\n", x+4, s.y[i], s.left)
			s.printf(`<path class="line l%d" d="M%.1f %.1fH%.1f"/>`+"\n", r.net%colours, x, s.y[i], s.left)
			s.printf(`<circle class="c%d" cx="%.1f" cy="%.1f" r="3.5"/>`+"\n", r.net%colours, x, s.y[i])
		}
	}
}

// box draws the frame of the host that begins in a row, and what lies behind
// the rows of the judged element.
func (s *sheet) box(top int) {
	end := top
	for s.rows[end].kind != endRow {
		end++
	}
	y, bottom := s.y[top]-rowHeight/2-3, s.y[end]-rowHeight/2+4
	s.printf(`<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="5"/>`+"\n", s.left, y, s.right-s.left, bottom-y)
	s.printf(`<path class="head" d="M%.1f %.1fh%.1fv%dh%.1fz"/>`+"\n", s.left+1, y+2, s.right-s.left-2, rowHeight+4, s.left-s.right+2)
	for i := top; i < end; i++ {
		if s.rows[i].sut && !s.rows[i-1].sut {
			last := i
			for s.rows[last].sut {
				last++
			}
			y, h := s.y[i]-rowHeight/2-2, s.y[last-1]-s.y[i]+rowHeight+4
			s.printf(`<rect class="sut" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`+"\n", s.left+1, y, s.right-s.left-2, h)
			s.printf(`<rect class="bar" x="%.1f" y="%.1f" width="4" height="%.1f"/>`+"\n", s.left+1, y, h)
		}
	}
}

// wireRails draws the connections: from each dialled end into the lane of the
// socket that was dialled, and from there to it.
func (s *sheet) wireRails() {
	if s.wires == 0 {
		return
	}
	dialled, arrives := make([]int, len(s.Picture.wires)), make([][]int, len(s.Picture.wires))
	for i := range s.rows {
		switch p := s.rows[i].port; {
		case p == nil || p.wire < 0:
		case p.arrives:
			dialled[p.wire] = i
		default:
			arrives[p.wire] = append(arrives[p.wire], i)
		}
	}
	for n := range arrives {
		for _, class := range []string{"halo", fmt.Sprintf("wire l%d", n%colours)} {
			for _, from := range arrives[n] {
				s.printf(`<path class="%s" d="%s"/>`+"\n", class, s.way(s.y[from], s.y[dialled[n]], s.wireX(n)))
			}
		}
		x, y := s.right+portSize/2, s.y[dialled[n]]
		s.printf(`<path class="c%d" d="M%.1f %.1fl9 -4.5v9z"/>`+"\n", n%colours, x, y)
	}
}

// way is a path from a dialled end to what it dialled, by a lane.
func (s *sheet) way(from, to, lane float64) string {
	turn := float64(corner)
	if to < from {
		turn = -corner
	}
	return fmt.Sprintf("M%.1f %.1fH%.1fQ%.1f %.1f %.1f %.1fV%.1fQ%.1f %.1f %.1f %.1fH%.1f",
		s.right, from, lane-corner, lane, from, lane, from+turn, to-turn, lane, to, lane-corner, to, s.right+portSize)
}

// row writes what a row says.
func (s *sheet) row(i int) {
	r, y := &s.rows[i], s.y[i]
	x := s.left + padding
	switch r.kind {
	case netRow:
		s.printf(`<rect class="pill l%d" x="%.1f" y="%.1f" width="%.1f" height="20" rx="10"/>`+"\n",
			r.net%colours, s.left, y-10, charWidth*float64(len(r.text))+2*padding)
		s.label(x, y, "name c"+fmt.Sprint(r.net%colours), "", r.text)
	case boxRow:
		s.label(x, y+1, "name", "", r.text)
	case ifaceRow:
		s.label(x, y, "c"+fmt.Sprint(r.net%colours), "", r.text)
	case moreRow:
		class := "dim"
		if strings.HasPrefix(r.text, "!") {
			class = "fault"
		}
		s.label(x, y, class, "", r.text)
	case actorRow:
		s.label(x, y, "name", "", r.text)
	case socketRow:
		s.label(s.right-padding, y, "", "end", strings.Join(strings.Fields(r.text), " ")) // columns are for the text form
		s.port(r.port, y)
	}
}

// port draws a socket on the right edge of its box.
func (s *sheet) port(p *socket, y float64) {
	colour := ""
	if p.wire >= 0 {
		colour = fmt.Sprint(p.wire % colours)
	}
	switch p.shape {
	case square:
		s.printf(`<rect class="c%s" x="%.1f" y="%.1f" width="%d" height="%d"/>`+"\n", colour, s.right-portSize/2, y-portSize/2, portSize, portSize)
	case circle:
		s.printf(`<circle class="hollow l%s" cx="%.1f" cy="%.1f" r="4.5"/>`+"\n", colour, s.right, y)
	}
}

// signs writes what the signs mean, and the notes.
func (s *sheet) signs() {
	y := s.height + rowHeight/2
	if square, circle := s.legend(); square != "" {
		s.printf(`<rect class="c" x="%d" y="%.1f" width="%d" height="%d"/>`+"\n", margin, y-portSize/2, portSize, portSize)
		s.label(margin+18, y, "dim", "", square)
		y += rowHeight
		s.printf(`<circle class="hollow l" cx="%d" cy="%.1f" r="4.5"/>`+"\n", margin+portSize/2, y)
		s.label(margin+18, y, "dim", "", circle)
		y += rowHeight
	}
	for _, n := range s.foot {
		s.label(margin, y, "dim", "", n)
		y += rowHeight
	}
}
