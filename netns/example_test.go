package netns_test

import (
	"fmt"
	"log"
	"net"
	"net/netip"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

func Example() {
	s := &model.Scenario{
		Nets:  []model.Net{{Name: "lan", Family: model.IPv4}},
		Hosts: []model.Host{{Name: "home", Nets: []string{"lan"}}, {Name: "office", Nets: []string{"lan"}}},
	}
	lab, err := netns.New(s)
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Close()

	// A socket that is opened inside stays inside, whoever uses it later.
	var listener net.Listener
	err = lab.Host("office").Do(func() error {
		listener, err = net.Listen("tcp", "10.77.0.2:5060")
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()

	for _, port := range []uint16{5060, 5061} {
		target := netip.AddrPortFrom(s.Addr("office", "lan"), port)
		probe := lab.Host("home").Probe(s.Addr("home", "lan"), model.Target{Transport: model.TCP, Addr: target})
		fmt.Println(target, probe.Result)
	}
	snapshot, err := lab.Snapshot()
	if err != nil {
		log.Fatal(err)
	}
	for _, socket := range snapshot.Host("office").Sockets {
		fmt.Println(socket.State, socket.Local)
	}
	// Output:
	// 10.77.0.2:5060 accepted
	// 10.77.0.2:5061 connection refused
	// LISTEN 10.77.0.2:5060
}
