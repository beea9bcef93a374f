package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model/linux"
	"github.com/greka-sip/greka/model/scenario"
	"github.com/greka-sip/greka/model/sip"
	"github.com/greka-sip/greka/netns"
)

// Rig plays scenarios of socket steps, one after another, in labs that it
// keeps. It belongs to one goroutine. The zero value is not ready: NewRig.
type Rig struct {
	// NoProbes leaves out the probes after the last step, and the question
	// whether a difference is of one lab only: for whoever makes small what has
	// been probed.
	NoProbes bool

	labs map[string]*netns.Lab // by topology
}

// NewRig returns a rig without labs: each is made when it is needed first.
func NewRig() *Rig { return &Rig{labs: map[string]*netns.Lab{}} }

// Close gives the labs back.
func (r *Rig) Close() error {
	var failed []error
	for key, lab := range r.labs {
		failed = append(failed, lab.Close())
		delete(r.labs, key)
	}
	return errors.Join(failed...)
}

// lab returns the lab of a scenario's topology: as new, with no socket in it.
func (r *Rig) lab(s *scenario.Scenario) (*netns.Lab, string, error) {
	key := topologyKey(s)
	if lab := r.labs[key]; lab != nil {
		return lab, key, nil
	}
	lab, err := netns.New(s)
	if err != nil {
		return nil, key, err
	}
	if err := prepare(lab, s); err != nil {
		lab.Close()
		return nil, key, err
	}
	r.labs[key] = lab
	return lab, key, nil
}

func topologyKey(s *scenario.Scenario) string {
	return scenario.Format(scenario.Scenario{Nets: s.Nets, Hosts: s.Hosts})
}

// nobodys are addresses that no host has: 9 is behind the last host.
var nobodys = map[scenario.Family]netip.Addr{
	scenario.IPv4: netip.MustParseAddr("10.77.0.9"), scenario.IPv6: netip.MustParseAddr("fd77:1::9"),
}

// prepare makes what is sent to nobody be lost without a search for its owner,
// which would reach into the next scenario.
func prepare(lab *netns.Lab, s *scenario.Scenario) error {
	for i, n := range s.Nets {
		a := nobodys[n.Family]
		if own := s.Addr(s.Hosts[0].Name, n.Name); i > 1 || !own.IsValid() || own.Is4() != a.Is4() {
			continue
		}
		if err := lab.Nobody(s, n.Name, a); err != nil {
			return err
		}
	}
	return nil
}

// clean ends every socket that is left in a lab: TIME-WAIT, and connections
// that were closed and not over. A lab that cannot be brought back to what it
// was is thrown away.
func (r *Rig) clean(lab *netns.Lab, key string, changed bool) {
	if !changed && emptied(lab) {
		return
	}
	r.drop(key)
}

func emptied(lab *netns.Lab) bool {
	for range 3 {
		snap, err := lab.Raw()
		if err != nil {
			return false
		}
		left := 0
		for i := range snap.Hosts {
			h := &snap.Hosts[i]
			left += len(h.Sockets)
			for _, s := range h.Sockets {
				_ = lab.Host(h.Host).Destroy(s) // gone already, or seen again in the next round
			}
		}
		if left == 0 {
			return true
		}
	}
	return false
}

// Play plays a scenario in the model, with a mistake or with none, and on real
// sockets, and compares after every step. reach counts what the model came to;
// it may be nil.
func (r *Rig) Play(s scenario.Scenario, wrong linux.Mistake, reach *linux.Reach) Played {
	got := r.unhurried(&s, wrong, reach)
	if got.Difference != "" && !r.NoProbes && r.oneLab(&s, wrong) {
		got.Undecided = "the hash tables of this lab decide, and in others there is no difference: " + got.Difference
		got.Difference = ""
		got.May.OneLab++
	}
	return got
}

// oneLab reports whether a difference is in this lab only, every time, and not
// in fresh ones. Each network namespace hashes with a secret of its own, into
// tables of so many slots (netns sets net.ipv4.udp_child_hash_entries). Where
// two addresses, or two flows, fall into one slot, a socket that is hashed anew
// keeps its place, and one is found under a flow that it has no more
// (udp_lib_rehash, udp4_lib_lookup4).
func (r *Rig) oneLab(s *scenario.Scenario, wrong linux.Mistake) bool {
	if r.play(s, wrong, nil).Difference == "" {
		return false
	}
	for range freshLabs {
		r.drop(topologyKey(s))
		if fresh := r.unhurried(s, wrong, nil); !fresh.goOn() {
			return false
		}
	}
	return true
}

// freshLabs is how many other labs have to show no difference: which member of
// a SO_REUSEPORT group is picked differs from lab to lab, too.
const freshLabs = 8

// unhurried plays a scenario until it differs in nothing or no timer has fired
// meanwhile.
func (r *Rig) unhurried(s *scenario.Scenario, wrong linux.Mistake, reach *linux.Reach) Played {
	got := r.play(s, wrong, reach)
	for range stalls {
		if !got.late {
			return got
		}
		r.drop(topologyKey(s)) // a fresh one has counted nothing yet
		got = r.play(s, wrong, nil)
	}
	if got.late {
		got.Undecided = fmt.Sprintf("the machine stalls: %d times in a row a timer fired before the scenario was over: %s", stalls, got.Difference)
		got.Difference = ""
	}
	return got
}

// drop closes a lab; the next scenario of its topology gets a fresh one.
func (r *Rig) drop(key string) {
	if lab := r.labs[key]; lab != nil {
		delete(r.labs, key)
		lab.Close()
	}
}

func (r *Rig) play(s *scenario.Scenario, wrong linux.Mistake, reach *linux.Reach) Played {
	defer alone()()
	lab, key, err := r.lab(s)
	if err != nil {
		return Played{Broken: err}
	}
	p := newPlayer(lab, s, wrong, reach)
	defer func() {
		p.closeAll()
		r.clean(lab, key, p.changed)
	}()
	start := time.Now()
	p.play(s.Steps)
	if p.done.goOn() && !r.NoProbes {
		p.probe()
	}
	if p.done.goOn() {
		p.compareBounds()
	}
	if p.done.Difference != "" && time.Since(start) > patience {
		fired, err := timersFired(lab, s)
		p.done.late, p.done.Broken = fired > 0, err
	}
	return p.done
}

// alone lets one thread on one processor do all that follows, until its result
// is called: each step's effect is there when it returns, and a socket that
// scores for having received on a processor (sk_incoming_cpu) always does.
func alone() (over func()) {
	runtime.LockOSThread()
	var all, one unix.CPUSet
	pinned := unix.SchedGetaffinity(0, &all) == nil
	var cpu uint32
	if _, _, e := unix.RawSyscall(unix.SYS_GETCPU, uintptr(unsafe.Pointer(&cpu)), 0, 0); pinned && e == 0 {
		one.Set(int(cpu))
		pinned = unix.SchedSetaffinity(0, &one) == nil
	}
	return func() {
		if pinned {
			_ = unix.SchedSetaffinity(0, &all) // it was allowed before
		}
		runtime.UnlockOSThread()
	}
}

// player plays one scenario.
type player struct {
	lab     *netns.Lab
	models  []*linux.Ports // all that agree with the kernel so far
	reach   *linux.Reach
	family  map[string]scenario.Family
	host    map[string]string
	fds     map[string]int
	names   map[uint64]string // by inode
	changed bool              // the lab cannot be used again
	own     int               // how many steps the scenario has; those behind are probes
	done    Played
}

func newPlayer(lab *netns.Lab, s *scenario.Scenario, wrong linux.Mistake, reach *linux.Reach) *player {
	if reach == nil {
		reach = new(linux.Reach)
	}
	m := linux.NewPorts(s).Wrong(wrong)
	m.CountIn(reach)
	p := &player{lab: lab, reach: reach, models: []*linux.Ports{m}, fds: map[string]int{}, names: map[uint64]string{}, own: len(s.Steps),
		family: map[string]scenario.Family{}, host: map[string]string{}}
	return p
}

func (p *player) closeAll() {
	for _, fd := range p.fds {
		unix.Close(fd)
	}
}

func (p *player) play(steps []scenario.Step) {
	for i, st := range steps {
		p.done.At = i
		if p.step(st); !p.done.goOn() {
			return
		}
	}
}

// step plays a step in both worlds and compares.
func (p *player) step(st scenario.Step) {
	var before []*linux.Ports
	for _, m := range p.models {
		before = append(before, m.Clone())
	}
	p.done.played = append(p.done.played, st)
	got, err := p.do(st)
	if err != nil {
		p.done.Broken = err
		return
	}
	real, err := p.snapshot()
	if err != nil {
		p.done.Broken = err
		return
	}
	agree, first := p.ways(st, before, got, &real)
	if p.done.Undecided != "" {
		return
	}
	p.done.Steps++
	if len(agree) == 0 {
		p.differ(fmt.Sprintf("after step %d", len(p.done.played)), first)
		return
	}
	p.models = agree
	if len(agree) > maxModels {
		p.models = agree[:maxModels]
	}
}

// differ notes a difference: where it is, and what it is.
func (p *player) differ(where, what string) {
	steps := p.done.played
	p.done.Difference = fmt.Sprintf("%s:\n%s\n%s", where, marked(steps, len(steps)-1, p.own), what)
}

// ways plays the step in every model and in every way in which it can go, and
// returns those that agree with the kernel; difference is the first one's that
// does not.
func (p *player) ways(st scenario.Step, before []*linux.Ports, got linux.Errno, real *linux.Snapshot) (agree []*linux.Ports, difference string) {
	for i, m := range p.models {
		var refused, early bool
		n, went := 1, []int(nil)
		for choice := 0; choice < n; choice++ {
			var reach linux.Reach // of a way that the kernel may not have gone
			if choice > 0 {
				m = before[i].Clone()
				m.CountIn(&reach)
			}
			r := m.Apply(st, choice)
			if r.Undecided != "" {
				p.done.Undecided = r.Undecided
				return nil, ""
			}
			if choice == 0 {
				n, refused, early = r.Branches, r.Errno == linux.ECONNREFUSED, r.Early
			}
			if diff := p.compare(st, m, r.Errno, got, real); diff != "" {
				difference = cmp.Or(difference, diff)
				continue
			}
			agree, went = append(agree, m), append(went, choice)
			if choice > 0 {
				p.reach.Add(&reach)
				m.CountIn(p.reach)
			}
		}
		if n > 1 && len(went) == 1 {
			p.done.May.way(went[0], refused, early)
		}
	}
	return agree, difference
}

// snapshot reads the kernel's sockets. Where a TCP socket is closed in it the
// dump was torn: closed ones are in no table, so that one was on its way out,
// by a delayed acknowledgement's timer on another processor, between the
// moment it was found and the moment it was read (inet_diag_dump_icsk).
func (p *player) snapshot() (linux.Snapshot, error) {
	for range 10 {
		snap, err := p.lab.Raw()
		if err != nil {
			return snap, err
		}
		if !torn(&snap) {
			p.done.May.count(&snap)
			p.canonical(&snap)
			return snap, nil
		}
	}
	return linux.Snapshot{}, errors.New("kernel: ten dumps of the sockets were torn")
}

func torn(s *linux.Snapshot) bool {
	for i := range s.Hosts {
		for _, o := range s.Hosts[i].Sockets {
			if o.Carrier == sip.CarrierTCP && o.State == linux.StateClose {
				return true
			}
		}
	}
	return false
}

// maxModels bounds how many histories are kept that the kernel's sockets
// cannot tell apart.
const maxModels = 16

func stepText(st scenario.Step) string {
	text := scenario.Format(scenario.Scenario{Steps: []scenario.Step{st}})
	return text[1 : len(text)-1]
}
