package plain

import (
	"fmt"
	"slices"
)

// TextOf is the word of a value. "" is no word: a value without one is left out
// where it is the zero value, and cannot be kept where it is not.
func TextOf[T ~uint8](words []string, what string, v T) ([]byte, error) {
	if int(v) >= len(words) || words[v] == "" {
		return nil, fmt.Errorf("there is no %s %d", what, v)
	}
	return []byte(words[v]), nil
}

// FromText reads the word that TextOf gave.
func FromText[T ~uint8](words []string, what string, text []byte, v *T) error {
	i := slices.Index(words, string(text))
	if i < 0 || len(text) == 0 {
		return fmt.Errorf("found %s, want a %s such as %q", Quote(string(text)), what, words[len(words)-1])
	}
	*v = T(i)
	return nil
}
