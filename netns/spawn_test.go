package netns

import (
	"fmt"
	"testing"
	"time"

	"github.com/greka-sip/greka/model"
)

func TestSpawn(t *testing.T) {
	l, err := New(scenario(model.IPv4, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{"sh", "-c", "cat /mnt/x/y; pwd; id; ls -la / /tmp /run /mnt; ps ax; ip a; mount; touch /etc/foo; env; ls -la /proc/self/fd; cat; exit 3"},
		Files: map[string][]byte{"x/y": []byte("hello\n")}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	fmt.Println(string(p.Output()), p.Err())
	t0 := time.Now()
	p.Kill()
	fmt.Println(time.Since(t0))
}

func BenchmarkSpawn(b *testing.B) {
	l, err := New(scenario(model.IPv4, "a"))
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	var start, kill time.Duration
	for i := 0; i < b.N; i++ {
		t0 := time.Now()
		p, err := l.Host("a").Spawn(Spec{Owner: "bob", Argv: []string{"cat"}})
		if err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		if err := p.Kill(); err != nil {
			b.Fatal(err)
		}
		start += t1.Sub(t0)
		kill += time.Since(t1)
	}
	b.ReportMetric(float64(start.Microseconds())/float64(b.N), "start-us/op")
	b.ReportMetric(float64(kill.Microseconds())/float64(b.N), "kill-us/op")
}
