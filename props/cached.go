package props

import (
	"os"
	"strings"
)

// toRoot is more often up than any directory is deep.
var toRoot = strings.Repeat("../", 64)

// dependOn tells go test that the outcome of a test depends on files, so that it
// does not show an old one as "(cached)" when one of them has changed.
//
// go test remembers the names that a test opened or asked about (internal/testlog),
// and uses an old outcome while their times and sizes are what they were. It
// leaves out what lies outside of the module, by the beginning of the name
// (computeTestInputsID, cmd/go/internal/test/test.go); a program that is
// installed lies there. Hence each file is asked about by a name that begins in
// the module and leads out of it.
func dependOn(files []string) {
	here, err := os.Getwd()
	if err != nil {
		return // then go test could not start the test either
	}
	for _, f := range files {
		if strings.HasPrefix(f, "/") {
			f = here + "/" + toRoot + f[1:]
		}
		_, _ = os.Stat(f) // that it is not there is an outcome, too
	}
}
