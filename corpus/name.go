package corpus

import (
	"cmp"
	"strings"

	"github.com/greka-sip/greka/model"
)

// extension is how the name of a case ends.
const extension = ".txtar"

// maxName bounds a file's name: a message's name is what a stack made it.
const maxName = 120

// FileName names the file of a finding: header, class, message, transport, as
// in contact-connection-port-200-invite-tcp.txtar. What goes without saying
// stays out: the role that gives such a message, the severity Finding, and the
// claim that is named after the header.
func FileName(s model.Signature) string {
	var parts []string
	add := func(p string) {
		if p != "" {
			parts = append(parts, kebab(p))
		}
	}
	add(s.Header)
	if s.Claim != strings.ReplaceAll(s.Header, "-", "")+"Accepts" {
		add(s.Claim)
	}
	add(string(s.Class))
	add(s.Message)
	add(s.Transport)
	if s.Role != usualRole(s.Message) {
		add(cmp.Or(s.Role, "nobody"))
	}
	if s.Severity != model.Finding {
		add(string(s.Severity))
	}
	name := strings.Join(parts, "-")
	return name[:min(len(name), maxName)] + extension
}

// usualRole is who gives an address in such a message, if nobody says
// otherwise: who registers will be called, and so will who answers an INVITE.
func usualRole(message string) string {
	_, answered, _ := strings.Cut(message, " ")
	switch {
	case message == "REGISTER", answered == "INVITE":
		return model.RoleCallee.String()
	case message == "INVITE":
		return model.RoleCaller.String()
	}
	return ""
}

// kebab writes ConnectionPort as connection-port and 200 INVITE as 200-invite.
func kebab(s string) string {
	var b strings.Builder
	lower := false // the byte before was one
	for _, c := range []byte(s) {
		switch {
		case 'A' <= c && c <= 'Z':
			if lower {
				b.WriteByte('-')
			}
			b.WriteByte(c - 'A' + 'a')
		case 'a' <= c && c <= 'z', isDigit(c):
			b.WriteByte(c)
		default:
			b.WriteByte('-')
		}
		lower = 'a' <= c && c <= 'z'
	}
	return b.String()
}
