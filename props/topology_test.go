package props

import (
	"fmt"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/netns"
)

// TestTopologiesAgree: in every topology, and after every fault, the model and
// the kernels agree on who reaches whom, from which source address, and with
// which error not. GREKA_TOPOLOGIES is the number of topologies, GREKA_SEED
// where they begin.
func TestTopologiesAgree(t *testing.T) {
	netns.Require(t)
	n, seed := number(t, "GREKA_TOPOLOGIES", 30), number(t, "GREKA_SEED", 1)
	var count tallied
	for i := range n {
		s := DrawTopology(uint64(seed), i)
		diff, err := compareWorld(&s, &s, patient, &count)
		switch {
		case err != nil:
			t.Fatalf("topology %d of seed %d: %v\n%s", i, seed, err, scenario.Format(s))
		case diff != "":
			t.Errorf("topology %d of seed %d:\n%s\n%s", i, seed, diff, scenario.Format(s))
		}
		if count.bad > 20 {
			t.Fatal("that is enough")
		}
	}
	t.Log(count.String())
}

// patient is how long an answer that should come is waited for, hasty how long
// one that a lie promises.
const (
	patient = 3 * time.Second
	hasty   = 20 * time.Millisecond
)

// topologyLies are wrong beliefs about topologies, told to the model in its
// scenario.
var topologyLies = map[string]func(*scenario.Scenario){
	"rp_filter does nothing": func(s *scenario.Scenario) {
		for i := range s.Hosts {
			s.Hosts[i].ReversePath = scenario.ReversePathOff
		}
	},
	"loose is strict": func(s *scenario.Scenario) {
		for i := range s.Hosts {
			if s.Hosts[i].ReversePath == scenario.ReversePathLoose {
				s.Hosts[i].ReversePath = scenario.ReversePathStrict
			}
		}
	},
	"every host forwards": func(s *scenario.Scenario) {
		for i := range s.Hosts {
			s.Hosts[i].Router = true
		}
	},
	"no policy routes": func(s *scenario.Scenario) {
		s.Routes = slices.DeleteFunc(s.Routes, func(r scenario.HostRoute) bool { return r.From != "" })
	},
	"policy routes are for all": func(s *scenario.Scenario) {
		for i := range s.Routes {
			s.Routes[i].From = ""
		}
	},
	"routes name no source": func(s *scenario.Scenario) {
		for i := range s.Routes {
			s.Routes[i].Source = scenario.Place{}
		}
	},
	"metrics do nothing": func(s *scenario.Scenario) {
		for i := range s.Routes {
			s.Routes[i].Metric = 0
		}
	},
	"routes refuse nothing": func(s *scenario.Scenario) {
		s.Routes = slices.DeleteFunc(s.Routes, func(r scenario.HostRoute) bool { return r.Kind != scenario.Unicast })
	},
	"every address is usable": func(s *scenario.Scenario) {
		for i := range s.Addrs {
			s.Addrs[i].Fate = scenario.Usable
		}
	},
	"deprecated addresses are like others": func(s *scenario.Scenario) {
		for i := range s.Addrs {
			if s.Addrs[i].Fate == scenario.Deprecated {
				s.Addrs[i].Fate = scenario.Usable
			}
		}
	},
	"nothing ever changes": func(s *scenario.Scenario) { s.Steps = nil },
}

// TestTopologyLiesAreRefuted is the negative twin: a model that is wrong in any
// one thing disagrees with Linux.
func TestTopologyLiesAreRefuted(t *testing.T) {
	netns.Require(t)
	for name, lie := range topologyLies {
		t.Run(name, func(t *testing.T) {
			var count tallied
			tried := 0
			for i := 0; tried < 60 && i < 2000; i++ {
				s := DrawTopology(2, i)
				wrong := s
				wrong.Hosts, wrong.Addrs, wrong.Routes = slices.Clone(s.Hosts), slices.Clone(s.Addrs), slices.Clone(s.Routes)
				if lie(&wrong); !believable(&s, &wrong) {
					continue
				}
				tried++
				diff, err := compareWorld(&s, &wrong, hasty, &count)
				if err != nil {
					t.Fatalf("topology %d: %v\n%s", i, err, scenario.Format(s))
				}
				if diff != "" {
					return
				}
			}
			t.Errorf("%d topologies do not refute it", tried)
		})
	}
}

// believable reports whether the model would say anything else with the lie:
// only then is a lab worth its time.
func believable(s, wrong *scenario.Scenario) bool {
	a, b := linux.NewTopology(s), linux.NewTopology(wrong)
	for i := 0; ; i++ {
		for _, h := range s.Hosts {
			for _, dst := range destinations(s, &h) {
				for _, src := range sources(s, &h, dst) {
					if ends(a, h.Name, src, dst) != ends(b, h.Name, src, dst) {
						return true
					}
				}
			}
		}
		if i == len(s.Steps) {
			return false
		}
		a.Apply(s.Steps[i])
		if i < len(wrong.Steps) {
			b.Apply(wrong.Steps[i])
		}
	}
}

func ends(t *linux.Topology, host string, src, dst netip.Addr) string {
	there, back := t.Reach(host, src, dst)
	if there.Wavers || back.Wavers {
		return ""
	}
	return fmt.Sprint(there.Host(), there.Source, there.Errno, there.End == linux.Delivered && back.End == linux.Delivered)
}

func number(t *testing.T, env string, otherwise int) int {
	text := os.Getenv(env)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s=%s: %v", env, text, err)
	}
	return n
}

// tallied counts what was compared: how many attempts ended how.
type tallied struct {
	ends map[string]int
	bad  int
}

func (c *tallied) add(what string) {
	if c.ends == nil {
		c.ends = map[string]int{}
	}
	c.ends[what]++
}

func (c *tallied) String() string {
	var b strings.Builder
	for _, e := range slices.Sorted(maps.Keys(c.ends)) {
		fmt.Fprintf(&b, "\n%8d  %s", c.ends[e], e)
	}
	return b.String()
}

// compareWorld builds a topology, plays its steps, and tells the first
// differences between the lab and what the model says of told, which is the
// same topology, or a lie about it.
func compareWorld(s, told *scenario.Scenario, patience time.Duration, count *tallied) (string, error) {
	lab, err := netns.New(s)
	if err != nil { // on a busy machine a duplicate may not be noticed in time; that is for netns's own tests
		count.add("labs that had to be built twice: " + err.Error())
		lab, err = netns.New(s)
	}
	if err != nil {
		return "", err
	}
	defer lab.Close()
	if err := heedNoRedirects(lab, s); err != nil {
		return "", err
	}
	state := linux.NewTopology(told)
	for i := 0; ; i++ {
		diff, err := comparePairs(s, lab, state, patience, count)
		if diff != "" || err != nil {
			return fmt.Sprintf("after %d steps:\n%s", i, diff), err
		}
		if i == len(s.Steps) {
			return "", nil
		}
		if known, err := lab.Apply(s, s.Steps[i]); !known || err != nil {
			return "", fmt.Errorf("step %d (known: %v): %w", i+1, known, err)
		}
		if i < len(told.Steps) {
			state.Apply(told.Steps[i])
		}
	}
}

// heedNoRedirects makes hosts keep to their routes: a router that says there is
// a shorter way would make a path depend on what was sent before.
func heedNoRedirects(lab *netns.Lab, s *scenario.Scenario) error {
	for _, h := range s.Hosts {
		err := lab.Host(h.Name).Do(func() error {
			for i := range h.Nets {
				for _, name := range []string{"ipv4/conf/eth%d/send_redirects", "ipv4/conf/eth%d/accept_redirects", "ipv6/conf/eth%d/accept_redirects"} {
					if err := os.WriteFile("/proc/sys/net/"+fmt.Sprintf(name, i), []byte("0"), 0); err != nil {
						return err
					}
				}
			}
			return os.WriteFile("/proc/sys/net/ipv4/conf/all/send_redirects", []byte("0"), 0)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// comparePairs probes from every host and each of its addresses, and from
// none, to every address.
func comparePairs(s *scenario.Scenario, lab *netns.Lab, state *linux.Topology, patience time.Duration, count *tallied) (string, error) {
	p := &probes{lab: lab}
	defer p.close()
	if err := p.listen(s); err != nil {
		return "", err
	}
	for _, h := range s.Hosts {
		for _, dst := range destinations(s, &h) {
			for _, src := range sources(s, &h, dst) {
				if err := p.connect(h.Name, src, dst); err != nil {
					return "", err
				}
			}
		}
	}
	expected := func(a *attempt) bool {
		there, back := state.Reach(a.host, a.src, a.dst)
		return there.End == linux.Delivered && back.End == linux.Delivered
	}
	if err := p.settle(patience, expected); err != nil {
		return "", err
	}
	var diffs []string
	for i := range p.attempts {
		if d := compareOne(state, &p.attempts[i], count); d != "" {
			diffs = append(diffs, d)
		}
	}
	count.bad += len(diffs)
	return strings.Join(diffs[:min(len(diffs), 12)], "\n"), nil
}

func compareOne(state *linux.Topology, a *attempt, count *tallied) string {
	there, back := state.Reach(a.host, a.src, a.dst)
	want := attempt{host: a.host, src: a.src, dst: a.dst, errno: there.Errno}
	kind := there.End.String()
	if there.End == linux.Delivered {
		kind = "answer: " + back.End.String()
		if back.End == linux.Delivered {
			want.reached = there.Host()
			want.local = netip.AddrPortFrom(there.Source, a.local.Port())
		}
	}
	if there.Wavers || back.Wavers {
		count.add("wavers")
		return ""
	}
	count.add(kind)
	if a.reached == "" && a.local.IsValid() && want.reached != "" && wavers(state, a, &there) {
		count.add("answered, and the way changed then")
		return ""
	}
	if a.errno == want.errno && a.reached == want.reached && (a.reached == "" || a.local == want.local) {
		return ""
	}
	return fmt.Sprintf("%s from %s to %s: the lab says %q %q %s, the model %q %q %s\n    there %s\n    back  %s", a.host, a.src, a.dst,
		a.reached, a.errno, a.local.Addr(), want.reached, want.errno, want.local.Addr(), there.String(), pathText(&back))
}

// wavers reports whether the way to an address changes once the source is
// chosen. Over IPv6 the first packet goes the way that was found without one,
// and a later one goes another if the kernel has reason to look again: the
// answer arrived, and what was said to it got lost.
func wavers(state *linux.Topology, a *attempt, first *linux.Path) bool {
	later := state.Route(a.host, first.Source, a.dst)
	return a.dst.Is6() && !a.src.IsValid() && later.String() != first.String()
}

func pathText(p *linux.Path) string {
	if len(p.Hops) == 0 {
		return "-"
	}
	return p.String()
}

// destinations are all addresses that there are or may be, as seen from a
// host: link-local ones on each of its interfaces, and without.
func destinations(s *scenario.Scenario, from *scenario.Host) (all []netip.Addr) {
	for _, h := range s.Hosts {
		for _, p := range s.Places(h.Name) {
			for p.Nth = 0; p.Nth <= 2 && (p.Nth == 0 || !p.LinkLocal); p.Nth++ {
				a := s.PlaceAddr(h.Name, p)
				if !a.IsValid() || slices.Contains(all, a) {
					continue
				}
				all = append(all, a)
				for i := range from.Nets {
					if p.LinkLocal {
						all = append(all, a.WithZone(fmt.Sprintf("eth%d", i)))
					}
				}
			}
		}
	}
	return all
}

// sources are the addresses of a host from which it may send to another one,
// and none.
func sources(s *scenario.Scenario, h *scenario.Host, dst netip.Addr) []netip.Addr {
	all := []netip.Addr{{}}
	for _, p := range s.Places(h.Name) {
		a := s.PlaceAddr(h.Name, p)
		if p.LinkLocal {
			a = a.WithZone(fmt.Sprintf("eth%d", slices.Index(h.Nets, p.Net)))
		}
		if a.Is4() == dst.Is4() && (a.Zone() == "" || dst.Zone() == "" || a.Zone() == dst.Zone()) {
			all = append(all, a)
		}
	}
	return all
}
