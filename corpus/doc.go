// Package corpus keeps cases: minimal scenarios with what is expected of them.
// It answers: what does this case say of this stack in this version?
//
// A case is one txtar file that people can read, write and diff:
//
//	Found by greka hunt in Debian's baresip: the bug of October 2012.
//
//	-- scenario --
//	net   lan 4
//	host  box lan
//	proxy p   box tcp:5060 deliver=flow
//	ua    bob box tcp:5072 via=p sut
//	ua    ann box tcp:5081 via=p
//
//	register bob
//	call     ann bob
//	-- expect --
//	baresip@1.0.0 ContactAccepts ConnectionPort Finding Contact 200 INVITE callee tcp
//	peer@built-in clean
//	-- found --
//	seed   1350000000
//	index  17
//	kernel 6.1.0-25-amd64
//	greka  v0.1.0
//	-- explanation --
//	(what greka hunt printed, for people)
//
// The comment says where the case comes from. "scenario" and "expect" must be
// there, "found" only in a case that a hunt found, "explanation" is for people.
// An expect line is stack@version and either "clean" or a signature: claim,
// class, severity, header, message, the giver's role, transport; a "-" stands
// for a part that the claim does not have. A version that is not listed is
// expected to be clean.
//
// Parse reads the format strictly, Format writes it, Write keeps the cases of
// a hunt in a directory, All returns the project's own.
//
// Beside a case lies what was seen in the play that it explains (Evidence): the
// packets, the log, and the observation, a txtar file of its own (Observed) that
// package props judges again.
//
// Next: package props, where cases are found.
package corpus
