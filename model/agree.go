package model

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

// SocketLine is one socket as prediction and observation compare it: numbers
// that the kernel picked are left out.
type SocketLine struct {
	Host, Owner   string
	Role          linux.SocketRole
	Carrier       sip.Carrier
	State         linux.State
	Local, Remote string // address:port; "*" stands for a port that the kernel picked
}

// String writes it like a line of ss(8).
func (l SocketLine) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s %s", l.Host, l.Owner, l.Carrier, l.State, l.Role, l.Local, l.Remote))
}

func init() { judgedBy(SocketsAgree, judgeSockets) }

// judgeSockets compares the sockets after each step with the prediction. Where
// an element's sockets are not ours to predict, connections may have that
// element at their other end, and only listeners and UDP sockets are compared.
func judgeSockets(s *scenario.Scenario, o *Observation) []Verdict {
	p, err := Predict(s)
	if err != nil {
		return []Verdict{{Class: Broken, Advert: -1, Use: -1, Detail: "no honest element could play this: " + err.Error()}}
	}
	full := true
	for _, e := range s.Elements {
		full = full && o.Own[e.Name]
	}
	var out []Verdict
	for step, i := range o.After {
		if step >= len(p.Sockets) {
			break
		}
		v := Verdict{Claim: SocketsAgree.Name, Class: Accepting, Advert: -1, Use: -1, Step: step}
		missing, extra := Differences(Lines(s, o.Own, &p.Sockets[step], full), Lines(s, o.Own, &o.Snapshots[i], full))
		if len(missing)+len(extra) > 0 {
			v.Class, v.Severity = SocketsDiffer, Finding
			v.Missing, v.Extra, v.Detail = missing, extra, describe(missing, extra)
		}
		out = append(out, v)
	}
	return out
}

// Lines lists the sockets of our own elements in a snapshot, predicted or
// taken: their listeners and, if full, their connections.
func Lines(s *scenario.Scenario, own map[string]bool, snap *linux.Snapshot, full bool) []SocketLine {
	var out []SocketLine
	for i := range snap.Hosts {
		h := &snap.Hosts[i]
		for j := range h.Sockets {
			x := &h.Sockets[j]
			role := h.RoleOf(x)
			if !own[x.Owner] && x.Owner != "" || !full && (role != linux.RoleListener && role != linux.RoleDatagram || picked(s, x.Local)) {
				continue // over which transports others are talked to is theirs to say
			}
			out = append(out, SocketLine{h.Host, x.Owner, role, x.Carrier, x.State, symbol(s, x.Local), symbol(s, x.Remote)})
		}
	}
	return sorted(out)
}

// symbol writes an address; a port on which nobody in the scenario accepts was
// picked by the kernel.
func symbol(s *scenario.Scenario, a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	for i := range s.Elements {
		e := &s.Elements[i]
		for _, l := range e.Listen {
			if l.Port == a.Port() && (s.ElementAddr(e.Name) == a.Addr().Unmap() || listenAddr(s, e, l) == a) {
				return linux.UnmapPort(a).String()
			}
		}
	}
	return a.Addr().Unmap().String() + " *"
}

// listenAddr is where an element's socket for a listener is bound.
func listenAddr(s *scenario.Scenario, e *scenario.Element, l scenario.Listen) netip.AddrPort {
	a, _ := s.BindAddr(e.Name)
	return netip.AddrPortFrom(a, l.Port)
}

// Differences returns what is expected and not there, and what is there and not
// expected. Both lists have to be sorted.
func Differences(want, got []SocketLine) (missing, extra []SocketLine) {
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].compare(got[0]) < 0:
			missing, want = append(missing, want[0]), want[1:]
		case len(want) == 0 || got[0].compare(want[0]) < 0:
			extra, got = append(extra, got[0]), got[1:]
		default:
			want, got = want[1:], got[1:]
		}
	}
	return missing, extra
}

func sorted(lines []SocketLine) []SocketLine {
	slices.SortFunc(lines, SocketLine.compare)
	return lines
}

func (l SocketLine) compare(o SocketLine) int {
	return cmp.Or(cmp.Compare(l.Host, o.Host), cmp.Compare(l.Owner, o.Owner), cmp.Compare(l.Role, o.Role), cmp.Compare(l.Carrier, o.Carrier),
		cmp.Compare(l.State, o.State), cmp.Compare(l.Local, o.Local), cmp.Compare(l.Remote, o.Remote))
}

func describe(missing, extra []SocketLine) string {
	var b strings.Builder
	for _, l := range missing {
		fmt.Fprintf(&b, "missing: %s\n", l)
	}
	for _, l := range extra {
		fmt.Fprintf(&b, "not predicted: %s\n", l)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
