package scenario

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

var deliverByWord = map[string]Deliver{"flow": DeliverFlow, "contact": DeliverContact}

// Format prints a scenario in its one canonical spelling. For every valid
// scenario Parse reads an equal one from it; empty lists come back as nil.
func Format(s Scenario) string {
	var top, steps columns
	addCells(&top, s.Nets, netCells)
	addCells(&top, s.Hosts, hostCells)
	addCells(&top, s.Addrs, addrCells)
	addCells(&top, s.Routes, routeCells)
	addCells(&top, s.Elements, elementCells)
	for _, step := range s.Steps {
		steps.rows = append(steps.rows, stepCells(step))
	}
	text := top.String()
	if len(steps.rows) > 0 {
		text += "\n" + steps.String()
	}
	return text
}

func addCells[T any](t *columns, items []T, cells func(*T) []string) {
	for i := range items {
		t.rows = append(t.rows, cells(&items[i]))
	}
}

func elementCells(e *Element) []string {
	kind := map[Kind]string{UserAgent: "ua", Proxy: "proxy"}[e.Kind]
	var listen []string
	for _, l := range e.Listen {
		listen = append(listen, l.String())
	}
	return []string{kind, e.Name, e.Host, strings.Join(listen, " "), strings.Join(elementOptions(e), " ")}
}

func elementOptions(e *Element) (words []string) {
	for word, d := range deliverByWord {
		if d == e.Deliver {
			words = append(words, "deliver="+word)
		}
	}
	if e.RecordRoute {
		words = append(words, "record-route")
	}
	if e.Via != "" {
		words = append(words, "via="+e.Via)
	}
	if e.At != (Place{}) {
		words = append(words, "at="+e.At.String())
	}
	if e.Bind != BindAddr {
		words = append(words, "bind="+e.Bind.String())
	}
	if e.Lacks != 0 {
		words = append(words, "lacks="+e.Lacks.String())
	}
	if e.SUT {
		words = append(words, "sut")
	}
	if e.Stack != "" {
		words = append(words, "stack="+e.Stack)
	}
	return words
}

// String returns the listener as a scenario names it: "tcp:5060".
func (l Listen) String() string { return l.Transport.String() + ":" + strconv.Itoa(int(l.Port)) }

func stepCells(step Step) []string {
	t := stepByType[reflect.TypeOf(step)]
	if t == nil {
		return []string{fmt.Sprintf("%T", step)}
	}
	return []string{t.word, strings.Join(t.write(step), " ")}
}

// columns prints rows in aligned columns. The last cell of a row makes no
// column wider.
type columns struct{ rows [][]string }

// String writes the lines, aligned.
func (t *columns) String() string {
	var widths [5]int
	for _, row := range t.rows {
		for i, cell := range row[:len(row)-1] {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		b.WriteString(strings.TrimRight(tableRow(row, widths[:]), " ") + "\n")
	}
	return b.String()
}

func tableRow(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-len(cell)+1))
		}
	}
	return b.String()
}
