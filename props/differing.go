package props

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/linux"
)

// differing tells of sockets that are not as the model predicts: whose they are,
// what was promised, and each of them.
func (e *explanation) differing() {
	if who := culprit(&e.v); who != "" {
		e.line("%s, against %s: %s (%s)", who, model.SocketsAgree.Name, model.SocketsAgree.Text, model.SocketsAgree.Section)
		e.b.WriteByte('\n')
	}
	e.row("after step", "%d", e.v.Step+1)
	for _, l := range strings.Split(e.v.Detail, "\n") {
		e.line("%s", l)
	}
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
