package plain

import (
	"strconv"
	"unicode/utf8"
)

// quoteWidth is about how many characters of somebody else's text an error shows.
const quoteWidth = 40

// Quote shows foreign text in one line of printable ASCII, shortened.
func Quote(s string) string {
	out := []byte{'"'}
	for len(s) > 0 {
		if len(out) > quoteWidth {
			return string(out) + `…"`
		}
		_, n := utf8.DecodeRuneInString(s)
		q := strconv.QuoteToASCII(s[:n])
		out = append(out, q[1:len(q)-1]...)
		s = s[n:]
	}
	return string(append(out, '"'))
}
