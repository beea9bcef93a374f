// Package model says what must be true of an address that was handed out: who
// gave it, who will use it for what, whether it accepts there, and which rule
// is broken if it does not.
//
// It and the packages below it are pure. They import the standard library
// only, do no I/O, read no clock and draw no random number. sip knows what
// elements say, scenario what is played, linux what a kernel does with that;
// here Predict says what must be seen, an Observation holds what was seen
// (netns and sut fill it), and Judge compares the two, claim by claim. It never
// knows which stack it looks at.
//
// Next: package netns, where a scenario becomes a lab.
package model
