package kernel

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/greka-sip/greka/model"
	"github.com/greka-sip/greka/netns"
)

// Rig plays scenarios of socket steps, one after another, in labs that it
// keeps. It belongs to one goroutine. The zero value is not ready: NewRig.
type Rig struct {
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
func (r *Rig) lab(s *model.Scenario) (*netns.Lab, string, error) {
	key := model.Format(model.Scenario{Nets: s.Nets, Hosts: s.Hosts})
	if lab := r.labs[key]; lab != nil {
		return lab, key, nil
	}
	lab, err := netns.New(s)
	if err != nil {
		return nil, key, err
	}
	if err := lab.AnswerAll(); err != nil {
		lab.Close()
		return nil, key, err
	}
	r.labs[key] = lab
	return lab, key, nil
}

// clean ends every socket that is left in a lab: TIME-WAIT, and connections
// that were closed and not over. A lab that cannot be brought back to what it
// was is thrown away.
func (r *Rig) clean(lab *netns.Lab, key string, changed bool) {
	if !changed && emptied(lab) {
		return
	}
	delete(r.labs, key)
	lab.Close()
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

// Played is what came of playing a scenario.
type Played struct {
	Steps  int // steps played and compared, probes too
	Probes int // of these, probes after the last step
	// Difference tells where the model and the kernel disagree, "" if nowhere.
	Difference string
	At         int // index of the step with the difference
	// Undecided is why the scenario was not played to its end, "" if it was.
	Undecided string
	// Broken is trouble of the harness; nothing else is meant then.
	Broken error
}

// Play plays a scenario in the model, with a mistake or with none, and on real
// sockets, and compares after every step. reach counts what the model came to;
// it may be nil.
func (r *Rig) Play(s model.Scenario, wrong model.Mistake, reach *model.Reach) Played {
	runtime.LockOSThread() // one thread does it all: each step's effect is there when it returns
	defer runtime.UnlockOSThread()
	lab, key, err := r.lab(&s)
	if err != nil {
		return Played{Broken: err}
	}
	p := newPlayer(lab, &s, wrong, reach)
	defer func() {
		p.closeAll()
		r.clean(lab, key, p.changed)
	}()
	p.play(s.Steps)
	if p.done.goOn() {
		p.probe()
	}
	if p.done.goOn() {
		p.compareBounds()
	}
	return p.done
}

func (d *Played) goOn() bool { return d.Difference == "" && d.Undecided == "" && d.Broken == nil }

// player plays one scenario.
type player struct {
	lab     *netns.Lab
	models  []*model.Ports // all that agree with the kernel so far
	split   bool           // a SO_REUSEPORT group may make several of them
	family  map[string]model.Family
	host    map[string]string
	fds     map[string]int
	names   map[uint64]string // by inode
	changed bool              // the lab cannot be used again
	done    Played
}

func newPlayer(lab *netns.Lab, s *model.Scenario, wrong model.Mistake, reach *model.Reach) *player {
	m := model.NewPorts(s).Wrong(wrong)
	if reach != nil {
		m.CountIn(reach)
	}
	p := &player{lab: lab, models: []*model.Ports{m}, fds: map[string]int{}, names: map[uint64]string{},
		family: map[string]model.Family{}, host: map[string]string{}}
	for _, st := range s.Steps {
		if o, ok := st.(model.SetOption); ok && o.Option == model.OptionReusePort {
			p.split = true
		}
	}
	return p
}

func (p *player) closeAll() {
	for _, fd := range p.fds {
		unix.Close(fd)
	}
}

func (p *player) play(steps []model.Step) {
	for i, st := range steps {
		p.done.At = i
		if p.step(st); !p.done.goOn() {
			return
		}
	}
}

// step plays a step in both worlds and compares.
func (p *player) step(st model.Step) {
	before := p.models
	if p.split {
		before = nil
		for _, m := range p.models {
			before = append(before, m.Clone())
		}
	}
	got, err := p.do(st)
	if err != nil {
		p.done.Broken = err
		return
	}
	real, err := p.lab.Raw()
	if err != nil {
		p.done.Broken = err
		return
	}
	p.canonical(&real)
	var agree []*model.Ports
	first := ""
	for i, m := range p.models {
		n := 1
		for choice := 0; choice < n; choice++ {
			if choice > 0 {
				m = before[i].Clone()
			}
			r := m.Apply(st, choice)
			if r.Undecided != "" {
				p.done.Undecided = r.Undecided
				return
			}
			n = r.Branches
			diff := p.compare(m, r.Errno, got, &real)
			if diff == "" {
				agree = append(agree, m)
			} else if first == "" {
				first = diff
			}
		}
	}
	p.done.Steps++
	if len(agree) == 0 {
		p.done.Difference = fmt.Sprintf("after step %d (%s):\n%s", p.done.At+1, stepText(st), first)
		return
	}
	p.models = agree
	if len(agree) > maxModels {
		p.models = agree[:maxModels]
	}
}

// maxModels bounds how many histories are kept that the kernel's sockets
// cannot tell apart.
const maxModels = 16

func stepText(st model.Step) string {
	text := model.Format(model.Scenario{Steps: []model.Step{st}})
	return text[1 : len(text)-1]
}
