package peer

import (
	"sort"
	"time"
)

// timer is something to do again until it is done.
type timer struct {
	at    time.Time
	every time.Duration
	do    func() (again bool)
}

// after does f once the delay is over, and again with doubled delay (T1 to T2
// of RFC 3261 17.1.1.1) as long as f says so.
func (w *World) after(delay time.Duration, f func() bool) {
	w.timers = append(w.timers, timer{at: time.Now().Add(delay), every: delay, do: f})
	w.sortTimers()
}

func (w *World) sortTimers() {
	sort.SliceStable(w.timers, func(i, j int) bool { return w.timers[i].at.Before(w.timers[j].at) })
}

func (w *World) fire() {
	for len(w.timers) > 0 && !time.Now().Before(w.timers[0].at) {
		t := w.timers[0]
		w.timers = w.timers[1:]
		if t.do() {
			t.every = min(2*t.every, 4*time.Second)
			t.at = time.Now().Add(t.every)
			w.timers = append(w.timers, t)
		}
		w.sortTimers()
	}
}
