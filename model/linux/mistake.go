package linux

// Mistake is one plausible wrong belief about ports. A model with a mistake is
// the negative twin of the reference model: the check against the kernel has
// to refute it, or it proves nothing.
type Mistake uint8

// The mistakes.
const (
	NoMistake Mistake = iota
	WildcardBeatsSpecific
	ChildHasOwnPort
	ReuseAddrSharesListener
	V6WildcardApart
	V6OnlyIgnored
	CloseListenerClosesConnections
	ConnectedUDPTakesAll
	ConnectionPortAccepts
	ConnectionsFreePort
	UnreadIgnored
	BacklogIsLimit
	ReusePortIgnored
	OldestUDPWins
	DeviceIgnored
	// Three more, written when the check was finished, to see whether it was
	// made to measure.
	ShutListenerGoesOn
	ResetLeavesQueue
	TimeWaitBlocks
	// What became of UDP sockets that were connected once.
	DisconnectRehashes
	ReconnectFilesAnew
	WarmthIgnored
	EarlyIgnored
	mistakes
)

var mistakeNames = [...]string{"", "wildcard-beats-specific", "child-has-own-port", "reuseaddr-shares-listener",
	"v6-wildcard-apart", "v6only-ignored", "close-listener-closes-connections", "connected-udp-takes-all",
	"connection-port-accepts", "connections-free-port", "unread-ignored", "backlog-is-limit", "reuseport-ignored",
	"oldest-udp-wins", "device-ignored",
	"shut-listener-goes-on", "reset-leaves-queue", "time-wait-blocks", "disconnect-rehashes", "reconnect-files-anew", "warmth-ignored", "early-ignored"}

// String names the mistake, as in a file's name.
func (m Mistake) String() string { return mistakeNames[m] }

var beliefs = [...]string{"",
	"a wildcard beats a specific bind",
	"an accepted connection has a port of its own",
	"SO_REUSEADDR allows two listeners on one port",
	"an IPv6 wildcard never takes IPv4",
	"an IPv6 wildcard always takes IPv4, v6only or not",
	"closing a listener closes its connections",
	"a connected UDP socket takes everybody's datagrams",
	"the local port of a connection accepts",
	"a connection does not hold its port: it can be bound anew at once",
	"a close always ends a connection in order, read or unread",
	"no more connections wait than the backlog says",
	"SO_REUSEPORT does not help: a port has one socket",
	"of two equal UDP sockets the first one bound gets the datagrams",
	"a socket bound to a device takes what arrives elsewhere too",
	"a listener that is shut for reading goes on listening",
	"a connection that is reset before it is accepted leaves the queue",
	"TIME-WAIT keeps a port from being bound, SO_REUSEADDR or not",
	"a UDP socket that loses its peer gets in line again, as if it were bound anew",
	"of two UDP sockets connected to one peer the last one connected gets the datagrams",
	"of two equal UDP sockets the last one bound gets the datagrams, whatever they did before",
	"the chain of flows says who of several connected UDP sockets gets a datagram, wherever it comes from",
}

// Belief says the mistake as somebody who makes it would.
func (m Mistake) Belief() string { return beliefs[m] }

// Mistakes lists every mistake.
func Mistakes() (all []Mistake) {
	for m := NoMistake + 1; m < mistakes; m++ {
		all = append(all, m)
	}
	return all
}

// Wrong returns the model with one mistake instead of the reference model.
func (p *Ports) Wrong(m Mistake) *Ports {
	p.wrong = m
	return p
}

// closeAccepted is what CloseListenerClosesConnections believes.
func (p *Ports) closeAccepted(r ref) {
	h := &p.hosts[r.host]
	for i := range h.Sockets {
		c := ref{r.host, i}
		if m := p.more(c); m.accepted && m.held && p.socket(c).Local.Port() == p.socket(r).Local.Port() &&
			needsRST(p.socket(c).State) {
			p.sendRST(c)
			p.done(c)
		}
	}
}

// leaveQueue is what ResetLeavesQueue believes.
func (p *Ports) leaveQueue(r ref) {
	h := &p.hosts[r.host]
	for i := range h.more {
		for k, c := range h.more[i].queue {
			if c == r {
				h.more[i].queue = append(h.more[i].queue[:k:k], h.more[i].queue[k+1:]...)
				return
			}
		}
	}
}
