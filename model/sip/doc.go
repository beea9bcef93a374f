// Package sip reads what SIP elements say to each other, and knows where it
// leads: messages and their framing, the headers that carry addresses, URIs,
// transports, the next hop of a request (RFC 3261, 3263).
//
// It works on raw bytes and forgives nothing: an absent port is not port 0, a
// missing bracket is an error at a byte and not a lost message. A URI whose
// host is a number leads to a Target; of another one ResolveError says why
// not. It would make sense to somebody who never heard of Greka.
//
// Next: package scenario.
package sip
