package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/table"
)

// TestURI: testdata/uri.txtar says of each URI how it is read and where it
// leads, or what is wrong with it.
func TestURI(t *testing.T) {
	table.Run(t, "uri.txtar", func(file, in string) string {
		u, err := ParseURI(in)
		if bad := file == "malformed"; bad != (err != nil) {
			t.Errorf("%s: it is listed as %s, and the error is %v", in, file, err)
		}
		if err != nil {
			return briefError(err)
		}
		checkFixpoint(t, u)
		return describeURI(u) + "\n" + describeTargets(Resolve(u))
	})
}

// briefError leaves out the input, which the table has already.
func briefError(err error) string {
	var e *SyntaxError
	if !errors.As(err, &e) {
		return err.Error()
	}
	return fmt.Sprintf("%d: found %s, want %s", e.Offset, e.Found, e.Want)
}

func describeURI(u URI) string {
	s := u.Scheme + " user=" + u.User + " host=" + u.Host
	if u.Addr.IsValid() {
		s += " (address)"
	}
	if u.Port >= 0 {
		s += fmt.Sprint(" port=", u.Port)
	}
	return s + describeParams(u.Params) + suffix(" headers=", u.Headers)
}

func describeParams(params []Param) (s string) {
	for _, p := range params {
		if s += " ;" + p.Name; p.HasValue {
			s += "=" + p.Value
		}
	}
	return s
}

func suffix(label, s string) string {
	if s == "" {
		return ""
	}
	return label + s
}

func describeTargets(targets []Target, err error) string {
	var e *ResolveError
	if errors.As(err, &e) {
		return "no target: " + e.Why
	}
	s := "to"
	for _, t := range targets {
		s += fmt.Sprint(" ", t.Transport, " ", t.Addr)
	}
	return s
}

func checkFixpoint(t *testing.T, u URI) {
	t.Helper()
	again, err := ParseURI(u.String())
	if err != nil || !reflect.DeepEqual(again, u) {
		t.Errorf("%#v prints as %s, which reads as %#v, %v", u, u, again, err)
	}
}

// FuzzSIPURI: whatever the bytes, ParseURI ends, and what it accepts prints to
// something that it reads as the same, and has a host about which netip, a
// parser that others wrote, agrees.
func FuzzSIPURI(f *testing.F) {
	for _, s := range table.Inputs(f, "uri.txtar") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := ParseURI(raw)
		if err != nil {
			checkSyntaxError(t, err, raw)
			return
		}
		checkFixpoint(t, u)
		if err := hostFault(u); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		targets, err := Resolve(u)
		if (err == nil) != (len(targets) == 1) {
			t.Errorf("%s: %v, %v", raw, targets, err)
		}
	})
}

// hostFault compares a URI's host and port with what netip makes of them.
func hostFault(u URI) error {
	a, err := netip.ParseAddr(u.Host)
	switch {
	case u.Host == "" || strings.ContainsAny(u.Host, "[]@%; \t\r\n"):
		return fmt.Errorf("host %q", u.Host)
	case (err == nil) != u.Addr.IsValid(), err == nil && (a != u.Addr || a.Zone() != ""):
		return fmt.Errorf("host %q: netip says %v, %v, we say %v", u.Host, a, err, u.Addr)
	case !u.Addr.IsValid() || u.Port < 0:
		return nil
	}
	text := fmt.Sprint(bracketed(u.Host), ":", u.Port)
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap != netip.AddrPortFrom(u.Addr, uint16(u.Port)) {
		return fmt.Errorf("%s: netip says %v, %v", text, ap, err)
	}
	return nil
}

// checkSyntaxError demands a place inside the text and one short line.
func checkSyntaxError(t *testing.T, err error, text string) {
	t.Helper()
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Fatalf("%T: %v", err, err)
	}
	if e.Offset < 0 || e.Offset > len(text) || e.Want == "" || e.Found == "" {
		t.Errorf("%+v", e)
	}
	table.OneLine(t, err)
}

// TestHostFaultIsFound is the negative twin of the fuzz target's oracle.
func TestHostFaultIsFound(t *testing.T) {
	right := netip.MustParseAddr("10.0.0.1")
	for _, u := range []URI{
		{Host: "", Port: -1},
		{Host: "a b", Port: -1},
		{Host: "10.0.0.1", Port: -1},
		{Host: "10.0.0.2", Addr: right, Port: -1},
		{Host: "name", Addr: right, Port: -1},
		{Host: "10.0.0.1", Addr: right, Port: 65536},
	} {
		if hostFault(u) == nil {
			t.Errorf("%+v was believed", u)
		}
	}
	if err := hostFault(URI{Host: "10.0.0.1", Addr: right, Port: 5060}); err != nil {
		t.Error(err)
	}
}

func TestParamValueIsNotAbsence(t *testing.T) {
	u, err := ParseURI("sip:h;lr;x=1")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := u.Param("lr"); v != "" || !ok {
		t.Errorf("lr: %q, %v", v, ok)
	}
	if v, ok := u.Param("y"); v != "" || ok {
		t.Errorf("y: %q, %v", v, ok)
	}
}
