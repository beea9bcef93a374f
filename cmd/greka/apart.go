package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// apart refuses an output that is one of the inputs, under whatever name: it
// would be replaced by what was made of it. "" is no file.
func apart(flag, out string, inputs ...string) error {
	if out == "" {
		return nil
	}
	for _, in := range inputs {
		if in != "" && sameFile(out, in) {
			return fmt.Errorf("%s %s: that is %s itself (choose another name)", flag, out, in)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
