// Package peer is Greka's own SIP element: user agent and proxy (with its
// registrar), over UDP and TCP, on raw sockets in a lab.
//
// It answers one question for the rest of the house: what does an element do
// that is always right? It must never be found guilty. Its dialogs follow RFC
// 3261, its connections follow RFC 3261 18.1.1 to the letter: a request rides
// on a connection only if the remote address, port and transport are
// identical; else it dials. The scenario's deliver=flow and over=flow are the
// only exceptions. It dials whatever transport an address selects, from a port
// of its own if it was not told to listen on one (RFC 3261 18); a connection
// that the far end has closed is dialled anew; and it gives up when the RFC's
// timers end, or when nobody is there who could ever answer.
//
// A World holds all peers of a scenario and handles one event at a time on the
// caller's thread. That makes peer the clock: when an element receives a
// message it stops before it acts, and so does everybody else; the runner
// takes its snapshot and probes (Hooks); then the world goes on.
//
// A Lie is what makes a mutant: a peer that gives away a wrong address.
//
// Next: package sut, where peers, mutants and real stacks are told apart by
// name only.
package peer
