// Package netns answers: how do I get the machines of a scenario, and how do I
// see every socket on them?
//
// New builds a lab from a scenario's topology: one network namespace per host,
// held by its descriptor, with interfaces eth0, eth1, …, the addresses that
// scenario.Scenario.PlaceAddr gives, routes, rules and forwarding. A Pool makes
// labs of labs that were used before, much
// faster, and sees to it that nothing of one user reaches the next. Inside, Host.Socket opens sockets,
// Host.Spawn starts a stack's command, Host.Probe tries an address.
// Lab.Snapshot lists all sockets with their owners, as the kernel's sock_diag
// tells of them, Lab.Capture records packets, and Lab.Apply lets the faults of
// a scenario happen.
//
//	lab, err := netns.New(scenario) // or pool.New(scenario)
//	…
//	defer lab.Close()
//	fd, err := lab.Host("box").Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
//	probe := lab.Host("box").Probe(source, target)
//	snapshot, err := lab.Snapshot()
//
// # What is in a lab
//
// Hosts are Linux as it comes, except that who dials an address that nobody
// has is told after 10 ms and not after three seconds, that ICMP errors are
// sent for everything that is refused and not once a second, that TCP
// remembers nothing of connections that are over, and that routers send no
// redirects. All hosts of a network know each other's hardware addresses from
// the start: a question could be lost, and would cost a second.
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
// # Strangers
//
// What Spawn and RunAlone start is a stranger's program, and is treated so. It
// has no capability and cannot get any (no_new_privs); where this process is
// root it is a user that owns nothing. It has its own process, IPC, host name
// and control group namespaces, no terminal, and a file system in which only
// that is there which was put there, for reading: the system's programs and
// libraries, the settings in /etc that they need, what its Spec names, four
// devices, a /proc of its own processes. It can write to a private Home, /tmp,
// /var/tmp, /run and /dev/shm, in memory, 256 MiB in all. A filter of system
// calls denies what administers a machine. It may have so much memory and so
// many processes as its Spec says. Sandbox tells what of this a machine cannot
// give; then nothing is started that was not called insecure.
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
// On two processors with Linux 6.18, both at work, a lab of three hosts takes
// 3 ms with its destruction, one of a pool 0.1 ms with its reset, a snapshot of
// thirty sockets 0.13 ms, a probe 0.05 ms, a spawned process 4 ms. The
// benchmarks measure it where you are, and BenchmarkFloor beside it what the
// bare system calls cost.
//
// Next: package sut, what runs inside.
package netns
