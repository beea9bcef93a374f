package netns

import (
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// mother is the namespace from which the hosts' namespaces are made. A new
// namespace takes the sizes of its socket tables from the one that its maker
// stands in (tcp_set_hashinfo, net/ipv4/tcp_ipv4.c): with small tables of its
// own the dump of a host's sockets takes 20 µs, with the machine's shared
// table of 262,144 buckets 2.2 ms.
var mother struct {
	once      sync.Once
	ns        int
	fabric    string  // the kind of device that carries a network
	deviating sysctls // what has to be set back in each new namespace
	err       error
}

// descriptors is how many descriptors the table is grown to at the start.
// Growing it waits for an RCU grace period, 15 to 24 ms, each time.
const descriptors = 4096

func motherNamespace() (int, error) {
	mother.once.Do(func() {
		if mother.err = checkProc(); mother.err != nil {
			return
		}
		growDescriptorTable()
		mother.ns, mother.err = makeMother()
	})
	return mother.ns, mother.err
}

func makeMother() (ns int, err error) {
	err = away(func() error {
		c, err := newNamespace(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer c.close()
		// Where /proc/sys cannot be written (some containers) or does not
		// know them (before Linux 6.1), labs work all the same and their
		// snapshots are slower.
		_ = writeSysctl("ipv4/tcp_child_ehash_entries", "1024")
		// UDP's order of sockets depends on the table where two addresses
		// share a slot: that has to be rare. Each namespace has to fill its own:
		// 4096 slots took a ninth of a lab's time.
		_ = writeSysctl("ipv4/udp_child_hash_entries", "1024")
		mother.deviating = deviating()
		if mother.fabric, err = tryFabric(c, fabrics); err != nil {
			return err
		}
		ns, err = c.namespace()
		return err
	})
	return ns, err
}

func growDescriptorTable() {
	if fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, descriptors); err == nil {
		unix.Close(fd)
	}
}

// newNamespace makes a network namespace, leaves the thread in it and returns
// a netlink socket in it, which keeps it alive.
func newNamespace(proto int) (*conn, error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("make network namespace: %w", err)
	}
	return newConn(proto)
}

// away runs f on a locked thread that f may leave in any network namespace,
// and brings the thread back to the one that it was in.
func away(f func() error) error {
	runtime.LockOSThread()
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open the thread's network namespace: %w", Scarce(err))
	}
	defer unix.Close(home)
	// If f panics or the way back fails, the thread stays locked and dies
	// with its goroutine: nobody else may run in a namespace in doubt.
	failed := f()
	back := enter(home)
	if back == nil {
		runtime.UnlockOSThread()
		return failed
	}
	if failed != nil {
		return failed // who may not leave may not come back either
	}
	return fmt.Errorf("return to the thread's network namespace: %w", back)
}

func enter(ns int) error {
	if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter network namespace: %w", err)
	}
	return nil
}
