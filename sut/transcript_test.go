package sut

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTranscriptPutsOrdersWhereTheyWereGiven(t *testing.T) {
	in := func(s string) Said { return Said{true, s} }
	out := func(s string) Said { return Said{false, s} }
	const said = "ready\r\nringing\nbye"
	for what, x := range map[string]struct {
		output string
		start  int
		orders []told
		want   []Said
	}{
		"nothing":        {},
		"only output":    {output: said, want: []Said{out("ready"), out("ringing"), out("bye")}},
		"in between":     {output: said, orders: []told{{0, "register\n"}, {7, "call\nnow\n"}, {18, "quit"}}, want: []Said{in("register"), out("ready"), in("call"), in("now"), out("ringing"), out("bye"), in("quit")}},
		"typed":          {output: "/\r/c\r/ca\n", want: []Said{out("/ca")}},
		"in a line":      {output: said, orders: []told{{3, "call\n"}}, want: []Said{out("rea"), in("call"), out("dy"), out("ringing"), out("bye")}},
		"lost beginning": {output: "ringing\nbye", start: 7, orders: []told{{3, "a"}, {7, "b"}, {15, "c"}}, want: []Said{in("a"), in("b"), out("ringing"), in("c"), out("bye")}},
	} {
		if d := cmp.Diff(x.want, transcript([]byte(x.output), x.start, x.orders)); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
}
