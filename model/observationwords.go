package model

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A number that stands for a word is that word in a kept observation: numbers
// are the program's own, and would mean something else when one is added.

// MarshalText gives the role as it stands in a finding.
func (r Role) MarshalText() ([]byte, error) { return textOf(giverNames[:], "role", r) }

// UnmarshalText reads what MarshalText gave.
func (r *Role) UnmarshalText(text []byte) error { return fromText(giverNames[:], "role", text, r) }

// MarshalText gives the outcome in the words of a report.
func (p ProbeResult) MarshalText() ([]byte, error) {
	return textOf(probeNames[:], "outcome of a probe", p)
}

// UnmarshalText reads what MarshalText gave.
func (p *ProbeResult) UnmarshalText(text []byte) error {
	return fromText(probeNames[:], "outcome of a probe", text, p)
}

// MarshalText gives the state as ss(8) prints it.
func (s State) MarshalText() ([]byte, error) { return textOf(stateNames[:], "state", s) }

// UnmarshalText reads what MarshalText gave.
func (s *State) UnmarshalText(text []byte) error { return fromText(stateNames[:], "state", text, s) }

// MarshalText gives the transport's name, in lower case.
func (t Transport) MarshalText() ([]byte, error) { return textOf(transportNames[:], "transport", t) }

// UnmarshalText reads what MarshalText gave.
func (t *Transport) UnmarshalText(text []byte) error {
	return fromText(transportNames[:], "transport", text, t)
}

// textOf is the word of a value. "" is no word: a value without one is left out
// where it is the zero value, and cannot be kept where it is not.
func textOf[T ~uint8](words []string, what string, v T) ([]byte, error) {
	if int(v) >= len(words) || words[v] == "" {
		return nil, fmt.Errorf("there is no %s %d", what, v)
	}
	return []byte(words[v]), nil
}

func fromText[T ~uint8](words []string, what string, text []byte, v *T) error {
	i := slices.Index(words, string(text))
	if i < 0 || len(text) == 0 {
		return fmt.Errorf("found %s, want a %s such as %q", quote(string(text)), what, words[len(words)-1])
	}
	*v = T(i)
	return nil
}

// legible writes what a stack said so that JSON, which is UTF-8, holds each of
// its bytes: one that is none of a character is \xff, and a backslash is two.
func legible(s string) (string, error) {
	if utf8.ValidString(s) && !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return b.String(), nil
}

// literal is the text that legible wrote so.
func literal(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(s, `\`)
		b.WriteString(plain)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			s = rest[1:]
		default:
			digits, isByte := strings.CutPrefix(rest, "x")
			if !isByte || len(digits) < 2 {
				return "", fmt.Errorf(`found %s, want \\ or a byte such as \xff behind a backslash`, quote(rest))
			}
			v, err := strconv.ParseUint(digits[:2], 16, 8)
			if err != nil {
				return "", fmt.Errorf(`found %s, want a byte such as \xff`, quote(rest))
			}
			b.WriteByte(byte(v))
			s = digits[2:]
		}
	}
}

// eachString replaces every string in a value, which must be the caller's own;
// with shared, its lists are not, and are copied first.
func eachString(v reflect.Value, shared bool, f func(string) (string, error)) (err error) {
	switch v.Kind() {
	case reflect.String:
		if !v.CanSet() {
			return nil // inside a type of the standard library, which is text itself
		}
		var s string
		if s, err = f(v.String()); err == nil {
			v.SetString(s)
		}
	case reflect.Struct:
		for i := 0; i < v.NumField() && err == nil; i++ {
			if v.Field(i).CanSet() {
				err = eachString(v.Field(i), shared, f)
			}
		}
	case reflect.Slice:
		if v.Len() == 0 {
			return nil
		}
		if shared {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
		}
		for i := 0; i < v.Len() && err == nil; i++ {
			err = eachString(v.Index(i), shared, f)
		}
	}
	return err
}
