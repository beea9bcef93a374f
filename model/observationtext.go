package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"unicode"
	"unicode/utf8"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
)

// MaxObservation is the length in bytes of the longest observation's text that
// is written or read. Usual ones have about ten thousand; what is larger is a
// flood, whose first part tells as much.
const MaxObservation = 1 << 20

// These bound what a text stands for: snapshots name their sockets by number, so
// that a short text could stand for very many.
const (
	maxItems       = 1 << 15 // in one list
	maxSocketsSeen = 1 << 17 // in all snapshots
	maxMachines    = 1 << 14 // in all topologies
)

// snapshotText is a snapshot as it is kept. A socket that did not change from one
// to the next is kept once, in "sockets".
type snapshotText struct {
	Hosts []hostText `json:"hosts,omitzero"`
	// Topology is after how many steps of the scenario hosts had the addresses
	// and routes that they have here; absent where everybody reaches everybody.
	Topology *int `json:"topology,omitempty"`
}

type hostText struct {
	Host    string       `json:"host"`
	Addrs   []netip.Addr `json:"addrs,omitzero"`
	Devices []uint32     `json:"devices,omitzero"`
	Sockets []int        `json:"sockets,omitzero"` // indices into "sockets"
}

// FormatObservation writes an observation of a scenario as one JSON document,
// which ParseObservation reads back exactly as it was. Each advert, use, socket
// is one line, and what is zero is left out. Adverts, snapshots, sockets and
// steps are named by their place in their list, from 0.
//
// It is an error if the observation could not be read again: it is another
// scenario's, or there is too much of it.
func FormatObservation(w io.Writer, s *scenario.Scenario, o *Observation) error {
	if why := fitsScenario(s, o); why != nil {
		return fmt.Errorf("model: format observation: %s", why.Why)
	}
	f := &observationWriter{}
	snapshots, sockets, err := snapshotTexts(s, o.Snapshots)
	f.err = err
	formatValue(f, "broken", o.Broken)
	formatValue(f, "own", o.Own)
	formatValue(f, "after", o.After)
	formatList(f, "adverts", o.Adverts)
	formatList(f, "uses", o.Uses)
	formatList(f, "outcomes", o.Outcomes)
	formatList(f, "requests", o.Requests)
	formatList(f, "sendings", o.Sendings)
	formatList(f, "route_sets", o.RouteSets)
	formatList(f, "breakdowns", o.Breakdowns)
	formatList(f, "sockets", sockets)
	formatList(f, "snapshots", snapshots)
	f.open("}\n")
	if f.b.Len() > MaxObservation && f.err == nil {
		f.err = fmt.Errorf("it has %d bytes, and at most %d are kept", f.b.Len(), MaxObservation)
	}
	if f.err != nil {
		return fmt.Errorf("model: format observation: %w", f.err)
	}
	_, err = w.Write(f.b.Bytes())
	return err
}

// observationWriter writes the members of a JSON object. Its first error sticks.
type observationWriter struct {
	b    bytes.Buffer
	some bool // a member has been written
	err  error
}

// open ends what is before a member, or before the object's end.
func (f *observationWriter) open(text string) {
	switch {
	case f.some && text[0] != '}':
		f.b.WriteString(",\n")
	case f.some:
		f.b.WriteString("\n")
	default:
		f.b.WriteString("{\n")
	}
	f.some = true
	f.b.WriteString(text)
}

func formatValue[T any](f *observationWriter, name string, v T) {
	if reflect.ValueOf(v).IsZero() {
		return
	}
	f.open(fmt.Sprintf("%q: ", name))
	formatItem(f, v)
}

// formatList writes a list, an item a line. One that is there and empty differs
// from none.
func formatList[T any](f *observationWriter, name string, items []T) {
	if items == nil {
		return
	}
	if len(items) == 0 {
		f.open(fmt.Sprintf("%q: []", name))
		return
	}
	f.open(fmt.Sprintf("%q: [", name))
	for i, item := range items {
		if i > 0 {
			f.b.WriteString(",")
		}
		f.b.WriteString("\n  ")
		formatItem(f, item)
	}
	f.b.WriteString("\n]")
}

// formatItem writes one value on one line. Nothing in it is what a terminal
// obeys.
func formatItem[T any](f *observationWriter, item T) {
	if f.err != nil {
		return
	}
	_ = eachString(reflect.ValueOf(&item).Elem(), true, legible) // it never fails
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false) // a URI is between < and >
	if f.err = enc.Encode(item); f.err != nil {
		var why *json.MarshalerError
		if errors.As(f.err, &why) {
			f.err = why.Unwrap()
		}
		return
	}
	for text := bytes.TrimSuffix(line.Bytes(), []byte("\n")); len(text) > 0; {
		r, n := utf8.DecodeRune(text)
		if unicode.IsControl(r) {
			fmt.Fprintf(&f.b, `\u%04x`, r)
		} else {
			f.b.Write(text[:n])
		}
		text = text[n:]
	}
}

// snapshotTexts gives each socket that differs from all others its number.
func snapshotTexts(s *scenario.Scenario, snapshots []linux.Snapshot) (out []snapshotText, sockets []linux.Socket, err error) {
	if snapshots == nil {
		return nil, nil, nil
	}
	steps, err := topologySteps(s, snapshots)
	if err != nil {
		return nil, nil, err
	}
	numbers := map[linux.Socket]int{}
	out = make([]snapshotText, len(snapshots))
	for i := range snapshots {
		snap := &snapshots[i]
		if snap.Topology != nil {
			n := steps[snap.Topology]
			out[i].Topology = &n
		}
		if snap.Hosts != nil {
			out[i].Hosts = []hostText{}
		}
		for _, h := range snap.Hosts {
			host := hostText{Host: h.Host, Addrs: h.Addrs, Devices: h.Devices}
			if h.Sockets != nil {
				host.Sockets = make([]int, len(h.Sockets))
			}
			for k, x := range h.Sockets {
				n, known := numbers[x]
				if !known {
					n = len(sockets)
					numbers[x], sockets = n, append(sockets, x)
				}
				host.Sockets[k] = n
			}
			out[i].Hosts = append(out[i].Hosts, host)
		}
	}
	return out, sockets, nil
}

// topologySteps says of each topology after how many steps of the scenario it
// was there. That is all that is kept of it: it was not seen, but follows from
// the steps.
func topologySteps(s *scenario.Scenario, snapshots []linux.Snapshot) (map[*linux.Topology]int, error) {
	steps, open := map[*linux.Topology]int{}, map[*linux.Topology]bool{}
	for i := range snapshots {
		if t := snapshots[i].Topology; t != nil {
			open[t] = true
		}
	}
	if len(open) == 0 {
		return steps, nil
	}
	now := linux.NewTopology(s)
	for n := 0; ; n++ {
		for t := range open {
			if t.Equal(now) {
				steps[t] = n
				delete(open, t)
			}
		}
		switch {
		case len(open) == 0:
			return steps, nil
		case n == len(s.Steps):
			return nil, errors.New("a snapshot's topology is not one that the scenario's steps lead to")
		}
		now.Apply(s.Steps[n])
	}
}
