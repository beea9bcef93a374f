package scenario

// Step is one thing that happens. Each kind is a small type which says of
// itself what a stage needs that treats all alike: its Kind, and the names in
// it. How it reads and prints stands beside it (addStep); what comes of it is
// said by linux.Ports and model.Predict, and is done by netns and props.
type Step interface {
	// Kind tells what sort of step it is.
	Kind() StepKind
	// renamed returns the step with each name in it replaced by what f gives
	// for it. A new kind without it does not compile.
	renamed(f Renamer) Step
}

// StepKind says at what a step is aimed, and so who plays it.
type StepKind uint8

// The kinds of step.
const (
	// SIPStep: elements talk to each other. Played by elements.
	SIPStep StepKind = iota + 1
	// SocketStep: a program does something with one of its sockets, or an
	// administrator with a socket or port. Played by package props/kernel.
	SocketStep
	// ProgramFault befalls programs and what they have: connections, queues.
	ProgramFault
	// NetworkFault befalls links, addresses and routes: linux.Topology changes.
	NetworkFault
)

// Noun says what a name in a step is the name of.
type Noun uint8

// What steps name.
const (
	ElementName Noun = iota + 1
	HostName
	NetName
	SocketName
	NewSocketName // of the socket that the step makes
)

// Renamer gives the name to be used instead of one.
type Renamer func(n Noun, name string) string

// Renamed returns the step with other names. An absent name stays absent.
func Renamed(st Step, f Renamer) Step {
	return st.renamed(func(n Noun, name string) string {
		if name == "" {
			return ""
		}
		return f(n, name)
	})
}

// Names lists the names in a step that are of a noun, in the order of its text.
func Names(st Step, noun Noun) (names []string) {
	Renamed(st, func(n Noun, name string) string {
		if n == noun {
			names = append(names, name)
		}
		return name
	})
	return names
}

// renamed is a place on a network of another name.
func (p Place) renamed(f Renamer) Place {
	p.Net = f(NetName, p.Net)
	return p
}

// renamed is an end at the port of a socket of another name.
func (e Endpoint) renamed(f Renamer) Endpoint {
	e.Of = f(SocketName, e.Of)
	return e
}

func (s Register) renamed(f Renamer) Step {
	s.UA, s.Via = f(ElementName, s.UA), f(ElementName, s.Via)
	return s
}

func (s Call) renamed(f Renamer) Step {
	s.From, s.To = f(ElementName, s.From), f(ElementName, s.To)
	return s
}

func (s Disconnect) renamed(f Renamer) Step {
	s.Element, s.Peer = f(ElementName, s.Element), f(ElementName, s.Peer)
	return s
}

func (s Silence) renamed(f Renamer) Step {
	s.Element, s.Peer = f(ElementName, s.Element), f(ElementName, s.Peer)
	return s
}

func (s ResetFlow) renamed(f Renamer) Step {
	s.Element, s.Peer = f(ElementName, s.Element), f(ElementName, s.Peer)
	return s
}

func (s Restart) renamed(f Renamer) Step     { s.Element = f(ElementName, s.Element); return s }
func (s FillBacklog) renamed(f Renamer) Step { s.Element = f(ElementName, s.Element); return s }
func (s Freeze) renamed(f Renamer) Step      { s.Host = f(HostName, s.Host); return s }
func (s Thaw) renamed(f Renamer) Step        { s.Host = f(HostName, s.Host); return s }
func (s Kill) renamed(f Renamer) Step        { s.Host = f(HostName, s.Host); return s }

func (s SetLink) renamed(f Renamer) Step {
	s.Host, s.Net = f(HostName, s.Host), f(NetName, s.Net)
	return s
}

func (s Assign) renamed(f Renamer) Step {
	s.Host, s.Place = f(HostName, s.Host), s.Place.renamed(f)
	return s
}

func (s Unassign) renamed(f Renamer) Step {
	s.Host, s.Place = f(HostName, s.Host), s.Place.renamed(f)
	return s
}

func (s Renumber) renamed(f Renamer) Step {
	s.Host, s.Old, s.New = f(HostName, s.Host), s.Old.renamed(f), s.New.renamed(f)
	return s
}

func (s Withdraw) renamed(f Renamer) Step {
	s.Host, s.From = f(HostName, s.Host), f(NetName, s.From)
	if s.To != ToAll {
		s.To = f(NetName, s.To)
	}
	return s
}

func (s SetForwarding) renamed(f Renamer) Step { s.Host = f(HostName, s.Host); return s }

func (s OpenSocket) renamed(f Renamer) Step {
	s.Name, s.Host = f(NewSocketName, s.Name), f(HostName, s.Host)
	return s
}

func (s BindSocket) renamed(f Renamer) Step {
	s.Socket, s.At = f(SocketName, s.Socket), s.At.renamed(f)
	return s
}

func (s DialSocket) renamed(f Renamer) Step {
	s.Socket, s.To = f(SocketName, s.Socket), s.To.renamed(f)
	return s
}

func (s SendTo) renamed(f Renamer) Step {
	s.Socket, s.To = f(SocketName, s.Socket), s.To.renamed(f)
	return s
}

func (s AcceptSocket) renamed(f Renamer) Step {
	s.Listener, s.Name = f(SocketName, s.Listener), f(NewSocketName, s.Name)
	return s
}

func (s SetOption) renamed(f Renamer) Step      { s.Socket = f(SocketName, s.Socket); return s }
func (s ListenSocket) renamed(f Renamer) Step   { s.Socket = f(SocketName, s.Socket); return s }
func (s SendSocket) renamed(f Renamer) Step     { s.Socket = f(SocketName, s.Socket); return s }
func (s ReadSocket) renamed(f Renamer) Step     { s.Socket = f(SocketName, s.Socket); return s }
func (s ShutdownSocket) renamed(f Renamer) Step { s.Socket = f(SocketName, s.Socket); return s }
func (s CloseSocket) renamed(f Renamer) Step    { s.Socket = f(SocketName, s.Socket); return s }
func (s UndialSocket) renamed(f Renamer) Step   { s.Socket = f(SocketName, s.Socket); return s }
func (s DestroySocket) renamed(f Renamer) Step  { s.Socket = f(SocketName, s.Socket); return s }
func (s RemoveAddr) renamed(f Renamer) Step     { s.Host = f(HostName, s.Host); return s }
func (s FilterPort) renamed(f Renamer) Step     { s.Host = f(HostName, s.Host); return s }
