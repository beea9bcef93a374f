package model

import (
	"errors"
	"testing"
)

// TestResolveErrors: whoever judges tells by Kind and Class whether the advert
// is bad or the model stops here. (Where good URIs lead: testdata/uri.txtar.)
func TestResolveErrors(t *testing.T) {
	for uri, want := range map[string]ResolveError{
		"sip:example.com":             {Kind: NeedsDNS, Class: Inconclusive},
		"sip:example.com:5060":        {Kind: NeedsDNS, Class: Inconclusive},
		"sip:10.0.0.1;maddr=h.org":    {Kind: NeedsDNS, Class: Inconclusive},
		"sips:10.0.0.1":               {Kind: UnsupportedTransport, Class: Inconclusive},
		"sips:10.0.0.1;transport=tcp": {Kind: UnsupportedTransport, Class: Inconclusive},
		"sip:10.0.0.1;transport=TLS":  {Kind: UnsupportedTransport, Class: Inconclusive},
		"sip:10.0.0.1;transport=ws":   {Kind: UnsupportedTransport, Class: Inconclusive},
		"sips:10.0.0.1;transport=UDP": {Kind: Contradiction, Class: Malformed},
		"sip:10.0.0.1;transport=tcpp": {Kind: UnknownTransport, Class: WrongTransport},
	} {
		u, err := ParseURI(uri)
		if err != nil {
			t.Fatal(err)
		}
		targets, err := Resolve(u)
		var got *ResolveError
		if !errors.As(err, &got) || targets != nil {
			t.Errorf("%s: %v, %v", uri, targets, err)
			continue
		}
		if got.Kind != want.Kind || got.Class != want.Class || got.URI != u.String() {
			t.Errorf("%s: %+v, want %+v", uri, got, want)
		}
		checkOneLine(t, err)
	}
}
