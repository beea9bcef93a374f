package corpus

import (
	"fmt"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/model/sip"
)

// absent stands in a signature's text for a part that is empty.
const absent = "-"

// parts are the words before and after the message, the only part that may be
// two words ("200 INVITE").
const (
	partsBefore = 4 // claim, class, severity, header
	partsAfter  = 2 // role, transport
)

// FormatSignature writes a signature on one line: claim, class, severity,
// header, message, role, transport, as in
//
//	ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp
func FormatSignature(s model.Signature) string {
	parts := []string{s.Claim, string(s.Class), string(s.Severity), s.Header, s.Message, s.Role, s.Transport}
	for i, p := range parts {
		if p == "" {
			parts[i] = absent
		}
	}
	return strings.Join(parts, " ")
}

// ParseSignature reads what FormatSignature wrote. Its error names the part
// that it cannot accept, and what was expected there.
func ParseSignature(text string) (model.Signature, error) {
	sig, bad := readSignature(splitWords(text))
	if bad != nil {
		return sig, fmt.Errorf("corpus: signature %s: found %s, want %s", quote(text), bad.found, bad.want)
	}
	return sig, nil
}

// word is one word of a line, with its column (from 1).
type word struct {
	text string
	col  int
}

// misread is what a reader of words found and what it wanted, at a column.
type misread struct {
	col         int
	found, want string
}

func splitWords(line string) []word {
	var ws []word
	start := -1
	for i := 0; i <= len(line); i++ {
		blank := i == len(line) || line[i] == ' ' || line[i] == '\t'
		if !blank && start < 0 {
			start = i
		}
		if blank && start >= 0 {
			ws = append(ws, word{line[start:i], start + 1})
			start = -1
		}
	}
	return ws
}

// endCol is the column after the last word.
func endCol(ws []word) int {
	if len(ws) == 0 {
		return 1
	}
	last := ws[len(ws)-1]
	return last.col + len(last.text)
}

func readSignature(ws []word) (model.Signature, *misread) {
	var s model.Signature
	if n := len(ws); n < partsBefore+1+partsAfter || n > partsBefore+2+partsAfter {
		return s, &misread{endCol(ws), fmt.Sprintf("%d words", n), "claim, class, severity, header, message, role, transport"}
	}
	tail := ws[len(ws)-partsAfter:]
	message := ws[partsBefore : len(ws)-partsAfter]
	checks := []struct {
		word word
		into *string
		want string
		ok   func(string) bool
	}{
		{ws[0], &s.Claim, "a claim such as ContactAccepts", isName},
		{ws[1], (*string)(&s.Class), "a class such as ConnectionPort", isClass},
		{ws[2], (*string)(&s.Severity), "Finding, Latent or Unexplained", isSeverity},
		{ws[3], &s.Header, "a header such as Contact, or -", orAbsent(isToken)},
		{joinWords(message), &s.Message, "a message such as INVITE or 200 INVITE, or -", orAbsent(isMessage)},
		{tail[0], &s.Role, "caller, callee, proxy or -", orAbsent(isRole)},
		{tail[1], &s.Transport, "a transport such as tcp, or -", orAbsent(isTransport)},
	}
	for _, c := range checks {
		if !c.ok(c.word.text) {
			return s, &misread{c.word.col, quote(c.word.text), c.want}
		}
		if c.word.text != absent {
			*c.into = c.word.text
		}
	}
	return s, nil
}

func joinWords(ws []word) word {
	texts := make([]string, len(ws))
	for i, w := range ws {
		texts[i] = w.text
	}
	return word{strings.Join(texts, " "), ws[0].col}
}

func orAbsent(ok func(string) bool) func(string) bool {
	return func(s string) bool { return s == absent || ok(s) }
}

func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := 'A' <= c && c <= 'Z' || i > 0 && ('a' <= c && c <= 'z' || '0' <= c && c <= '9')
		if !letter {
			return false
		}
	}
	return s != ""
}

// classes are those that a signature can have: something is wrong.
var classes = wrongClasses()

func wrongClasses() (list []model.Class) {
	for _, row := range model.Classes {
		if !row.Right && !row.Trouble {
			list = append(list, row.Class)
		}
	}
	return list
}

func isClass(s string) bool { return slices.Contains(classes, model.Class(s)) }

func isSeverity(s string) bool {
	return s == string(model.Finding) || s == string(model.Latent) || s == string(model.Puzzle)
}

func isRole(s string) bool {
	return slices.ContainsFunc(model.Roles, func(r model.Role) bool { return r.String() == s })
}

func isTransport(s string) bool {
	_, ok := sip.ParseTransport(s)
	return ok
}

// isMessage accepts a method, or a status code and a method.
func isMessage(s string) bool {
	if code, method, two := strings.Cut(s, " "); two {
		return isStatus(code) && isToken(method)
	}
	return isToken(s)
}

func isStatus(s string) bool {
	return len(s) == 3 && '1' <= s[0] && s[0] <= '6' && isDigit(s[1]) && isDigit(s[2])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isToken follows RFC 3261 25.1, except that a lone "-" is taken.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		alnum := 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || isDigit(c)
		if !alnum && !strings.ContainsRune("-.!%*_+`'~", rune(c)) {
			return false
		}
	}
	return s != "" && s != absent
}
