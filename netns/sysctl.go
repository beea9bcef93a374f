package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/scenario"
)

// sysctl is one setting of a namespace.
type sysctl struct {
	name, value string // "ipv4/conf/all/rp_filter"
	needed      bool   // a lab without it is not what the scenario says
}

type sysctls []sysctl

// plain is what every host starts from. A new namespace copies the machine's
// own IPv4 settings (devinet_init_net, net/ipv4/devinet.c): on one that runs
// containers or a firewall the hosts would forward, or look at reverse paths.
var plain = sysctls{
	{"ipv4/conf/all/forwarding", "0", true},
	{"ipv4/conf/all/rp_filter", "0", true},
	{"ipv4/conf/default/rp_filter", "0", true},
	{"ipv4/conf/all/promote_secondaries", "0", true},
	{"ipv4/conf/default/promote_secondaries", "0", true},
	{"ipv4/conf/all/arp_ignore", "0", true},
	{"ipv4/conf/default/arp_ignore", "0", true},
	{"ipv4/conf/all/accept_local", "0", true},
	{"ipv4/conf/default/accept_local", "0", true},
	{"ipv4/conf/all/send_redirects", "1", false},
	{"ipv4/conf/default/send_redirects", "1", false},
	{"ipv4/conf/all/accept_redirects", "1", false},
	{"ipv4/conf/default/accept_redirects", "1", false},
	{"ipv6/conf/all/forwarding", "0", false},
	{"ipv6/conf/all/disable_ipv6", "0", false},
	{"ipv6/conf/default/disable_ipv6", "0", false},
}

// The kernel answers one datagram a second with an ICMP error to each
// destination: what is refused would depend on what was refused before, by
// earlier scenarios too. So there is no limit. (Bit 128 of ICMPv6 is that of no
// error.)
var (
	always4 = sysctl{"ipv4/icmp_ratemask", "0", false}
	always6 = sysctl{"ipv6/icmp/ratemask", "128", false}
)

// deviating lists those of plain that a new namespace of this machine has not.
func deviating() (all sysctls) {
	for _, s := range plain {
		if got, err := os.ReadFile("/proc/sys/net/" + s.name); err == nil && strings.TrimSpace(string(got)) != s.value {
			all = append(all, s)
		}
	}
	return all
}

// sysctls lists what a host's namespace is to be told before it has devices.
// To write one costs 40 µs: those of a family that the host has not are left
// out, unless it is kept and may get it.
func (h *hostPlan) sysctls(kept bool) sysctls {
	var all sysctls
	if kept || h.has(false) {
		all = append(all, always4)
	}
	if kept || h.has(true) {
		all = append(all, always6)
	}
	all = append(all, mother.deviating...)
	if h.router {
		all = append(all, forwarding(true)...)
		// A router that tells hosts of a better way makes paths depend on
		// what was sent before.
		all = append(all, sysctl{"ipv4/conf/all/send_redirects", "0", true}, sysctl{"ipv4/conf/default/send_redirects", "0", true})
	}
	if h.filter != scenario.ReversePathOff {
		value := fmt.Sprint(uint8(h.filter))
		all = append(all, sysctl{"ipv4/conf/all/rp_filter", value, true}, sysctl{"ipv4/conf/default/rp_filter", value, true})
	}
	if h.hasDead() {
		all = append(all, detecting...)
	}
	return all
}

// has reports whether the host has an address of a family.
func (h *hostPlan) has(is6 bool) bool {
	return slices.ContainsFunc(h.ports, func(p port) bool { return p.has(is6) })
}

func forwarding(on bool) sysctls {
	value := choose(on, "1", "0")
	return sysctls{{"ipv4/conf/all/forwarding", value, true}, {"ipv6/conf/all/forwarding", value, true}}
}

// write sets them in the namespace that the thread stands in.
func (all sysctls) write() error {
	for _, s := range all {
		if err := writeSysctl(s.name, s.value); err != nil && s.needed {
			return fmt.Errorf("set net/%s to %s: %w%s", s.name, s.value, err, readOnlyAdvice(err))
		}
	}
	return nil
}

func readOnlyAdvice(err error) string {
	if errors.Is(err, unix.EROFS) || errors.Is(err, fs.ErrPermission) {
		return " (routers, rp_filter and dead addresses need a /proc/sys that can be written: docker run --privileged)"
	}
	return ""
}

// writeSysctl sets one in the namespace that the thread stands in.
func writeSysctl(name, value string) error {
	fd, err := unix.Open("/proc/sys/net/"+name, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}
