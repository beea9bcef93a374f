package scenario

// The faults: what befalls connections, links, addresses, routes and programs
// while a scenario is played. Each has happened when the next step begins.
type (
	// Disconnect destroys every connection between two elements, at the first
	// one's end (SOCK_DESTROY, as ss -K does): the other one gets a RST.
	Disconnect struct{ Element, Peer string }
	// Silence drops, from now on and both ways, every packet between the
	// connections and ports that two elements have now: a NAT or firewall
	// that forgot them. Neither end is told. New connections work.
	Silence struct{ Element, Peer string }
	// ResetFlow answers, from now on, every packet of the connections that
	// two elements have now with a RST: as Silence, and both ends are told
	// when they send next.
	ResetFlow struct{ Element, Peer string }
	// SetLink takes a host's interface down or up, as an administrator does.
	// With it go the routes over it, and its IPv6 addresses; only its IPv4
	// addresses, and the route to its network that belongs to them, are there
	// again when it comes up.
	SetLink struct {
		Host, Net string
		Up        bool
	}
	// Assign gives a host an address.
	Assign struct {
		Host  string
		Place Place
	}
	// Unassign takes an address from a host. Sockets on it stay as they are,
	// and nobody tells them; others on the network no longer find it (unlike
	// after RemoveAddr: there they have not noticed yet). With the first IPv4 address of an interface go
	// the others and every route over it (promote_secondaries is off).
	Unassign struct {
		Host  string
		Place Place
	}
	// Renumber takes one address from a host and then gives it another one on
	// the same network.
	Renumber struct {
		Host     string
		Old, New Place
	}
	// Withdraw removes the routes of a host to a destination: all those that
	// the scenario's route lines with this From have made.
	Withdraw struct {
		Host string
		To   string // a network or ToAll
		From string
	}
	// SetForwarding makes a host forward or stop it.
	SetForwarding struct {
		Host string
		On   bool
	}
	// FillBacklog opens connections to an element's first TCP listener until
	// its queue takes no more, from its own host, and leaves them there: when
	// it can, it accepts them. It is for an element that does not accept: one
	// that is frozen.
	FillBacklog struct{ Element string }
	// Freeze stops every process of a host: its kernel goes on, so that
	// connections are accepted and nothing is read.
	Freeze struct{ Host string }
	// Thaw lets them go on.
	Thaw struct{ Host string }
	// Kill ends every process of a host at once (SIGKILL).
	Kill struct{ Host string }
	// Restart ends an element, if it still lives, and starts it anew.
	Restart struct{ Element string }
)

// Kind is ProgramFault.
func (Disconnect) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (Silence) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (ResetFlow) Kind() StepKind { return ProgramFault }

// Kind is NetworkFault.
func (SetLink) Kind() StepKind { return NetworkFault }

// Kind is NetworkFault.
func (Assign) Kind() StepKind { return NetworkFault }

// Kind is NetworkFault.
func (Unassign) Kind() StepKind { return NetworkFault }

// Kind is NetworkFault.
func (Renumber) Kind() StepKind { return NetworkFault }

// Kind is NetworkFault.
func (Withdraw) Kind() StepKind { return NetworkFault }

// Kind is NetworkFault.
func (SetForwarding) Kind() StepKind { return NetworkFault }

// Kind is ProgramFault.
func (FillBacklog) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (Freeze) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (Thaw) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (Kill) Kind() StepKind { return ProgramFault }

// Kind is ProgramFault.
func (Restart) Kind() StepKind { return ProgramFault }
