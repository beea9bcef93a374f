package model

import (
	"fmt"
	"slices"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/plain"
	"github.com/greka-sip/greka/model/scenario"
)

// resolve makes snapshots of what is kept of them.
func (r *observationReader) resolve(s *scenario.Scenario) error {
	if r.snapshots == nil {
		return nil
	}
	topologies, wrong := r.topologies(s)
	if wrong != nil {
		return r.place(wrong)
	}
	sockets := 0
	r.o.Snapshots = make([]linux.Snapshot, len(r.snapshots))
	for i, kept := range r.snapshots {
		snap := &r.o.Snapshots[i]
		fail := func(format string, args ...any) error {
			return r.place(&ObservationError{Path: itemPath("snapshots", i), Why: fmt.Sprintf(format, args...)})
		}
		if kept.Topology != nil {
			snap.Topology = topologies[*kept.Topology]
		}
		if kept.Hosts != nil {
			snap.Hosts = []linux.HostSockets{}
		}
		for _, h := range kept.Hosts {
			host := linux.HostSockets{Host: h.Host, Addrs: h.Addrs, Devices: h.Devices}
			if sockets += len(h.Sockets); sockets > maxSocketsSeen {
				return fail("more than %d sockets in all snapshots", maxSocketsSeen)
			}
			if h.Sockets != nil {
				host.Sockets = make([]linux.Socket, len(h.Sockets))
			}
			for k, n := range h.Sockets {
				if n < 0 || n >= len(r.sockets) {
					return fail("there is no socket %d", n)
				}
				host.Sockets[k] = r.sockets[n]
			}
			snap.Hosts = append(snap.Hosts, host)
		}
	}
	return nil
}

// topologies plays the scenario's steps, and keeps what is asked for. Snapshots
// of one moment share it.
func (r *observationReader) topologies(s *scenario.Scenario) (map[int]*linux.Topology, *ObservationError) {
	asked := map[int]bool{}
	for i, kept := range r.snapshots {
		if kept.Topology == nil {
			continue
		}
		asked[*kept.Topology] = true
		path := itemPath("snapshots", i)
		switch n := *kept.Topology; {
		case n < 0 || n > len(s.Steps):
			return nil, &ObservationError{Path: path, Why: fmt.Sprintf("topology %d: the scenario has %d steps", n, len(s.Steps))}
		case len(asked)*len(s.Hosts) > maxMachines:
			return nil, &ObservationError{Path: path, Why: fmt.Sprintf("more than %d hosts in all topologies", maxMachines)}
		}
	}
	found := map[int]*linux.Topology{}
	if len(asked) == 0 {
		return found, nil
	}
	now := linux.NewTopology(s)
	for n := 0; ; n++ {
		if asked[n] {
			found[n] = now.Clone()
		}
		if len(found) == len(asked) {
			return found, nil
		}
		now.Apply(s.Steps[n])
	}
}

func itemPath(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// fits says why an observation cannot be one of this scenario, nil if it can:
// whatever is named by its place in a list is there, and so is whoever gives an
// address, uses it or breaks down; a snapshot is of all hosts; lists are not longer
// than is read. Judge, and who tells of its verdicts, rely on that.
func fitsScenario(s *scenario.Scenario, o *Observation) *ObservationError {
	for _, list := range o.lists() {
		if list.size > maxItems {
			return misfit(list.name, "%d, and at most %d are kept", list.size, maxItems)
		}
		for i := range list.size {
			if n := list.step(i); n < 0 || n >= len(s.Steps) {
				return misfit(itemPath(list.name, i), "step %d: the scenario has %d", n, len(s.Steps))
			}
		}
	}
	for name := range o.Own {
		if s.Element(name) == nil {
			return misfit("own", "there is no element %s", plain.Quote(name))
		}
	}
	for i := range o.Snapshots {
		if !hasHosts(s, &o.Snapshots[i]) {
			return misfit(itemPath("snapshots", i), "its hosts are not those of the scenario")
		}
	}
	if i := slices.IndexFunc(o.After, func(n int) bool { return n < 0 || n >= len(o.Snapshots) }); i >= 0 {
		return misfit(itemPath("after", i), "there is no snapshot %d", o.After[i])
	}
	return fitsElements(s, o)
}

func misfit(path, format string, args ...any) *ObservationError {
	return &ObservationError{Path: path, Why: fmt.Sprintf(format, args...)}
}

func hasHosts(s *scenario.Scenario, snap *linux.Snapshot) bool {
	return slices.EqualFunc(s.Hosts, snap.Hosts, func(h scenario.Host, seen linux.HostSockets) bool { return h.Name == seen.Host })
}

// fitsElements is the part of fits that is about who did something.
func fitsElements(s *scenario.Scenario, o *Observation) *ObservationError {
	for i := range o.Adverts {
		if name := o.Adverts[i].Giver; s.Element(name) == nil {
			return misfit(itemPath("adverts", i), "there is no element %s", plain.Quote(name))
		}
	}
	for i := range o.Breakdowns {
		if name := o.Breakdowns[i].Element; s.Element(name) == nil {
			return misfit(itemPath("breakdowns", i), "there is no element %s", plain.Quote(name))
		}
	}
	for i := range o.Uses {
		u, path := &o.Uses[i], itemPath("uses", i)
		switch e := s.Element(u.View.Element); {
		case u.Advert < 0 || u.Advert >= len(o.Adverts):
			return misfit(path, "there is no advert %d", u.Advert)
		case u.Snapshot < 0 || u.Snapshot >= len(o.Snapshots):
			return misfit(path, "there is no snapshot %d", u.Snapshot)
		case e == nil:
			return misfit(path, "there is no element %s", plain.Quote(u.View.Element))
		case e.Host != u.View.Host:
			return misfit(path, "%s is not on host %s", e.Name, plain.Quote(u.View.Host))
		}
	}
	return nil
}

// stepped is a list whose items each belong to a step.
type stepped struct {
	name string
	size int
	step func(i int) int
}

func (o *Observation) lists() []stepped {
	return []stepped{
		{"adverts", len(o.Adverts), func(i int) int { return o.Adverts[i].Step }},
		{"uses", len(o.Uses), func(i int) int { return o.Uses[i].Step }},
		{"outcomes", len(o.Outcomes), func(i int) int { return o.Outcomes[i].Step }},
		{"requests", len(o.Requests), func(i int) int { return o.Requests[i].Step }},
		{"sendings", len(o.Sendings), func(i int) int { return o.Sendings[i].Step }},
		{"route_sets", len(o.RouteSets), func(i int) int { return o.RouteSets[i].Step }},
		{"breakdowns", len(o.Breakdowns), func(i int) int { return o.Breakdowns[i].Step }},
	}
}
