package props

import (
	"context"
	"encoding/binary"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/greka-sip/greka/corpus"
	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// explainedPort is the port whose sockets an explanation lists.
var explainedPort = regexp.MustCompile(`(?m)^  on \S+, (?:udp|tcp) port (\d+):`)

// portsIn lists every TCP and UDP port of a capture (pcapng).
func portsIn(t testing.TB, file []byte) map[int]bool {
	t.Helper()
	all := map[int]bool{}
	for len(file) >= 12 {
		n := binary.LittleEndian.Uint32(file[4:])
		if n < 12 || int(n) > len(file) {
			t.Fatalf("a block of %d bytes", n)
		}
		if binary.LittleEndian.Uint32(file) == 6 {
			frame := file[28 : 28+binary.LittleEndian.Uint32(file[20:])]
			segment := []byte(nil)
			switch binary.BigEndian.Uint16(frame[12:]) {
			case 0x0800:
				if p := frame[23]; p == 6 || p == 17 {
					segment = frame[14+4*int(frame[14]&15):]
				}
			case 0x86dd:
				if p := frame[20]; p == 6 || p == 17 {
					segment = frame[54:]
				}
			}
			if len(segment) >= 4 {
				all[int(binary.BigEndian.Uint16(segment))] = true
				all[int(binary.BigEndian.Uint16(segment[2:]))] = true
			}
		}
		file = file[n:]
	}
	return all
}

// misplaced lists the cases under a directory whose packets do not hold the port
// that they explain, and how many there are in all.
func misplaced(t testing.TB, dir string) (bad []string, cases int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txtar" || filepath.Base(filepath.Dir(path)) == "samples" {
			return err
		}
		cases++
		c, err := corpus.ReadFile(path)
		if err != nil {
			return err
		}
		e, err := corpus.ReadEvidence(path)
		if err != nil || len(e.Packets) == 0 {
			bad = append(bad, path+": no packets of its own")
			return nil
		}
		ports := portsIn(t, e.Packets)
		for _, m := range explainedPort.FindAllStringSubmatch(c.Explanation, -1) {
			if port, _ := strconv.Atoi(m[1]); !ports[port] {
				bad = append(bad, path+": port "+m[1]+" is not in its packets")
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bad, cases
}

func huntInto(t *testing.T, ctx context.Context, out string, seed uint64) *Summary {
	t.Helper()
	sum, err := Hunt(ctx, find(t, "mutant/contact-from-connection"), Config{Seed: seed, Checks: 12, Out: out, Workers: 2})
	if err != nil {
		t.Error(err)
		return &Summary{}
	}
	if sum.OutErr != nil {
		t.Error(sum.OutErr)
	}
	return sum
}

func expectPlaced(t *testing.T, out string) {
	t.Helper()
	if bad, cases := misplaced(t, out); cases == 0 || len(bad) > 0 {
		t.Errorf("%d cases:\n%s", cases, strings.Join(bad, "\n"))
	}
	expectJudged(t, out)
}

// expectJudged fails unless what was seen in each case and sample under a
// directory is judged again as it was, and the case tells of that very play.
func expectJudged(t *testing.T, dir string) {
	t.Helper()
	explained := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".txtar" {
			return err
		}
		o, err := corpus.ReadObserved(path)
		if err != nil {
			return err
		}
		j := Judge(o)
		if j.Difference != "" {
			t.Errorf("%s: judged otherwise (-kept +now):\n%s", path, j.Difference)
		}
		c, err := corpus.ReadScenario(path)
		for _, f := range j.Findings() {
			if err != nil || f.Severity != model.Finding || len(c.Expect) == 0 || c.Expect[0].Signature != f.Signature {
				continue
			}
			explained++
			if !strings.HasPrefix(c.Explanation, f.Case(&o.Scenario).Explanation) {
				t.Errorf("%s explains another play than was kept:\n%s", path, f.Explanation)
			}
		}
		return err
	})
	if err != nil || explained == 0 {
		t.Errorf("%d cases explained: %v", explained, err)
	}
}

// TestCasesHoldTheirOwnPackets: whatever hunts write into one directory, in each
// case the port that it explains, which differs from play to play, is in its
// packets.
func TestCasesHoldTheirOwnPackets(t *testing.T) {
	netns.Require(t)
	ctx := context.Background()
	t.Run("second hunts", func(t *testing.T) {
		out := t.TempDir()
		for seed := range uint64(3) {
			huntInto(t, ctx, out, 5+seed)
			expectPlaced(t, out)
		}
	})
	t.Run("four at once", func(t *testing.T) {
		out := t.TempDir()
		var all sync.WaitGroup
		for seed := range uint64(4) {
			all.Add(1)
			go func() {
				defer all.Done()
				huntInto(t, ctx, out, 5+seed)
			}()
		}
		all.Wait()
		expectPlaced(t, out)
	})
	t.Run("interrupted", func(t *testing.T) {
		out := t.TempDir()
		huntInto(t, ctx, out, 5)
		for seed := range uint64(3) { // once something is found it is interrupted
			ctx, stop := context.WithCancel(ctx)
			_, err := Hunt(ctx, find(t, "mutant/contact-from-connection"), Config{Seed: 6 + seed, Checks: 12, Out: out, Workers: 2,
				Progress: func(p Progress) {
					if p.Minimizing > 0 {
						stop()
					}
				}})
			stop()
			if err != nil {
				t.Error(err)
			}
			expectPlaced(t, out)
		}
	})
}

// The negative twin: packets of another play are told.
func TestMisplacedTellsOfOtherPackets(t *testing.T) {
	netns.Require(t)
	out := t.TempDir()
	sum := huntInto(t, context.Background(), out, 5)
	if len(sum.Findings) == 0 {
		t.Fatal("nothing found")
	}
	f := sum.Findings[0]
	c, err := corpus.ReadFile(f.CaseFile)
	if err != nil {
		t.Fatal(err)
	}
	other := explainedPort.ReplaceAllString(c.Explanation, "  on box, tcp port 65001:")
	c.Explanation = other
	if _, err := corpus.WriteSample(filepath.Join(out, "x"), "swapped", c, corpus.Evidence{Packets: f.Packets}); err != nil {
		t.Fatal(err)
	}
	if bad, _ := misplaced(t, out); len(bad) != 1 || !strings.Contains(bad[0], "port 65001") {
		t.Errorf("%v", bad)
	}
}
