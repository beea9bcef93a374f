// Package linux is the reference model of what Linux does with sockets, ports,
// addresses and routes. Ports plays socket steps and says which sockets exist
// after each, in which role; Topology says which way a packet takes; Lookup is
// the heart: which socket would a SYN or a datagram from here to there reach?
//
// PORTS.md says its rules for people, and package props/kernel checks all of
// it against the kernel, step by step.
//
// Next: package model, which judges by it.
package linux
