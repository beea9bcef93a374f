package props

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// differing tells of sockets that are not as the model predicts: whose they are,
// what was expected, and each of them.
func (e *explanation) differing() {
	if who := culprit(&e.v); who != "" {
		e.line("%s%s", who, e.dialledAnew())
		e.duty()
		e.b.WriteByte('\n')
	}
	e.row("after step", "%d", e.v.Step+1)
	for _, l := range strings.Split(e.v.Detail, "\n") {
		e.line("%s", l)
	}
	if all := slices.Concat(e.v.Missing, e.v.Extra); len(doers(all)) < len(all) {
		e.row("", "an accepted connection is the other end of a dialled one")
	}
	e.ports()
	if o := e.outcome(e.v.Step); o != nil && o.Completed() {
		e.row("so", "the call goes through; a connection more costs a handshake and a socket at both ends")
	}
}

// dialledAnew says for which requests whoever has connections too many dialled
// although it had one to the same place, as far as that was seen.
func (e *explanation) dialledAnew() string {
	var requests []string
	to := ""
	for i := range e.p.Obs.Uses {
		u := &e.p.Obs.Uses[i]
		if u.Step != e.v.Step || u.Request == "" || !u.MustDial || u.Met != model.ProbeAccepted || counted(doers(e.v.Extra), u.View.Element) == "" {
			continue
		}
		t, err := e.p.Obs.Adverts[u.Advert].Target()
		if err != nil || !t.Transport.Reliable() || !connectedTo(&e.p.Obs.Snapshots[u.Snapshot], u.View, t) {
			continue
		}
		requests, to = append(requests, u.Request), fmt.Sprintf("%s %s", t.Transport, t.Addr)
	}
	if len(requests) == 0 {
		return ""
	}
	return fmt.Sprintf(": it dialled %s for the %s, while it had a connection there", to, strings.Join(requests, " and for the "))
}

// connectedTo reports whether a viewpoint has a connection to a target.
func connectedTo(snap *linux.Snapshot, from model.Viewpoint, to sip.Target) bool {
	h := snap.Host(from.Host)
	return h != nil && slices.ContainsFunc(h.Sockets, func(s linux.Socket) bool {
		return s.Owner == from.Element && s.Carrier == to.Transport.Carrier() && s.State == linux.StateEstablished && linux.UnmapPort(s.Remote) == to.Addr
	})
}

// ports lists the dialled connections of whoever has too many or too few, with
// their ports: the prediction knows none that the kernel picks.
func (e *explanation) ports() {
	if e.v.Step >= len(e.p.Obs.After) {
		return
	}
	snap := &e.p.Obs.Snapshots[e.p.Obs.After[e.v.Step]]
	for _, name := range owners(doers(slices.Concat(e.v.Missing, e.v.Extra))) {
		label := name + " dialled"
		for i := range snap.Hosts {
			h := &snap.Hosts[i]
			for k := range h.Sockets {
				if s := &h.Sockets[k]; s.Owner == name && name != "" && h.RoleOf(s) == linux.RoleDialled {
					e.row(label, "%s%s", e.socketText(snap, s), e.ofINVITE(s))
					label = ""
				}
			}
		}
	}
}

// ofINVITE says that a connection is the one that the INVITE went over.
func (e *explanation) ofINVITE(s *linux.Socket) string {
	if slices.ContainsFunc(e.p.Obs.Adverts, func(a model.Advert) bool {
		return a.Step == e.v.Step && a.Message == "INVITE" && a.Leg.Transport.Carrier() == s.Carrier && a.Leg.Remote == s.Local && a.Leg.Local == s.Remote
	}) {
		return ", the INVITE's"
	}
	return ""
}

// culprit says whose sockets differ, and how: "ann has 2 sockets that the model
// does not predict". The accepted end of a connection is no work of its owner's,
// and is not counted if who dialled it is there.
func culprit(v *model.Verdict) string {
	missing, extra := doers(v.Missing), doers(v.Extra)
	var parts []string
	for _, name := range owners(append(slices.Clone(extra), missing...)) {
		var has []string
		if what := counted(extra, name); what != "" {
			has = append(has, fmt.Sprintf("has %s that the model does not predict", what))
		}
		if what := counted(missing, name); what != "" {
			has = append(has, fmt.Sprintf("lacks %s that the model predicts", what))
		}
		if name == "" {
			name = "an element that is not known"
		}
		parts = append(parts, name+" "+strings.Join(has, " and "))
	}
	return strings.Join(parts, "; ")
}

// doers leaves out the sockets that somebody else's dialling made.
func doers(lines []model.SocketLine) []model.SocketLine {
	dialled := slices.ContainsFunc(lines, func(l model.SocketLine) bool { return l.Role == linux.RoleDialled })
	return slices.DeleteFunc(slices.Clone(lines), func(l model.SocketLine) bool { return dialled && l.Role == linux.RoleAccepted })
}

func owners(lines []model.SocketLine) (names []string) {
	for _, l := range lines {
		if !slices.Contains(names, l.Owner) {
			names = append(names, l.Owner)
		}
	}
	return names
}

// counted says how many sockets of an element there are in a list, and what they
// are if all are alike; "" if there is none.
func counted(lines []model.SocketLine, owner string) string {
	n, what := 0, ""
	for _, l := range lines {
		if l.Owner != owner {
			continue
		}
		n++
		is := nouns[l.Role]
		if is == "" || what != "" && is != what {
			is = "socket"
		}
		what = is
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "a " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// nouns name the sockets of a role; the others are sockets.
var nouns = map[linux.SocketRole]string{
	linux.RoleListener: "listener", linux.RoleDialled: "connection", linux.RoleAccepted: "connection",
}
