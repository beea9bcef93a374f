package netns

import (
	"sync"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/sip"
)

// owners knows which element a socket belongs to, by its inode.
type owners struct {
	mu sync.Mutex
	of map[uint64]string
}

func (o *owners) set(inode uint64, owner string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = map[uint64]string{}
	}
	o.of[inode] = owner
}

func (o *owners) clear() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.of)
}

func (o *owners) get(inode uint64) (string, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	owner, ok := o.of[inode]
	return owner, ok
}

// own fills in the owners of a host's sockets.
func (h *Host) own(sockets []linux.Socket) {
	searched := false
	for i := range sockets {
		s := &sockets[i]
		if s.Inode == 0 {
			continue
		}
		owner, ok := h.lab.owners.get(s.Inode)
		if !ok && !searched {
			h.searchProcesses()
			searched = true
			owner, _ = h.lab.owners.get(s.Inode)
		}
		s.Owner = owner
	}
	for i := range sockets {
		if s := &sockets[i]; s.Owner == "" && isChild(s) {
			if l := linux.ListenerOf(sockets, s); l != nil {
				s.Owner = l.Owner
			}
		}
	}
}

// isChild reports whether a socket of an unknown owner belongs to its
// listener: nobody has accepted it yet, and it has no inode, or somebody has
// and did not say so yet. What else has no inode was closed by its owner and
// belongs to nobody.
func isChild(s *linux.Socket) bool {
	if s.Carrier != sip.CarrierTCP {
		return false
	}
	switch s.State {
	case linux.StateEstablished, linux.StateSynRecv, linux.StateNewSynRecv, linux.StateCloseWait:
		return true
	}
	return false
}
