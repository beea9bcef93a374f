package props

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/sip"
)

// Manners of honest programs that Greka's own conduct once made look guilty.
// Each has a liar of the same manners beside it, who has to be found.
var honestManners = map[string]manners{
	"one-in-queue":    {backlog: 1, accepts: 20 * time.Millisecond},
	"ends-at-reset":   {endsAtReset: true},
	"closes-after":    {closesAfter: true},
	"one-socket-each": {socketPerRequest: true},
	"no-parameter":    {contact: withoutParameter},
	"polls":           {lag: 20 * time.Millisecond, trusts: true},
	"no-flows":        {ignoresOnDialled: true},
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
	t.Parallel()
	for _, how := range slices.Sorted(maps.Keys(honestManners)) {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how, Config{Checks: checks(30)})
			if how == "ends-at-reset" {
				sum.Findings = slices.DeleteFunc(sum.Findings, func(f *Finding) bool { return resets(f.Scenario) })
			}
			if sum.ExitStatus() != ExitClean || 100*(sum.Broken+sum.Inconclusive) > sum.Cases || len(sum.Unconfirmed) != 0 {
				t.Errorf("exit status %d, %d broken, %d inconclusive of %d, unconfirmed %v: %s",
					sum.ExitStatus(), sum.Broken, sum.Inconclusive, sum.Cases, sum.Unconfirmed, sum.EmptyRun)
			}
		})
	}
}

// resets reports whether a minimal scenario ends an element's connections, as
// its users may: who stops to accept after that is rightly found, and that
// scenario needs it. Nothing that we do without being asked may.
func resets(minimal string) bool {
	return slices.ContainsFunc(strings.Split(minimal, "\n"), func(step string) bool {
		return strings.HasPrefix(step, "restart ") || strings.HasPrefix(step, "kill ")
	})
}

// TestLyingManners: a program of the same manners that lies is found.
func TestLyingManners(t *testing.T) {
	t.Parallel()
	for _, how := range slices.Sorted(maps.Keys(honestManners)) {
		t.Run(how, func(t *testing.T) {
			sum := huntFake(t, how+"-lies", Config{Checks: enough(20)})
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

// withoutParameter means UDP wherever it has UDP (RFC 3263 4.1).
func withoutParameter(u *fakeUA, _, uri string) string {
	if u.ports[sip.UDP] != 0 {
		uri = fmt.Sprintf("sip:%s@%s", u.name, u.at(sip.UDP))
	}
	return "<" + uri + ">"
}

// answers sends down a connection what answers a request that came on it.
func (u *fakeUA) answers(c net.Conn) way {
	return func(raw string) {
		u.down(c)(raw)
		if u.closesAfter && strings.HasPrefix(raw, "SIP/2.0 ") && !strings.HasPrefix(raw, "SIP/2.0 1") {
			c.Close()
		}
	}
}

// onceTo sends a request from a socket of its own, which lives until it is
// answered.
func (u *fakeUA) onceTo(to netip.AddrPort) way {
	return func(raw string) {
		c, err := net.ListenPacket("udp", net.JoinHostPort(strings.Trim(u.host, "[]"), "0"))
		if err != nil {
			return
		}
		c.WriteTo([]byte(raw), net.UDPAddrFromAddrPort(to))
		if strings.HasPrefix(raw, "ACK ") {
			c.Close()
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 65536)
			for {
				n, from, err := c.ReadFrom(buf)
				if err != nil {
					return
				}
				u.message(buf[:n], sip.UDP, from, func(raw string) { c.WriteTo([]byte(raw), from) })
				if bytes.HasPrefix(buf[:n], []byte("SIP/2.0 ")) && !bytes.HasPrefix(buf[:n], []byte("SIP/2.0 1")) {
					return
				}
			}
		}()
	}
}
