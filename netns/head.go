package netns

import "sync"

// head keeps the first bytes that were written to it.
type head struct {
	limit int
	mu    sync.Mutex
	buf   []byte
}

func (h *head) write(p []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf, p[:min(len(p), h.limit-len(h.buf))]...)
}

func (h *head) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]byte(nil), h.buf...)
}

// total leaves out what came after the head: nobody tells such a command
// anything.
func (h *head) total() int { return len(h.bytes()) }
