package props

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
	"github.com/greka-sip/greka/sut"
)

// FuzzCall plays whatever scenario the input draws, with peer and with a
// mutant that it draws too. Nothing may ever be held against peer, nor a class
// against a mutant that its lie is not.
func FuzzCall(f *testing.F) {
	netns.Require(f)
	// Each draw eats 8 bytes, and an exhausted input is skipped: long seeds.
	source := rand.New(rand.NewPCG(2012, 10))
	for range 8 {
		long := make([]byte, 16<<10)
		for i := range long {
			long[i] = byte(source.Uint32())
		}
		f.Add(long)
	}
	stacks := sut.SelfTests()
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		s := stacks[uniform(t, "stack", len(stacks))]
		if uniform(t, "peer", 2) == 0 {
			s = stacks[0]
		}
		sc := Scenarios(SpaceOf(s, "", "")).Draw(t, "scenario")
		p := (&player{stack: s}).play(context.Background(), &sc, true)
		if p.Broken != "" {
			t.Fatalf("%s: broken: %s\n%s", s.Name, p.Broken, scenario.Format(sc))
		}
		for i := range p.Verdicts {
			v := &p.Verdicts[i]
			shape(v) // the fuzzer sees a new branch where it sees a new class
			if v.Class == model.Broken || v.Severity != model.None && !may(s, v.Class) {
				t.Fatalf("%s: %s: %s\n%s", s.Name, v.Class, v.Detail, scenario.Format(sc))
			}
		}
	}))
}

// may reports whether a self-test may be named a class.
func may(s *sut.Stack, c model.Class) bool {
	want := named[strings.TrimPrefix(s.Name, "mutant/")]
	for _, m := range want.must {
		if strings.HasPrefix(m, string(c)+" ") || m == string(c) {
			return true
		}
	}
	for _, m := range want.may {
		if m == c {
			return true
		}
	}
	return false
}

// shape has a branch of its own for every class and severity: the fuzzer's
// coverage sees only branches of Go code, and these make what happened in the
// lab one of them.
func shape(v *model.Verdict) (n int) {
	switch v.Class {
	case model.Malformed:
		n = 1
	case model.Unspecified:
		n = 2
	case model.Loopback:
		n = 3
	case model.Accepting:
		n = 4
	case model.AcceptingOtherTransport:
		n = 5
	case model.WrongOwner:
		n = 6
	case model.WrongTransport:
		n = 7
	case model.ConnectionPort:
		n = 8
	case model.Closed:
		n = 9
	}
	if v.Severity == model.Latent {
		n += 10
	}
	return n
}
