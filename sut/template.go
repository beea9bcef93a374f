package sut

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
)

// Data is what the templates of a description see.
type Data struct {
	Name       string    // the element's name: its user part in SIP
	Addr       string    // its address, bare: 10.77.0.1, fd77::1
	Host       string    // its address as a URI has it: 10.77.0.1, [fd77::1]
	Family     int       // 4 or 6
	Interface  string    // the network interface that has the address
	Bind       string    // what its listeners are to listen on, bare: its address, 0.0.0.0 or ::
	BindHost   string    // the same as a URI has it: [::]
	V6Only     bool      // on ::, and IPv6 only
	Addrs      []OwnAddr // every address of its host that has more scope than its link
	Dir        string    // the directory of the description file, "" if embedded
	Transports []string  // of its listeners, in its order: "udp", "tcp"
	UDP, TCP   uint16    // its ports, 0 if it has none there; equal if "listen same"
	Port       uint16    // the port of its first listener
	Via        *ViaData  // its proxy, nil if it has none

	// Ports are the further ports that the description declares, by name.
	Ports map[string]Block

	// The rest is for register, call and hangup.

	Transport  string          // of the first hop: "udp", "tcp"
	To         string          // whom to call: a SIP URI
	Registered map[string]bool // the transports over which it was told to register before at .Via
	// Accounts are all its registrations so far, one a registrar and transport.
	Accounts []Account

	budget *budget // of all texts that are filled with this; nil: each has its own
}

// OwnAddr is an address of an element's host.
type OwnAddr struct {
	Addr, Host string // bare, and as a URI has it
	Family     int
	Interface  string
}

// Account is where an element was told to register. While it is told to register,
// .Via is the registrar.
type Account struct {
	Via       *ViaData
	Transport string
}

// ViaData is the proxy and registrar of an element.
type ViaData struct {
	Name       string
	Addr, Host string
	Transports []string // on which both can talk
	UDP, TCP   uint16   // the proxy's ports, 0 if it has none there
}

// Port returns the proxy's port on a transport, by the transport's name.
func (v *ViaData) Port(transport string) (uint16, error) {
	switch transport {
	case "udp":
		return v.UDP, nil
	case "tcp":
		return v.TCP, nil
	}
	return 0, fmt.Errorf("no such transport: %q", transport)
}

// newData fills what does not change while an element runs.
func newData(d *Description, sc *scenario.Scenario, e *scenario.Element) (*Data, error) {
	addr := sc.ElementAddr(e.Name)
	if !addr.IsValid() {
		return nil, fmt.Errorf("%s has no address: host %s is on no network", e.Name, e.Host)
	}
	if len(e.Listen) == 0 {
		return nil, fmt.Errorf("%s has no listener", e.Name)
	}
	data := &Data{
		Name: e.Name, Addr: addr.String(), Host: uriHost(addr.String()),
		Family: 4, Interface: "eth0", Dir: d.dir, Port: e.Listen[0].Port,
		UDP: e.Port(sip.UDP), TCP: e.Port(sip.TCP),
	}
	if addr.Is6() {
		data.Family = 6
	}
	bind, v6only := sc.BindAddr(e.Name)
	data.Bind, data.BindHost, data.V6Only = bind.String(), uriHost(bind.String()), v6only
	data.addrs(sc, e.Host, addr)
	for _, l := range e.Listen {
		data.Transports = append(data.Transports, l.Transport.String())
	}
	if d.SamePort && d.talks(sip.UDP) {
		data.UDP = data.Port
	}
	if d.SamePort && d.talks(sip.TCP) {
		data.TCP = data.Port
	}
	if p := sc.Element(e.Via); p != nil {
		data.Via = newViaData(sc, e, p)
	}
	return data, nil
}

// addrs fills in what a host has, and on which interface the element's own
// address is.
func (d *Data) addrs(sc *scenario.Scenario, host string, own netip.Addr) {
	h, _ := sc.Host(host)
	for _, p := range sc.Places(host) {
		a := sc.PlaceAddr(host, p)
		iface := fmt.Sprintf("eth%d", slices.Index(h.Nets, p.Net))
		if a == own {
			d.Interface = iface
		}
		if !p.LinkLocal {
			d.Addrs = append(d.Addrs, OwnAddr{a.String(), uriHost(a.String()), int(familyOf(a)), iface})
		}
	}
}

func newViaData(sc *scenario.Scenario, e, proxy *scenario.Element) *ViaData {
	addr := sc.ElementAddr(proxy.Name).String()
	via := &ViaData{
		Name: proxy.Name, Addr: addr, Host: uriHost(addr),
		UDP: proxy.Port(sip.UDP), TCP: proxy.Port(sip.TCP),
	}
	for _, l := range e.Listen {
		if proxy.Port(l.Transport) != 0 {
			via.Transports = append(via.Transports, l.Transport.String())
		}
	}
	return via
}

// registrars is every proxy of a scenario, as an element sees it.
func registrars(sc *scenario.Scenario, e *scenario.Element) map[string]*ViaData {
	out := map[string]*ViaData{}
	for i := range sc.Elements {
		if p := &sc.Elements[i]; p.Kind == scenario.Proxy {
			out[p.Name] = newViaData(sc, e, p)
		}
	}
	return out
}

func uriHost(addr string) string {
	if strings.Contains(addr, ":") {
		return "[" + addr + "]"
	}
	return addr
}
