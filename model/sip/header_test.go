package sip

import (
	"fmt"
	"strings"
	"testing"

	"github.com/greka-sip/greka/internal/table"
)

// TestAddressHeaders: testdata/header.txtar says how address headers and Via
// are read, or what is wrong with them.
func TestAddressHeaders(t *testing.T) {
	table.Run(t, "header.txtar", func(file, in string) string {
		var out []string
		var err error
		if strings.HasSuffix(file, "via") {
			var list []Via
			list, err = ParseVias(in)
			for _, v := range list {
				out = append(out, describeVia(v))
			}
		} else {
			var list []NameAddr
			list, err = ParseNameAddrs(in)
			for _, n := range list {
				out = append(out, describeNameAddr(n))
			}
		}
		if bad := strings.HasPrefix(file, "malformed"); bad != (err != nil) {
			t.Errorf("%s: it is listed as %s, and the error is %v", in, file, err)
		}
		if err != nil {
			checkSyntaxError(t, err, in)
			return briefError(err)
		}
		return strings.Join(out, "\n")
	})
}

func describeNameAddr(n NameAddr) string {
	if n.Star {
		return "*"
	}
	form := "bare"
	if n.Bracketed {
		form = "in <>"
	}
	return fmt.Sprintf("%s %s%s%s", form, n.URI, suffix(" display=", n.Display), describeParams(n.Params))
}

func describeVia(v Via) string {
	s := v.Transport + " host=" + v.Host
	if v.Addr.IsValid() {
		s += " (address)"
	}
	if v.Port >= 0 {
		s += fmt.Sprint(" port=", v.Port)
	}
	return s + describeParams(v.Params)
}

// TestBracketsDecideWhoseParameter is rule 20.10 of RFC 3261 to its end: the
// same text with and without <> leads to different sockets.
func TestBracketsDecideWhoseParameter(t *testing.T) {
	for value, want := range map[string]string{
		"sip:bob@10.77.0.1:5072;transport=tcp":   "to udp 10.77.0.1:5072",
		"<sip:bob@10.77.0.1:5072;transport=tcp>": "to tcp 10.77.0.1:5072",
		"<sip:bob@10.77.0.1:5072>;transport=tcp": "to udp 10.77.0.1:5072",
	} {
		list, err := ParseNameAddrs(value)
		if err != nil {
			t.Fatal(err)
		}
		u, err := ParseURI(list[0].URI)
		if err != nil {
			t.Fatal(err)
		}
		if got := describeTargets(Resolve(u)); got != want {
			t.Errorf("%s leads %s, want %s", value, got, want)
		}
	}
}

func TestHeaderParams(t *testing.T) {
	list, err := ParseNameAddrs(`<sip:h>;Expires=60;+sip.instance="<urn:uuid:1>"`)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := list[0].Param("expires"); v != "60" || !ok {
		t.Errorf("expires: %q, %v", v, ok)
	}
	if v, _ := list[0].Param("+sip.instance"); v != `"<urn:uuid:1>"` {
		t.Errorf("instance: %q", v)
	}
	vias, err := ParseVias("SIP/2.0/UDP h;rport")
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := vias[0].Param("rport"); v != "" || !ok {
		t.Errorf("rport: %q, %v", v, ok)
	}
}

// FuzzAddressHeaders: both readers end, complain in one line, and what they
// read is made of pieces of the input.
func FuzzAddressHeaders(f *testing.F) {
	for _, s := range table.Inputs(f, "header.txtar") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		names, err := ParseNameAddrs(value)
		if err != nil {
			checkSyntaxError(t, err, value)
		}
		for _, n := range names {
			if !strings.Contains(value, n.URI) || !strings.Contains(value, n.Display) || n.Star == (n.URI != "") {
				t.Errorf("%q: %+v", value, n)
			}
		}
		vias, err := ParseVias(value)
		if err != nil {
			checkSyntaxError(t, err, value)
		}
		for _, v := range vias {
			if err := hostFault(URI{Host: v.Host, Addr: v.Addr, Port: v.Port}); err != nil {
				t.Errorf("%q: %v", value, err)
			}
		}
	})
}
