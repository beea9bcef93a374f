package netns_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"

	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// Two hosts on two networks with a router between them, and a TCP echo across.
func Example() {
	s, _ := scenario.Parse("net lan 4\nnet far 4\nhost ann lan\nrouter gate lan far\nhost bob far\nroute ann far via=gate\nroute bob lan via=gate\n")
	lab, err := netns.New(&s)
	if err != nil {
		log.Fatal(err)
	}
	defer lab.Close()
	var ln, conn = net.Listener(nil), net.Conn(nil)
	lab.Host("bob").Do(func() error { ln, err = net.Listen("tcp", "10.77.1.3:7"); return err })
	go func() { c, _ := ln.Accept(); io.Copy(c, c) }()
	lab.Host("ann").Do(func() error { conn, err = net.Dial("tcp", "10.77.1.3:7"); return err })
	fmt.Fprintln(conn, "hello from", conn.LocalAddr())
	line, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(line[:21])
	// Output: hello from 10.77.0.1:
}

func ExampleLab_Snapshot() {
	s := &scenario.Scenario{
		Nets:  []scenario.Net{{Name: "lan", Family: scenario.IPv4}},
		Hosts: []scenario.Host{{Name: "home", Nets: []string{"lan"}}, {Name: "office", Nets: []string{"lan"}}},
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
		probe := lab.Host("home").Probe(s.Addr("home", "lan"), sip.Target{Transport: sip.TCP, Addr: target})
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
