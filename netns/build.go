package netns

import (
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
)

// A network is a macvlan in bridge mode: one device per attached host, all on
// top of one ifb device, the fabric, which lives in the namespace of the first
// attached host and dies with it. With three hosts that makes 250 labs a
// second, of any number of hosts on a network, with nothing shared and nothing
// recycled: no frame can cross from one lab into the next. A bridge per lab
// makes 47, since its removal holds the kernel's one RTNL lock for an RCU
// barrier; a ring of kept bridges makes 200; a veth between each two hosts
// makes 250 but is no one network.
//
// Device numbers read as identities: eth0 is device 2 of its host, eth1 is 3,
// and the fabric of network n is device 100+n of the host that keeps it.
const (
	firstDevice  = 2
	fabricDevice = 100
)

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

// port is where a host is attached to a network.
type port struct {
	host   *Host
	net    int // index of the network
	device uint32
	addr   netip.Addr
	mac    []byte
}

// build makes the namespaces, the networks, the addresses, and waits until
// all of it is in force.
func (l *Lab) build(s *model.Scenario) error {
	if err := l.makeHosts(s); err != nil {
		return err
	}
	ports := l.ports(s)
	for _, at := range ports {
		if err := makeNetwork(at); err != nil {
			return err
		}
	}
	for _, h := range l.hosts {
		if err := h.configure(ports); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) makeHosts(s *model.Scenario) error {
	from, err := motherNamespace()
	if err != nil {
		return impossible(err)
	}
	return away(func() error {
		for i := range s.Hosts {
			if err := enter(from); err != nil {
				return err
			}
			h := &Host{lab: l, name: s.Hosts[i].Name, ns: -1}
			l.hosts = append(l.hosts, h)
			if err := h.make(); err != nil {
				return fmt.Errorf("host %s: %w", h.name, err)
			}
		}
		return nil
	})
}

// ports lists who is attached to each network.
func (l *Lab) ports(s *model.Scenario) [][]port {
	ports := make([][]port, len(s.Nets))
	for i := range s.Hosts {
		for j, name := range s.Hosts[i].Nets {
			_, n := s.Net(name)
			p := port{host: l.hosts[i], net: n, device: uint32(firstDevice + j),
				addr: s.Addr(s.Hosts[i].Name, name), mac: []byte{2, 0x77, 0, 0, byte(n), byte(i + 1)}}
			l.hosts[i].addrs = append(l.hosts[i].addrs, p.addr)
			ports[n] = append(ports[n], p)
		}
	}
	return ports
}

// makeNetwork makes one network's fabric and the devices on it, each in its
// host's namespace from the start.
func makeNetwork(at []port) error {
	if len(at) == 0 {
		return nil
	}
	keeper, fabric := at[0].host, uint32(fabricDevice+at[0].net)
	var b batch
	newLink(&b, fabric, fmt.Sprintf("fabric%d", at[0].net), mother.fabric, nil)
	setUp(&b, fabric)
	for _, p := range at {
		newLink(&b, p.device, fmt.Sprintf("eth%d", p.device-firstDevice), attachment, func() {
			b.attrU32(unix.IFLA_LINK, fabric)
			b.attrU32(unix.IFLA_NET_NS_FD, uint32(p.host.ns))
			b.attr(unix.IFLA_ADDRESS, p.mac)
		})
	}
	if err := keeper.route.do(&b); err != nil {
		return fmt.Errorf("host %s: %w", keeper.name, err)
	}
	return nil
}

// configure brings a host's devices up, gives them their addresses and waits
// until these are in force.
func (h *Host) configure(ports [][]port) error {
	var b batch
	setUp(&b, loopbackDevice)
	for _, at := range ports {
		for _, p := range at {
			if p.host == h {
				setUp(&b, p.device)
				addAddress(&b, p)
				failFast(&b, p)
				addNeighbours(&b, p, at)
			}
		}
	}
	if err := h.route.do(&b); err != nil {
		return fmt.Errorf("host %s: %w", h.name, err)
	}
	for _, a := range h.addrs {
		if err := h.awaitLocal(a); err != nil {
			return fmt.Errorf("host %s: %w", h.name, err)
		}
	}
	return nil
}
