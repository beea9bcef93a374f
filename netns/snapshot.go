package netns

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/linux"
)

// Snapshot reads every TCP and UDP socket of every host, with its owner. What
// another thread does meanwhile may or may not be in it; what was done before
// the call is.
func (l *Lab) Snapshot() (linux.Snapshot, error) {
	var snap linux.Snapshot
	l.mu.Lock()
	closed := l.closed
	l.mu.Unlock()
	if closed {
		return snap, fmt.Errorf("netns: snapshot: %w", errClosed)
	}
	for _, h := range l.hosts {
		var sockets []linux.Socket
		if h.entered.Load() { // in the others there are none
			var err error
			if sockets, err = h.diag.sockets(nil); err != nil {
				return linux.Snapshot{}, fmt.Errorf("netns: host %s: %w", h.name, err)
			}
			h.own(sockets)
		}
		snap.Hosts = append(snap.Hosts, h.state(sockets))
	}
	return snap, nil
}

// state is what a snapshot says of a host.
func (h *Host) state(sockets []linux.Socket) linux.HostSockets {
	h.mu.Lock()
	defer h.mu.Unlock()
	return linux.HostSockets{Host: h.name, Addrs: slices.Clone(h.addrs), Devices: slices.Clone(h.devices), Sockets: sockets}
}
