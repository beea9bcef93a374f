package netns

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// resetItem is one thing that is brought back to what it was. An error means
// that the lab cannot be used again.
type resetItem struct {
	name string
	do   func(l *Lab) error
}

// resetItems is what one scenario could leave for the next, in the order in
// which it is cleared away. What is not in it cannot be left: ICMP errors have
// no limit that they could use up (sysctl.go), a macvlan keeps no forwarding
// table, and counters are read by nobody except as differences.
var resetItems = []resetItem{
	{"captures", (*Lab).stopCaptures},
	{"processes", (*Lab).killProcesses},
	{"ports", (*Lab).closeLowPorts},
	{"settings", (*Lab).refuseTouched},
	{"backlogs", (*Lab).dropFillers},
	{"filters", (*Lab).removeFilters},
	{"sockets", (*Lab).destroySockets},
	{"fragments", (*Lab).refuseFragments},
	{"metrics", (*Lab).forgetMetrics},
	{"configuration", (*Lab).takeInNews},
	{"exceptions", (*Lab).findExceptions},
	{"owners", func(l *Lab) error { l.owners.clear(); return nil }},
}

// reset clears away everything that was done in the lab. It returns the lab as
// its next user will know it; who holds the old one has a closed lab.
func (l *Lab) reset(forget string) (*Lab, error) {
	for _, item := range resetItems {
		if item.name == forget {
			continue
		}
		if err := item.do(l); err != nil {
			return nil, fmt.Errorf("reset %s: %w", item.name, err)
		}
	}
	return l.renew(), nil
}

// renew moves what a lab is made of into a new one.
func (l *Lab) renew() *Lab {
	next := &Lab{plan: l.plan, pool: l.pool, dirty: l.dirty}
	next.owners.of = l.owners.of
	for _, h := range l.hosts {
		next.hosts = append(next.hosts, h.renew(next))
	}
	return next
}

func (h *Host) renew(l *Lab) *Host {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	next := &Host{lab: l, index: h.index, name: h.name, ns: h.ns, route: h.route.move(), diag: h.diag.move(),
		newsConn: h.newsConn.move(), filter: h.filter.move(), metrics: h.metrics.move(), stat: h.stat, stat6: h.stat6,
		addrs: h.addrs, devices: h.devices, down: h.down}
	h.ns, h.stat, h.stat6 = -1, -1, -1
	return next
}

// become makes a kept lab what a plan of its shape says, and reports 1 if
// addresses and routes had to be made anew. Hosts that are to be what they are
// keep what they have.
func (l *Lab) become(p *plan) (rebuilt int, err error) {
	var anew []*Host
	for i, h := range l.hosts {
		take := h.undo
		switch {
		case l.dirty: // somebody has changed something
			take = h.strip
		case l.plan.key == p.key || l.plan.config(i) == p.config(i):
			continue
		}
		anew = append(anew, h)
		if err := take(); err != nil {
			return 1, fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	l.plan = p
	for _, h := range l.hosts {
		h.name = h.plan().name
		h.start()
	}
	if len(anew) == 0 {
		return 0, nil
	}
	if err := configure(anew); err != nil {
		return 1, err
	}
	l.dirty = false
	return 1, l.ignoreNews()
}

// ignoreNews forgets what the lab's own building made the kernel tell.
func (l *Lab) ignoreNews() error {
	for _, h := range l.hosts {
		if _, err := h.listen(); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) stopCaptures() error {
	l.mu.Lock()
	captures := l.captures
	l.captures = nil
	l.mu.Unlock()
	var failed []error
	for _, c := range captures {
		failed = append(failed, c.Close())
	}
	return errors.Join(failed...)
}

func (l *Lab) killProcesses() error {
	var failed []error
	for _, h := range l.hosts {
		h.mu.Lock()
		processes := h.processes
		h.processes = nil
		h.mu.Unlock()
		failed = append(failed, killAll(processes)...)
	}
	return errors.Join(failed...)
}

// refuseTouched refuses hosts whose settings somebody may have changed: there
// are a thousand of them, and nobody is told.
func (l *Lab) refuseTouched() error {
	for _, h := range l.hosts {
		if h.touched.Load() {
			return fmt.Errorf("host %s: Do ran something there, or forwarding was switched", h.name)
		}
	}
	return nil
}

// takeInNews finds out whether devices, addresses, routes, rules, neighbours
// and their settings are what they were. Neighbours that a host has asked for
// are forgotten; any other change makes the next user build all of it anew.
func (l *Lab) takeInNews() error {
	for _, h := range l.hosts {
		got, err := h.listen()
		if err != nil {
			return err
		}
		if got.strange {
			return fmt.Errorf("host %s has a device that the lab did not make", h.name)
		}
		l.dirty = l.dirty || got.changed
		if err := h.forget(got.learned); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
		if len(got.learned) > 0 {
			if _, err := h.listen(); err != nil {
				return err
			}
		}
	}
	return nil
}

// findExceptions looks for routes that were learned from ICMP: path MTUs and
// redirects. They go with the routes that they belong to.
func (l *Lab) findExceptions() error {
	if l.dirty {
		return nil
	}
	for _, h := range l.hosts {
		if !h.entered.Load() {
			continue // who has sent nothing was told nothing
		}
		err := h.eachRoute(func(body []byte) {
			l.dirty = l.dirty || native.Uint32(body[8:])&unix.RTM_F_CLONED != 0
		})
		if err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}
