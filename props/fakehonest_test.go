package props

import (
	"errors"
	"maps"
	"net"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/greka-sip/greka/model"
)

// Manners of honest programs that Greka's own conduct once made look guilty.
// Each has a liar of the same manners beside it, who has to be found.
var honestManners = map[string]manners{
	"one-in-queue":  {backlog: 1, accepts: 20 * time.Millisecond},
	"ends-at-reset": {endsAtReset: true},
}

func init() {
	for name, m := range honestManners {
		mannersOf[name] = m
		m.contact = deadContact
		mannersOf[name+"-lies"] = m
	}
}

// TestHonestManners: none of them is accused, and each is really judged.
func TestHonestManners(t *testing.T) {
	for _, how := range slices.Sorted(maps.Keys(honestManners)) {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how, Config{Checks: checks(60)})
			if sum.ExitStatus() != ExitClean || 100*(sum.Broken+sum.Inconclusive) > sum.Cases || len(sum.Unconfirmed) != 0 {
				t.Errorf("exit status %d, %d broken, %d inconclusive of %d, unconfirmed %v: %s",
					sum.ExitStatus(), sum.Broken, sum.Inconclusive, sum.Cases, sum.Unconfirmed, sum.EmptyRun)
			}
		})
	}
}

// TestLyingManners: a program of the same manners that lies is found.
func TestLyingManners(t *testing.T) {
	for _, how := range slices.Sorted(maps.Keys(honestManners)) {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how+"-lies", Config{Checks: checks(20)})
			if !slices.ContainsFunc(sum.Findings, func(f *Finding) bool { return f.Class == model.Closed || f.Class == model.WrongTransport }) {
				t.Errorf("not found: %d findings", len(sum.Findings))
			}
		})
	}
}

// deadContact names a port of the 200 to INVITE on which nobody listens.
func deadContact(u *fakeUA, message, uri string) string {
	if message == "200 INVITE" || message == "INVITE" {
		return "<sip:" + u.name + "@" + u.host + ":9;transport=tcp>"
	}
	return "<" + uri + ">"
}

// tune makes a listener as its manners say.
func (u *fakeUA) tune(l net.Listener) {
	if u.backlog == 0 {
		return
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { err = syscall.Listen(int(fd), u.backlog) })
	}
	if err != nil {
		panic(err)
	}
}

// failed is told why an accepted connection ended.
func (u *fakeUA) failed(err error) {
	if u.endsAtReset && errors.Is(err, syscall.ECONNRESET) && u.listener != nil {
		u.listener.Close()
	}
}
