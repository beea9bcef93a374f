package picture

import (
	"bytes"
	"fmt"
	"strings"
)

// The text form's bounds. What is more is listed instead of drawn: every row
// says by itself what it is about.
const (
	textWidth     = 100 // columns
	mostTextBoxes = 24
	netLane       = 4 // columns
	wireLane      = 3
)

// Text draws the picture in at most 100 columns of ASCII. A picture of more
// than 24 boxes becomes a list.
func (p *Picture) Text() string {
	var b strings.Builder
	if p.boxes > mostTextBoxes {
		p.list(&b)
		p.footText(&b, true)
		return b.String()
	}
	p.footText(&b, p.draw(&b))
	return b.String()
}

// footText writes what the signs mean, and the notes.
func (p *Picture) footText(b *strings.Builder, ways bool) {
	foot := p.notes
	if square, circle := p.legend(); square != "" {
		foot = append([]string{"", "# " + square + "   o " + circle}, foot...)
	}
	if !ways {
		foot = append(foot[:len(foot):len(foot)], crowded)
	}
	for _, n := range foot {
		for _, l := range wrap(n, textWidth, 2) {
			b.WriteString(l + "\n")
		}
	}
}

// crowded is the note of a picture without the ways of its connections.
const crowded = "the ways of the connections are not drawn: there are too many side by side"

var listIndent = map[rowKind]int{netRow: 0, boxRow: 0, ifaceRow: 2, moreRow: 2, actorRow: 2, socketRow: 4}

// glyphs are what stands for a socket.
var glyphs = map[shape]string{noShape: "|", square: "#", circle: "o"}

// list writes the picture without frames and rails.
func (p *Picture) list(b *strings.Builder) {
	for i := range p.rows {
		r := &p.rows[i]
		indent, text := listIndent[r.kind], r.text
		switch {
		case r.kind == endRow:
			continue
		case r.kind == boxRow:
			text = "host " + text
		case r.port != nil:
			text = glyphs[r.port.shape] + " " + text
		}
		for _, l := range wrap(text, textWidth-indent, 4) {
			b.WriteString(strings.Repeat(" ", indent) + l + "\n")
		}
	}
}

// canvas is how the text form lays a picture out.
type canvas struct {
	*Picture
	left, width int // columns of the networks, and of the text in the boxes
	nets, wires int // lanes
}

// draw reports whether there was room for the ways of the connections.
func (p *Picture) draw(b *strings.Builder) (ways bool) {
	c := canvas{Picture: p}
	ways = c.divide()
	most := textWidth - c.left - len("|  |") - c.wires*wireLane
	lines := make([][]string, len(p.rows))
	for i := range p.rows {
		lines[i] = p.rows[i].lines(most)
		for _, l := range lines[i] {
			if p.rows[i].kind == boxRow {
				l += "  -" // the frame goes on behind a title
			}
			c.width = max(c.width, len(l))
		}
	}
	for i := range lines {
		for k, text := range lines[i] {
			b.Write(bytes.TrimRight(c.line(i, k, text), " "))
			b.WriteByte('\n')
		}
	}
	return ways
}

// divide finds how many lanes there are room for on both sides: as many as the
// texts leave, but some in any case.
func (c *canvas) divide() (ways bool) {
	room := textWidth - len("|  |")
	for i := range c.rows {
		room = min(room, textWidth-len("|  |")-len(c.rows[i].text)-2)
	}
	c.nets, _ = lanes(c.Picture.nets, min(max(room/netLane, 5), 8))
	c.left = c.nets * netLane
	c.wires, ways = lanes(c.Picture.wires, min(max((room-c.left)/wireLane, 6), 16))
	return ways
}

// lines is a row's text in lines of at most that many columns.
func (r *row) lines(most int) []string {
	switch r.kind {
	case endRow:
		return []string{""}
	case boxRow:
		return wrap(r.text, most-len("-  -"), 0)
	case socketRow:
		lines := wrap(r.text, most-2, 4)
		for i := range lines {
			lines[i] = "  " + lines[i]
		}
		return lines
	}
	return wrap(r.text, most, 4)
}

// line draws the k-th line of a row.
func (c *canvas) line(i, k int, text string) []byte {
	r := &c.rows[i]
	line := bytes.Repeat([]byte(" "), c.left+c.width+len("|  |")+c.wires*wireLane+1)
	c.rails(line, i, k)
	if k > 0 && r.kind == boxRow {
		text = "    " + text
	}
	switch {
	case r.kind == netRow:
		if c.nets > 0 {
			text = " " + text
		}
	case r.kind == boxRow && k == 0:
		text = "+-- " + text + " " + strings.Repeat("-", c.width-len(text)-2) + "+"
	case r.kind == endRow:
		text = "+" + strings.Repeat("-", c.width+2) + "+"
	default:
		text = fmt.Sprintf("| %-*s |", c.width, text)
	}
	copy(line[c.left:], text)
	if k == 0 && r.port != nil {
		c.port(line, i)
	}
	return line
}

// rails draws what passes a line on both sides.
func (c *canvas) rails(line []byte, i, k int) {
	r := &c.rows[i]
	attached := k == 0 && c.nets > 0 && (r.kind == netRow || r.kind == ifaceRow)
	if attached {
		for x := c.netColumn(&c.Picture.nets[r.net]); x < c.left; x++ {
			line[x] = '-'
		}
	}
	for n := range c.Picture.nets {
		if s := &c.Picture.nets[n]; c.nets > 0 && s.has(i) && (k == 0 || i < s.last) {
			line[c.netColumn(s)] = "|+"[btoi(attached && n == r.net)]
		}
	}
	for n := range c.Picture.wires {
		if s := &c.Picture.wires[n]; c.wires > 0 && s.has(i) && (k == 0 || i < s.last) {
			line[c.wireColumn(s)] = '|'
		}
	}
}

// port draws a socket on the edge of its box, and the way to its wire.
func (c *canvas) port(line []byte, i int) {
	s, edge := c.rows[i].port, c.left+c.width+len("|  ")
	line[edge] = glyphs[s.shape][0]
	if s.wire < 0 || c.wires == 0 {
		return
	}
	end := c.wireColumn(&c.Picture.wires[s.wire])
	for x := edge + 1; x < end; x++ {
		if line[x] == ' ' {
			line[x] = '-'
		}
	}
	line[end] = '+'
	if s.arrives {
		line[edge+1] = '<'
	}
}

func (c *canvas) netColumn(s *span) int { return (c.nets - 1 - s.lane) * netLane }

func (c *canvas) wireColumn(s *span) int {
	return c.left + c.width + len("|  ") + wireLane*(s.lane+1)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// wrap breaks a text at blanks, or within a word that is too long for a line.
// All lines but the first are indented.
func wrap(text string, most, indent int) (lines []string) {
	pad := ""
	for len(text) > most {
		cut := most
		if at := strings.LastIndexByte(text[:most+1], ' '); at > len(pad) {
			cut = at
		}
		lines = append(lines, strings.TrimRight(text[:cut], " "))
		pad = strings.Repeat(" ", indent)
		text = pad + strings.TrimLeft(text[cut:], " ")
	}
	return append(lines, text)
}
