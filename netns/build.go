package netns

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A network is a macvlan in bridge mode: one device per attached host, all on
// top of one ifb device, the fabric, which lives in the namespace of the first
// attached host and dies with it. With three hosts that makes 250 labs a
// second, of any number of hosts on a network, with nothing shared and nothing
// recycled: no frame can cross from one lab into the next. A bridge per lab
// makes 47, since its removal holds the kernel's one RTNL lock for an RCU
// barrier; a ring of kept bridges makes 200; a veth between each two hosts
// makes 250 but is no one network.

// The kinds of device that a lab is made of: the first of fabrics that the
// kernel has, and macvlan.
const attachment = "macvlan"

var fabrics = []string{"ifb", "dummy"}

// tryFabric finds out what this kernel can make networks of, by making one. It
// leaves it in the namespace of c.
func tryFabric(c *conn, fabrics []string) (string, error) {
	var failed error
	for _, kind := range fabrics {
		var b batch
		newLink(&b, fabricDevice, "fabric", kind, nil)
		newLink(&b, firstDevice, "eth0", attachment, func() { b.attrU32(unix.IFLA_LINK, fabricDevice) })
		err := c.do(&b)
		if err == nil {
			return kind, nil
		}
		failed = err
	}
	return "", fmt.Errorf("%w (labs need the kernel modules macvlan and one of %s)", failed, strings.Join(fabrics, ", "))
}

// build makes the namespaces, the networks, the addresses and routes, and
// waits until all of it is in force.
func (l *Lab) build() error {
	if err := l.makeHosts(); err != nil {
		return err
	}
	for n := range l.plan.at {
		if err := l.makeNetwork(n); err != nil {
			return err
		}
	}
	for _, h := range l.hosts {
		h.start()
	}
	return configure(l.hosts)
}

// configure gives hosts what their plan says and waits until it is so.
func configure(hosts []*Host) error {
	for _, h := range hosts {
		if err := h.configure(); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	for _, h := range hosts {
		if err := h.settle(); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}

func (l *Lab) makeHosts() error {
	from, err := motherNamespace()
	if err != nil {
		return impossible(err)
	}
	return away(func() error {
		for i := range l.plan.hosts {
			if err := enter(from); err != nil {
				return err
			}
			h := &Host{lab: l, index: i, name: l.plan.hosts[i].name, ns: -1, stat: -1, stat6: -1}
			l.hosts = append(l.hosts, h)
			if err := h.make(); err != nil {
				return fmt.Errorf("host %s: %w", h.name, err)
			}
			if err := h.plan().sysctls(l.pool != nil).write(); err != nil {
				return fmt.Errorf("host %s: %w", h.name, err)
			}
		}
		return nil
	})
}

// batchLinks bounds how many devices one write asks for: it has to fit in the
// socket's buffer, 208 KiB.
const batchLinks = 500

// makeNetwork makes one network's fabric and the devices on it, each in its
// host's namespace from the start.
func (l *Lab) makeNetwork(n int) error {
	at := l.plan.at[n]
	if len(at) == 0 {
		return nil
	}
	keeper, fabric := l.hosts[at[0].host], uint32(fabricDevice+n)
	var b batch
	newLink(&b, fabric, fmt.Sprintf("fabric%d", n), mother.fabric, nil)
	setUp(&b, fabric)
	for i := range at {
		p := &at[i]
		newLink(&b, p.device, fmt.Sprintf("eth%d", p.device-firstDevice), attachment, func() {
			b.attrU32(unix.IFLA_LINK, fabric)
			b.attrU32(unix.IFLA_NET_NS_FD, uint32(l.hosts[p.host].ns))
			b.attr(unix.IFLA_ADDRESS, p.mac)
		})
		if i%batchLinks == batchLinks-1 || i == len(at)-1 {
			if err := keeper.route.do(&b); err != nil {
				return fmt.Errorf("host %s: %w", keeper.name, err)
			}
			b = batch{}
		}
	}
	return nil
}

// configure brings a host's devices up and gives them addresses, neighbours
// and routes.
func (h *Host) configure() error {
	var b batch
	setUp(&b, loopbackDevice)
	p := h.plan()
	for i := range p.ports {
		at := &p.ports[i]
		setUp(&b, at.device)
		failFast(&b, at)
		for _, a := range at.addrs {
			addAddress(&b, at.device, a)
		}
		h.addNeighbours(&b, at)
	}
	addRoutes(&b, p.routes)
	return h.route.do(&b)
}

// settle waits until the host's addresses are what they are to be.
func (h *Host) settle() error {
	for _, at := range h.plan().ports {
		for _, a := range at.addrs {
			if a.fate.Dead() {
				if err := h.awaitDead(at, a); err != nil {
					return err
				}
			} else if err := h.awaitLocal(a.Addr, at.device); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *Host) plan() *hostPlan { return &h.lab.plan.hosts[h.index] }
