package model

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// TestEveryClassHasARow: a class that the table does not have would have no
// words in a report, and its cases could not be read.
func TestEveryClassHasARow(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "class.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if kind, named := v.Type.(*ast.Ident); named && kind.Name == "Class" {
				declared[v.Names[0].Name] = true
			}
		}
		return true
	})
	if len(declared) < 20 {
		t.Fatalf("only %d classes were found", len(declared))
	}
	for name := range declared {
		if Class(name).Row().Says == "" {
			t.Errorf("%s has no row, or no words", name)
		}
	}
	for _, r := range Classes {
		if !declared[string(r.Class)] {
			t.Errorf("%s is no declared class", r.Class)
		}
		if r.Subject == 0 || (r.Subject == OfRequest) != strings.Contains(r.Says, "%[1]s") {
			t.Errorf("%s: what is said of %d: %s", r.Class, r.Subject, r.Says)
		}
	}
}

// TestUnknownHeader: an address in a header that nothing is claimed of is not
// judged as if it were a Contact.
func TestUnknownHeader(t *testing.T) {
	for header, want := range map[string]Class{"Contact": Closed, "Record-Route": Closed, "Path": Inconclusive} {
		v := judged("sip:bob@10.77.0.1:9;transport=tcp", func(o *Observation) { o.Adverts[0].Header = header })
		if v.Class != want {
			t.Errorf("%s: %s, want %s", header, v.Class, want)
		}
	}
}
