package kernel

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// The text of a difference, for a reader who sees nothing else: every step so
// far, with its number and a mark at the one after which the model and Linux
// differ, what the model expected, and what Linux did.

// marked lists the steps up to one, and marks it. Those from firstProbe on are
// no part of the scenario: they ask what came of it.
func marked(steps []scenario.Step, at, firstProbe int) string {
	var b strings.Builder
	for i, st := range steps[:min(at+1, len(steps))] {
		mark, note := " ", ""
		if i == at {
			mark = ">"
		}
		if i == firstProbe {
			note = "   (from here on: probes, to see who takes a packet)"
		}
		fmt.Fprintf(&b, "%s %2d  %s%s\n", mark, i+1, stepText(st), note)
	}
	return b.String()
}

// resultWords says how the outcome of a step's system call differs.
func resultWords(st scenario.Step, want, got linux.Errno) string {
	text := fmt.Sprintf("%s: the model expects %s, on Linux it is %s", stepText(st), resultText(want), resultText(got))
	if d, ok := st.(scenario.DestroySocket); ok && (want == linux.ENOENT || got == linux.ENOENT) {
		// SOCK_DESTROY is told a socket's two ends, looks them up, and compares
		// what it found by the cookie (udp_diag_destroy).
		text += fmt.Sprintf("\ndestroy finds a UDP socket as a datagram from its peer would: success says that this look-up finds %s, ENOENT that it finds another socket", d.Socket)
	}
	return text
}

func resultText(e linux.Errno) string {
	if e == linux.OK {
		return "success"
	}
	return string(e)
}

// socketWords says which sockets differ, and in what.
func socketWords(want, got *linux.Snapshot) string {
	var out []string
	for i := range want.Hosts {
		host := want.Hosts[i].Host
		expected, there := without(want.Hosts[i].Sockets, got.Hosts[i].Sockets), without(got.Hosts[i].Sockets, want.Hosts[i].Sockets)
		for _, w := range expected {
			if k := sameOwner(there, &w); k >= 0 {
				out = append(out, fmt.Sprintf("%s: the model expects %s", naming(host, &w), contrast(&w, &there[k])))
				there = append(there[:k:k], there[k+1:]...)
				continue
			}
			out = append(out, fmt.Sprintf("%s: the model expects %s, Linux has no such socket", naming(host, &w), whole(&w)))
		}
		for _, g := range there {
			out = append(out, fmt.Sprintf("%s: Linux has %s, the model expects no such socket", naming(host, &g), whole(&g)))
		}
	}
	return strings.Join(out, "\n")
}

// pickedWords says whose the ports are that stand in a difference: those of the
// listeners, and those that no socket on Linux has.
func pickedWords(want, got *linux.Snapshot) string {
	var out []string
	for i := range got.Hosts {
		expected, there := without(want.Hosts[i].Sockets, got.Hosts[i].Sockets), without(got.Hosts[i].Sockets, want.Hosts[i].Sockets)
		differ := append(expected, there...)
		for _, l := range got.Hosts[i].Sockets {
			if l.State == linux.StateListen && l.Owner != "" && anyHas(differ, l.Local.Port()) && !anyIs(differ, &l) {
				out = append(out, fmt.Sprintf("%s listens on %s", l.Owner, l.Local))
			}
		}
		for _, w := range expected {
			if port := w.Local.Port(); port > lastPicked {
				out = append(out, fmt.Sprintf("%d stands for a port that the kernel would have picked", port))
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "\n" + strings.Join(out, "\n")
}

// anyHas reports whether one of several sockets has a port at either end.
func anyHas(sockets []linux.Socket, port uint16) bool {
	return slices.ContainsFunc(sockets, func(s linux.Socket) bool { return s.Local.Port() == port || s.Remote.Port() == port })
}

// anyIs reports whether a program's socket is one of several.
func anyIs(sockets []linux.Socket, s *linux.Socket) bool {
	return slices.ContainsFunc(sockets, func(o linux.Socket) bool { return o.Owner == s.Owner })
}

// without returns the sockets of a that have no equal in b, each of which is
// equal to one only.
func without(a, b []linux.Socket) (out []linux.Socket) {
	left := append([]linux.Socket(nil), b...)
next:
	for _, s := range a {
		for k := range left {
			if left[k] == s {
				left = append(left[:k:k], left[k+1:]...)
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}

// sameOwner finds the socket that is the same one, -1 if there is none: a
// program's by its name, the others by their ends.
func sameOwner(sockets []linux.Socket, s *linux.Socket) int {
	for k := range sockets {
		o := &sockets[k]
		if o.Carrier == s.Carrier && o.Owner == s.Owner &&
			(s.Owner != "" || o.Local == s.Local && o.Remote == s.Remote) {
			return k
		}
	}
	return -1
}

func naming(host string, s *linux.Socket) string {
	return fmt.Sprintf("%s (%s on %s)", cmp.Or(s.Owner, "a socket that no program holds"), kindOf(s), host)
}

func kindOf(s *linux.Socket) string {
	family := "4"
	if s.V6 {
		family = "6"
	}
	return s.Carrier.String() + " over IPv" + family
}

// whole says all of a socket.
func whole(s *linux.Socket) string {
	parts := []string{stateWord(s) + " " + s.Local.String()}
	if s.Remote.IsValid() {
		parts = append(parts, "to "+s.Remote.String())
	}
	if s.Queue > 0 {
		parts = append(parts, "with "+waiting(s))
	}
	if s.Device != 0 {
		parts = append(parts, fmt.Sprintf("on device %d", s.Device))
	}
	return strings.Join(parts, " ")
}

// contrast says in what two views of one socket differ.
func contrast(want, got *linux.Socket) string {
	var wanted, seen []string
	differ := func(w, g string) {
		if w != g {
			wanted, seen = append(wanted, w), append(seen, g)
		}
	}
	differ(stateWord(want), stateWord(got))
	differ("local "+want.Local.String(), "local "+got.Local.String())
	differ("peer "+addrText(want.Remote), "peer "+addrText(got.Remote))
	differ(waiting(want), waiting(got))
	differ(fmt.Sprintf("backlog %d", want.Backlog), fmt.Sprintf("backlog %d", got.Backlog))
	differ(fmt.Sprintf("device %d", want.Device), fmt.Sprintf("device %d", got.Device))
	differ(fmt.Sprintf("v6only %t", want.V6Only), fmt.Sprintf("v6only %t", got.V6Only))
	differ(kindOf(want), kindOf(got))
	return strings.Join(wanted, ", ") + "; Linux has " + strings.Join(seen, ", ")
}

func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return "none"
	}
	return a.String()
}

func stateWord(s *linux.Socket) string {
	if s.Carrier == sip.CarrierUDP {
		return map[bool]string{true: "connected", false: "unconnected"}[s.State == linux.StateEstablished]
	}
	return s.State.String()
}

// waiting says what waits at a socket.
func waiting(s *linux.Socket) string {
	what := "unread bytes (a FIN counts as one)"
	switch {
	case s.Carrier == sip.CarrierUDP && s.Queue == 0:
		return "no datagram waiting"
	case s.Carrier == sip.CarrierUDP:
		return "a datagram waiting" // canonical counts one only
	case s.State == linux.StateListen:
		what = "connections to accept"
	}
	if s.Queue == 1 {
		what = strings.Replace(strings.Replace(what, "connections", "connection", 1), "bytes", "byte", 1)
	}
	return fmt.Sprintf("%d %s", s.Queue, what)
}

// boundWords says which sockets that only hold a port differ.
func boundWords(want, got []linux.Bound) string {
	var out []string
	say := func(of, in []linux.Bound, who string) {
		for _, b := range of {
			found := false
			for _, o := range in {
				found = found || o == b
			}
			if !found {
				out = append(out, fmt.Sprintf("%s (%s on %s): only %s has it hold %s", b.Name, b.Carrier, b.Host, who, b.Local))
			}
		}
	}
	say(want, got, "the model")
	say(got, want, "Linux")
	return strings.Join(out, "\n")
}
