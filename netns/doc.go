// Package netns answers: how do I get the machines of a scenario, and how do I
// see every socket on them?
//
// New builds a lab from a scenario's networks and hosts: one network namespace
// per host, held by its descriptor, with interfaces eth0, eth1, … and the
// addresses that model.Scenario.Addr gives. Inside, Host.Socket opens sockets,
// Host.Spawn starts a stack's command, Host.Probe tries an address.
// Lab.Snapshot lists all sockets with their owners, as the kernel's sock_diag
// tells of them, and Lab.Capture records packets.
//
//	lab, err := netns.New(scenario)
//	…
//	defer lab.Close()
//	fd, err := lab.Host("box").Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
//	probe := lab.Host("box").Probe(source, target)
//	snapshot, err := lab.Snapshot()
//
// # Nothing is left
//
// Nothing of a lab has a name, a path or a mount outside of it. Namespaces end
// with the last descriptor, socket or process in them, devices end with their
// namespace, and every process that Spawn starts lives in a PID namespace
// whose init ends with this process: when it closes its end of a socket, and
// when the thread that started the init dies. So the kernel takes everything
// back after Close and after SIGKILL alike, and labs of several workers and
// several processes live side by side with equal addresses.
//
// # Privilege
//
// Labs need root, or a user namespace. Start, the first call of a command's
// main, and Main, the body of a test's TestMain, see to that:
//
//	func TestMain(m *testing.M) { netns.Main(m) }
//
// # What it costs
//
// On two processors with Linux 6.18 a lab of three hosts takes 4 ms with its
// destruction, a snapshot of ten sockets 0.1 ms, a probe 0.05 ms, a spawned
// process 6 ms. The benchmarks measure it where you are.
//
// Next: package sut, what runs inside.
package netns
