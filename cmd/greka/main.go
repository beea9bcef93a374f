// Greka finds, minimises and explains one class of bug in SIP software: an
// address that was handed out, and on which nobody accepts.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
