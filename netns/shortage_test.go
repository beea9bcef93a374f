package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/scenario"
)

func init() {
	roles["few descriptors"] = fewDescriptors
}

// fewDescriptors keeps labs, and then leaves no descriptor for a probe.
func fewDescriptors() int {
	pool := &Pool{}
	var labs []*Lab
	for range 20 {
		l, err := pool.New(lan(scenario.IPv4, "a", "b"))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		labs = append(labs, l)
		if len(labs) == 3 {
			for _, l := range labs {
				if err := l.Close(); err != nil {
					fmt.Println(err)
					return 1
				}
			}
			labs = nil
		}
	}
	fmt.Println("kept", hostsOf(pool.free)*hostDescriptors <= Descriptors()/2, len(pool.free) > 0)
	h := labs[0].Host("a")
	times, last := Shortages()
	fmt.Println("short of", times, last)
	var fds []int
	for {
		fd, err := unix.Dup(1)
		if err != nil {
			break
		}
		fds = append(fds, fd)
	}
	probe := h.Probe(h.Addrs()[0], tcpTo(netip.AddrPortFrom(h.Addrs()[0], 5060)))
	for _, fd := range fds {
		unix.Close(fd)
	}
	fmt.Println(probe.Result)
	_, last = Shortages()
	fmt.Println(last)
	return 0
}

// Kept labs take a half of the descriptors at the most, and what cannot be
// opened for want of one is noted: nothing in that moment proves anything.
func TestFewDescriptors(t *testing.T) {
	Require(t)
	cmd := exec.Command("/bin/sh", "-c", "ulimit -n 120; exec \"$0\"", copyOfSelf(t, "few"))
	cmd.Env = []string{roleEnv + "=few descriptors"}
	out, err := cmd.CombinedOutput()
	want := []string{"kept true true", "short of 0 <nil>", model.ProbeError.String(),
		"all 120 file descriptors that this process may have are in use: raise the limit (ulimit -n), or play fewer scenarios at once (-j)"}
	if err != nil || strings.TrimSpace(string(out)) != strings.Join(want, "\n") {
		t.Errorf("%v\n%s\nwant\n%s", err, out, strings.Join(want, "\n"))
	}
}

func TestScarceIsAboutLimitsOnly(t *testing.T) {
	before, _ := Shortages()
	for _, err := range []error{nil, unix.ECONNREFUSED, unix.EACCES, errors.New("x")} {
		if got := Scarce(err); got != err {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	if after, _ := Shortages(); after != before {
		t.Error("it is noted as a shortage")
	}
}
