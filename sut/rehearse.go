package sut

import "sort"

// rehearse expands every template for the elements that the description says
// it can play, so that an unknown name is found now and not in a hunt.
func (d *Description) rehearse() error {
	if _, err := d.version.argv(&Data{Dir: d.dir}); err != nil {
		return err
	}
	for _, data := range d.rehearsals() {
		data.budget = newBudget()
		for _, t := range d.texts() {
			if t == d.control["register"] && data.Via == nil {
				continue // nobody registers without a proxy
			}
			if _, err := t.expand(data); err != nil {
				return err
			}
		}
		if _, err := d.start.argv(data); err != nil {
			return err
		}
	}
	return nil
}

func (d *Description) rehearsals() []*Data {
	var list []*Data
	for _, via := range []*ViaData{nil, {Name: "p", Addr: "10.77.0.2", Host: "10.77.0.2"}} {
		for _, t := range d.Transports {
			data := &Data{Name: "bob", Addr: "10.77.0.1", Host: "10.77.0.1", Family: 4, Interface: "eth0",
				Dir: d.dir, UDP: 5060, TCP: 5060, Port: 5060, Ports: map[string]Block{}, Via: via,
				Bind: "10.77.0.1", BindHost: "10.77.0.1", Addrs: []OwnAddr{{"10.77.0.1", "10.77.0.1", 4, "eth0"}},
				To: "sip:ann@10.77.0.1:5061", Transport: t.String(), Transports: []string{t.String()}}
			for _, p := range d.Ports {
				data.Ports[p.Name] = Block{windowStart, windowStart}
			}
			if via != nil {
				via.Transports = []string{"udp", "tcp"}
				data.Registered = map[string]bool{t.String(): true}
				data.Accounts = []Account{{via, t.String()}}
			}
			list = append(list, data)
		}
	}
	return list
}

// texts returns every template, in the order of the file.
func (d *Description) texts() []*text {
	list := append([]*text{d.start}, d.env...)
	for _, t := range d.home {
		list = append(list, t)
	}
	for _, t := range d.control {
		list = append(list, t)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].line < list[j].line })
	return list
}
