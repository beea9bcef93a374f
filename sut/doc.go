// Package sut starts and drives the stacks that play a scenario's elements.
//
// A real stack is data, not code: a Description, one txtar file that says how
// to install the program, which ports it takes, how to configure and start it,
// by which sockets one knows that it is ready, and what to write to its
// standard input so that it registers, calls and hangs up:
//
//	stack, err := sut.Find("baresip")       // embedded
//	stack, err := sut.Load("./mine.txtar")  // or a stranger's own,
//	stack.Allow()                           // which is run once that is allowed
//	process, err := stack.Start(ctx, lab, scenario, "bob")
//	defer process.Close()
//	err = process.Register(ctx, sip.TCP)
//
// What a description names is a stranger's: it runs in the sandbox of package
// netns only, not before Allow, and reading it takes bounded time and memory.
// Fingerprint knows a file again that was allowed before, Runs tells in one
// line what it runs. A name never leads to a file (Find): cases and scenarios
// have names only.
//
// The format is told at Description. What a stack advertises is never part of
// its description: finding it out is what Greka is for.
//
// Greka's own element and the mutants of it are in package sut/peer.
//
// Next: package corpus, where the cases are kept.
package sut
