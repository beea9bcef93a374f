package model

// Way returns the network on which a route line sends packets of a family, ""
// for one that refuses them, and whether it says anything about that family.
func (s *Scenario) Way(r *HostRoute, f Family) (net string, ok bool) { return s.routeOn(r, f) }
