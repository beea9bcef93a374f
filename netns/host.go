package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Host is one network namespace of a lab, held by its descriptor.
type Host struct {
	lab   *Lab
	index int // in the plan
	name  string
	ns    int   // the namespace's descriptor
	route *conn // rtnetlink
	diag  *conn // sock_diag

	// Of labs of a pool only.
	newsConn    *conn // tells of changes
	metrics     *conn // TCP metrics
	stat, stat6 int   // /proc/net/sockstat and sockstat6

	entered  atomic.Bool // somebody was inside, and may have opened sockets
	touched  atomic.Bool // Do ran something
	filtered atomic.Bool // has packet filters of ours
	suspect  atomic.Bool // somebody could have made some
	lowPorts atomic.Bool // opened for programs

	mu        sync.Mutex
	filter    *conn // nftables, once it was needed
	addrs     []netip.Addr
	devices   []uint32        // of each address
	down      map[uint32]bool // devices that were taken down
	processes []*Process
	closed    bool
}

// Name returns the host's name in the scenario.
func (h *Host) Name() string { return h.name }

// Addrs returns the host's addresses, without loopback, in the order of its
// interfaces: those that can be used at the moment.
func (h *Host) Addrs() []netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.addrs)
}

// make makes the host's namespace; the thread is left in it.
func (h *Host) make() (err error) {
	if h.route, err = newNamespace(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	if h.ns, err = h.route.namespace(); err != nil {
		return err
	}
	if h.diag, err = newConn(unix.NETLINK_SOCK_DIAG); err != nil || h.lab.pool == nil {
		return err
	}
	return h.makeKept()
}

// makeKept opens what a reset needs.
func (h *Host) makeKept() (err error) {
	if h.newsConn, err = newNews(); err != nil {
		return err
	}
	if h.metrics, err = newConn(unix.NETLINK_GENERIC); err != nil {
		return err
	}
	for name, fd := range map[string]*int{"sockstat": &h.stat, "sockstat6": &h.stat6} {
		if *fd, err = unix.Open("/proc/thread-self/net/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return fmt.Errorf("open /proc/net/%s: %w", name, Scarce(err))
		}
	}
	return nil
}

// Do runs f on the calling goroutine while its thread stands in the host's
// network namespace, and brings the thread back. What f opens stays in the
// namespace and may be used from anywhere afterwards. f must not start
// goroutines that rely on the namespace: they run on other threads.
//
// What f changes in the namespace nobody knows: a pool does not use the lab
// again. Socket, which needs no f, leaves it its use.
func (h *Host) Do(f func() error) error {
	h.touched.Store(true)
	return h.inside(f)
}

// inside is Do for what this package does itself.
func (h *Host) inside(f func() error) error {
	h.entered.Store(true)
	return away(func() error {
		if err := h.enter(); err != nil {
			return fmt.Errorf("netns: host %s: %w", h.name, err)
		}
		return f()
	})
}

// enter brings the thread into the host's namespace. The lock is there for the
// number: after close it may be another file's.
func (h *Host) enter() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return errClosed
	}
	return enter(h.ns)
}

// errClosed is what a lab answers after Close.
var errClosed = errors.New("the lab is closed")

// Socket opens a socket in the host's namespace: non-blocking and closed on
// exec. The caller owns the descriptor, which may be used from any thread.
func (h *Host) Socket(domain, typ, proto int) (int, error) {
	if domain == unix.AF_NETLINK {
		h.suspect.Store(true)
	}
	fd := -1
	err := h.inside(func() (err error) {
		fd, err = unix.Socket(domain, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
		return Scarce(err)
	})
	if err != nil {
		return -1, fmt.Errorf("netns: host %s: open socket (domain %d, type %d, protocol %d): %w", h.name, domain, typ, proto, err)
	}
	return fd, nil
}

// close kills the host's processes and gives its descriptors back.
func (h *Host) close() error {
	h.mu.Lock()
	processes := h.processes
	h.processes, h.closed = nil, true
	h.mu.Unlock()
	failed := killAll(processes)
	for _, c := range []*conn{h.diag, h.route, h.newsConn, h.metrics, h.filter} {
		if c != nil {
			failed = append(failed, c.close())
		}
	}
	for _, fd := range []int{h.ns, h.stat, h.stat6} {
		if fd >= 0 {
			failed = append(failed, unix.Close(fd))
		}
	}
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("netns: close host %s: %w", h.name, err)
	}
	return nil
}
