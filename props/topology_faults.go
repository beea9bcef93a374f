package props

import (
	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// What befalls a network: the values are the cases of fault.
var (
	dimChange = dimension{"fault", []string{"link down", "link up", "assign", "unassign", "renumber", "withdraw", "forwarding"},
		[]int{20, 10, 15, 15, 15, 15, 10}}
	// Beside calls links fail less often: to take one down takes 20 ms, in
	// which the kernel makes and changes no other on the machine.
	dimChangeBeside = dimension{"what changes in the network", dimChange.values, []int{8, 7, 19, 18, 18, 20, 10}}
)

// faults draws steps that change the topology, and keeps those that make sense
// where they stand.
func (w *world) faults() {
	n := words[w.pick(&dimChanges)]
	w.state = linux.NewTopology(&w.s)
	for range n {
		h := &w.s.Hosts[uniform(w.t, "host", len(w.s.Hosts))]
		st := w.fault(h, &dimChange)
		with := w.s
		with.Steps = append(append([]scenario.Step(nil), w.s.Steps...), st)
		if st == nil || with.Validate() != nil {
			continue
		}
		w.s = with
		w.state.Apply(st)
	}
}

// fault draws one, nil if there is nothing for it to befall.
func (w *world) fault(h *scenario.Host, dim *dimension) scenario.Step {
	net := h.Nets[uniform(w.t, "net", len(h.Nets))]
	places := w.s.Places(h.Name)
	place := places[uniform(w.t, "place", len(places))]
	other := place
	other.Nth = (place.Nth + 1 + uniform(w.t, "number", scenario.MaxNth)) % (scenario.MaxNth + 1)
	up := w.state.LinkUp(h.Name, place.Net)
	switch w.pick(dim) {
	case "link down":
		return scenario.SetLink{Host: h.Name, Net: net}
	case "link up":
		return scenario.SetLink{Host: h.Name, Net: net, Up: true}
	case "assign":
		if up && !place.LinkLocal && !w.state.Has(h.Name, other) {
			return scenario.Assign{Host: h.Name, Place: other}
		}
	case "unassign":
		if w.state.Has(h.Name, place) {
			return scenario.Unassign{Host: h.Name, Place: place}
		}
	case "renumber":
		if up && !place.LinkLocal && w.state.Has(h.Name, place) && !w.state.Has(h.Name, other) {
			return scenario.Renumber{Host: h.Name, Old: place, New: other}
		}
	case "withdraw":
		if r := w.routeOf(h); r != nil {
			return scenario.Withdraw{Host: r.Host, To: r.To, From: r.From}
		}
	case "forwarding":
		return scenario.SetForwarding{Host: h.Name, On: !h.Router}
	}
	return nil
}

func (w *world) routeOf(h *scenario.Host) *scenario.HostRoute {
	var own []*scenario.HostRoute
	for i := range w.s.Routes {
		if w.s.Routes[i].Host == h.Name {
			own = append(own, &w.s.Routes[i])
		}
	}
	if len(own) == 0 {
		return nil
	}
	return own[uniform(w.t, "route", len(own))]
}
