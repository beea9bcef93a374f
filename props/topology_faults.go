package props

import (
	"github.com/greka-sip/greka/model"
)

// faults draws steps that change the topology, and keeps those that make sense
// where they stand.
func (w *world) faults() {
	n := words[w.pick(&dimChanges)]
	w.state = model.NewTopology(&w.s)
	for range n {
		h := &w.s.Hosts[uniform(w.t, "host", len(w.s.Hosts))]
		st := w.fault(h, &dimChange)
		with := w.s
		with.Steps = append(append([]model.Step(nil), w.s.Steps...), st)
		if st == nil || with.Validate() != nil {
			continue
		}
		w.s = with
		w.state.Apply(st)
	}
}

// fault draws one, nil if there is nothing for it to befall.
func (w *world) fault(h *model.Host, dim *dimension) model.Step {
	net := h.Nets[uniform(w.t, "net", len(h.Nets))]
	places := w.s.Places(h.Name)
	place := places[uniform(w.t, "place", len(places))]
	other := place
	other.Nth = (place.Nth + 1 + uniform(w.t, "number", model.MaxNth)) % (model.MaxNth + 1)
	up := w.state.LinkUp(h.Name, place.Net)
	switch w.pick(dim) {
	case "link down":
		return model.SetLink{Host: h.Name, Net: net}
	case "link up":
		return model.SetLink{Host: h.Name, Net: net, Up: true}
	case "assign":
		if up && !place.LinkLocal && !w.state.Has(h.Name, other) {
			return model.Assign{Host: h.Name, Place: other}
		}
	case "unassign":
		if w.state.Has(h.Name, place) {
			return model.Unassign{Host: h.Name, Place: place}
		}
	case "renumber":
		if up && !place.LinkLocal && w.state.Has(h.Name, place) && !w.state.Has(h.Name, other) {
			return model.Renumber{Host: h.Name, Old: place, New: other}
		}
	case "withdraw":
		if r := w.routeOf(h); r != nil {
			return model.Withdraw{Host: r.Host, To: r.To, From: r.From}
		}
	case "forwarding":
		return model.SetForwarding{Host: h.Name, On: !h.Router}
	}
	return nil
}

func (w *world) routeOf(h *model.Host) *model.HostRoute {
	var own []*model.HostRoute
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
