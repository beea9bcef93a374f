package linux

import (
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/greka-sip/greka/model/sip"
)

// TestLookup plays the table in testdata/lookup.txtar.
func TestLookup(t *testing.T) {
	table, err := txtar.ParseFile(filepath.Join("testdata", "lookup.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, f := range table.Files {
		t.Run(f.Name, func(t *testing.T) { asked += lookupCase(t, string(f.Data)) })
	}
	if asked < 40 {
		t.Fatalf("only %d questions were asked", asked)
	}
}

// lookupCase reads one case, asks its questions and returns their number.
func lookupCase(t *testing.T, text string) int {
	t.Helper()
	var s Snapshot
	names := map[*Socket]string{}
	byHost := map[string][]string{}
	asked := 0
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "host":
			h := HostSockets{Host: f[1]}
			for _, a := range f[2:] {
				h.Addrs = append(h.Addrs, netip.MustParseAddr(a))
			}
			s.Hosts = append(s.Hosts, h)
		case "?":
			if asked == 0 { // the sockets stay where they are from now on
				for i := range s.Hosts {
					for k := range s.Hosts[i].Sockets {
						names[&s.Hosts[i].Sockets[k]] = byHost[s.Hosts[i].Host][k]
					}
				}
			}
			asked++
			tr, _ := sip.ParseTransport(f[2])
			r := Lookup(&s, f[1], tr.Carrier(), netip.MustParseAddrPort(f[3]), netip.MustParseAddrPort(f[4]))
			if got, want := reachedText(r, names), f[6]+" "+f[7]; got != want {
				t.Errorf("%s\n got %s (%s)", line, got, r.Rule)
			}
			if r.Rule == "" {
				t.Errorf("%s: no rule", line)
			}
		default:
			h := s.Host(f[1])
			h.Sockets = append(h.Sockets, lookupSocket(t, f[2:]))
			byHost[f[1]] = append(byHost[f[1]], f[0])
		}
	}
	return asked
}

func lookupSocket(t *testing.T, f []string) Socket {
	t.Helper()
	tr, ok := sip.ParseTransport(f[0])
	if !ok {
		t.Fatalf("transport %q", f[0])
	}
	s := Socket{Carrier: tr.Carrier(), V6: f[1] == "6", Local: netip.MustParseAddrPort(f[2]), State: StateListen}
	if tr.Carrier() == sip.CarrierUDP {
		s.State = StateClose
	}
	for _, w := range f[3:] {
		switch {
		case w == "v6only":
			s.V6Only = true
		case w == "reuseport":
			s.ReusePort, s.Group = true, 1
		case strings.HasPrefix(w, "group"):
			n, _ := strconv.Atoi(w[5:])
			s.ReusePort, s.Group = true, uint32(n)
		case strings.HasPrefix(w, "dev"):
			n, _ := strconv.Atoi(w[3:])
			s.Device = uint32(n)
		case strings.HasPrefix(w, "order"):
			n, _ := strconv.Atoi(w[5:])
			s.Order = uint64(n)
		case strings.Contains(w, ":"):
			s.Remote = netip.MustParseAddrPort(w)
			s.State = StateEstablished
		default:
			s.State = 0
			for i, name := range stateNames {
				if name == w {
					s.State = State(i)
				}
			}
			if s.State == 0 {
				t.Fatalf("socket option %q", w)
			}
		}
	}
	return s
}

func reachedText(r Reached, names map[*Socket]string) string {
	host, socks := r.Host, []string{}
	if host == "" {
		host = "-"
	}
	if r.Socket == nil {
		return host + " -"
	}
	for _, s := range append([]*Socket{r.Socket}, r.Also...) {
		socks = append(socks, names[s])
	}
	return host + " " + strings.Join(socks, "|")
}
