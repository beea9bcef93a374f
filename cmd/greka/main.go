// Greka finds, minimises and explains one class of bug in SIP software: an
// address that was handed out, and on which nobody accepts.
package main

import (
	"os"
	"runtime"
)

func main() {
	// The workers of a hunt are inside the kernel most of the time. With a
	// processor to spare for each, who hands out their work does not wait
	// until one of them comes out: a tenth more scenarios a second.
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.NumCPU())
	}
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
