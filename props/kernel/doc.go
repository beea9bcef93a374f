// Package kernel checks the reference model of ports (linux.Ports) against
// Linux, socket by socket: does the model know which sockets exist after these
// steps, in which state, and which one a SYN or a datagram would reach?
//
// A scenario of socket steps is played twice, in the model and on real sockets
// of a lab, and after every step the result and every socket of every host are
// compared; at the end, so is who takes a packet from each host to each port
// (probes):
//
//	rig := kernel.NewRig()
//	defer rig.Close()
//	played := rig.Play(scenario, linux.NoMistake, nil)
//	if played.Difference != "" { … }
//
// Hunt draws scenarios and plays them, as greka hunt kernel does: most from
// plots, whose steps belong together, every fifth a jumble, whose steps nobody
// would write in that order. Minimize makes one that shows a difference small.
//
// Next: package props, which does the same with SIP elements.
package kernel
