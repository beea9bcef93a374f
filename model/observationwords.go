package model

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/greka-sip/greka/model/plain"
)

// A number that stands for a word is that word in a kept observation: numbers
// are the program's own, and would mean something else when one is added.

// MarshalText gives the role as it stands in a finding.
func (r Role) MarshalText() ([]byte, error) { return plain.TextOf(giverNames[:], "role", r) }

// UnmarshalText reads what MarshalText gave.
func (r *Role) UnmarshalText(text []byte) error {
	return plain.FromText(giverNames[:], "role", text, r)
}

// MarshalText gives the outcome in the words of a report.
func (p ProbeResult) MarshalText() ([]byte, error) {
	return plain.TextOf(probeNames[:], "outcome of a probe", p)
}

// UnmarshalText reads what MarshalText gave.
func (p *ProbeResult) UnmarshalText(text []byte) error {
	return plain.FromText(probeNames[:], "outcome of a probe", text, p)
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
		before, rest, found := strings.Cut(s, `\`)
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), nil
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			s = rest[1:]
		default:
			digits, isByte := strings.CutPrefix(rest, "x")
			if !isByte || len(digits) < 2 {
				return "", fmt.Errorf(`found %s, want \\ or a byte such as \xff behind a backslash`, plain.Quote(rest))
			}
			v, err := strconv.ParseUint(digits[:2], 16, 8)
			if err != nil {
				return "", fmt.Errorf(`found %s, want a byte such as \xff`, plain.Quote(rest))
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
