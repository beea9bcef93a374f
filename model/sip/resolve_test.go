package sip

import (
	"errors"
	"testing"

	"github.com/greka-sip/greka/internal/table"
)

// TestResolveErrors: whoever judges tells by Kind whether the advert
// is bad or the model stops here. (Where good URIs lead: testdata/uri.txtar.)
func TestResolveErrors(t *testing.T) {
	for uri, want := range map[string]ResolveError{
		"sip:example.com":             {Kind: NeedsDNS},
		"sip:example.com:5060":        {Kind: NeedsDNS},
		"sip:10.0.0.1;maddr=h.org":    {Kind: NeedsDNS},
		"sips:10.0.0.1":               {Kind: UnsupportedTransport},
		"sips:10.0.0.1;transport=tcp": {Kind: UnsupportedTransport},
		"sip:10.0.0.1;transport=TLS":  {Kind: UnsupportedTransport},
		"sip:10.0.0.1;transport=ws":   {Kind: UnsupportedTransport},
		"sips:10.0.0.1;transport=UDP": {Kind: Contradiction},
		"sip:10.0.0.1;transport=tcpp": {Kind: UnknownTransport},
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
		if got.Kind != want.Kind || got.URI != u.String() {
			t.Errorf("%s: %+v, want %+v", uri, got, want)
		}
		table.OneLine(t, err)
	}
}
