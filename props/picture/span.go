package picture

import (
	"cmp"
	"slices"
)

// span is a stretch of rows, and the lane in which it is drawn.
type span struct {
	first, last int
	begun       bool
	lane        int // 0 is next to the boxes
}

// reach makes a span reach to a row. Rows only grow.
func (s *span) reach(row int) {
	if !s.begun {
		s.first, s.begun = row, true
	}
	s.last = row
}

// has reports whether the span passes or ends in a row.
func (s *span) has(row int) bool { return s.begun && s.first <= row && row <= s.last }

// lanes gives every span a lane, so that no two in one lane share a row, short
// spans next to the boxes, and returns how many that takes. It gives up, with
// ok false, above most.
func lanes(spans []span, most int) (n int, ok bool) {
	order := make([]*span, 0, len(spans))
	for i := range spans {
		if spans[i].begun {
			order = append(order, &spans[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *span) int { return cmp.Compare(a.last-a.first, b.last-b.first) })
	var taken [][]*span // by lane, from top to bottom
	for _, s := range order {
		for s.lane = 0; ; s.lane++ {
			if s.lane == most {
				return 0, false
			}
			if s.lane == len(taken) {
				taken = append(taken, nil)
			}
			if at, free := room(taken[s.lane], s); free {
				taken[s.lane] = slices.Insert(taken[s.lane], at, s)
				break
			}
		}
	}
	return len(taken), true
}

// room finds the place of a span in a lane.
func room(lane []*span, s *span) (at int, free bool) {
	at, _ = slices.BinarySearchFunc(lane, s.first, func(o *span, first int) int { return cmp.Compare(o.first, first) })
	free = (at == 0 || lane[at-1].last < s.first) && (at == len(lane) || s.last < lane[at].first)
	return at, free
}
