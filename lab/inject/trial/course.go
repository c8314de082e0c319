package trial

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"echod/lab/inject/lab"
	"echod/lab/inject/plan"
)

// The waits of a trial. Those that end in a verdict are long; those that only say
// when to go on to the next thing are short.
const (
	pause     = 250 * time.Millisecond // for an answer, while calls fail
	idleTime  = 500 * time.Millisecond
	afterTime = 250 * time.Millisecond
	patience  = time.Second      // for one answer, when no call fails
	endLimit  = 10 * time.Second // for the end of a process that is taken to have ended
)

// course is one trial under way.
type course struct {
	site   *Site
	target plan.Target
	c      plan.Case
	dir    string
	p      *program
	tracer *lab.Tracer
	talks  []*talk
	cut    bool // strace detached in the middle of a call
	o      Observation
}

// How often a case is tried: until it is known whether strace was at fault, and
// until a promise about time was broken so often that it was no chance.
const (
	maxTorn = 5
	maxLate = 3
)

// Run carries out one case. The error is about the trial, not about echod. The
// caller must hold its thread (runtime.LockOSThread).
func (s *Site) Run(target plan.Target, c plan.Case) (o Observation, err error) {
	var unsteady []Finding
	for cuts, lates := 0, 0; cuts < maxTorn; {
		var torn bool
		if o, torn, err = s.run(target, c); err != nil {
			return o, err
		}
		switch findings := Judge(o); {
		case torn && len(findings) > 0:
			cuts++
		case onlyTimed(findings) && lates+1 < maxLate:
			lates++
			unsteady = findings
		case len(findings) == 0:
			o.Unsteady = unsteady
			return o, nil
		default:
			return o, nil
		}
	}
	return o, fmt.Errorf("strace detached in the middle of a call, %d times", maxTorn)
}

func (s *Site) run(target plan.Target, c plan.Case) (o Observation, torn bool, err error) {
	dir, err := os.MkdirTemp(s.Dir, "trial-")
	if err != nil {
		return o, false, err
	}
	defer os.RemoveAll(dir)
	k := &course{site: s, target: target, c: c, dir: dir}
	if k.p, err = s.launch(target, dir); err != nil {
		return o, false, err
	}
	defer k.p.Kill()
	defer func() {
		for _, t := range k.talks {
			t.Close()
		}
	}()
	switch target.Phase {
	case plan.Starting:
		err = k.start()
	case plan.Draining:
		err = k.drain()
	default:
		err = k.serve()
	}
	lines := k.p.Lines()
	k.o.Crashed = crash(lines)
	if len(lines) > 0 {
		k.o.Last = lines[len(lines)-1]
	}
	return k.o, k.torn(), err
}

// attach waits until the program serves, begins conversations and has calls fail.
func (k *course) attach() error {
	if err := k.p.listening(); err != nil {
		return err
	}
	for _, kind := range k.target.Serves() {
		if text := k.fresh(kind, startLimit); text != "" {
			return fmt.Errorf("%s is not served before any call fails: %s", kind, text)
		}
	}
	k.o.DescriptorsBefore = k.settled()
	links, err := k.hold()
	if err != nil {
		return err
	}
	k.tracer, err = lab.Attach(k.p.Process, k.dir, k.c.Call, k.c.Expression(), links)
	return err
}

// serve makes calls fail while the program serves.
func (k *course) serve() error {
	if err := k.attach(); err != nil {
		return k.excused(err)
	}
	began, lines := time.Now(), k.p.LineCount()
	k.during()
	if k.c.When == plan.Always {
		k.o.Idle = k.calmest(idleTime)
	}
	k.o.LogLines, k.o.LogSecond = k.p.LineCount()-lines, time.Since(began).Seconds()
	err := k.detach()
	if err != nil {
		return k.excused(err)
	}
	return k.afterwards()
}

// detach ends the failing.
func (k *course) detach() error {
	err := k.tracer.Detach()
	_, k.o.Injected = k.tracer.Counts()
	k.cut = k.tracer.Cut()
	return err
}

// excused is no error if the program has ended: then nothing else can be done
// with it, and that is what was observed.
func (k *course) excused(err error) error {
	if lab.Until(endLimit, k.p.Ended) {
		_, k.o.Ended = k.p.Exit()
		return nil
	}
	return err
}

// settled waits for the descriptors of clients that are gone to be closed, and
// returns how many are open.
func (k *course) settled() int {
	last, since := -1, time.Now()
	lab.Until(patience, func() bool {
		if n := k.p.DescriptorCount(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 50*time.Millisecond
	})
	return last
}

// calmest is the first of three windows in which the process does not spin, or the
// last. One that spins does so in each; one that is late with something does not.
func (k *course) calmest(span time.Duration) Window {
	w := k.watch(span)
	for range 2 {
		if !spins(w) {
			break
		}
		w = k.watch(span)
	}
	return w
}

// watch lets time pass in which nobody sends.
func (k *course) watch(span time.Duration) Window {
	start, cpu := time.Now(), k.p.CPU()
	calls := 0
	if k.tracer != nil {
		calls, _ = k.tracer.Counts()
	}
	var w Window
	lab.Until(span, func() bool {
		w.Looks++
		if k.p.Runnable() {
			w.Ready++
		}
		return k.p.Ended()
	})
	w.Took, w.CPU = time.Since(start), k.p.CPU()-cpu
	if k.tracer != nil {
		now, _ := k.tracer.Counts()
		w.Calls = now - calls
	}
	return w
}

// afterwards sees whether all is well again.
func (k *course) afterwards() error {
	k.tracer = nil
	for _, kind := range k.target.Serves() {
		if k.p.Ended() {
			break
		}
		if text := k.fresh(kind, k.site.Relief); text != "" {
			k.o.Unserved = append(k.o.Unserved, fmt.Sprintf("%s: %s", kind, text))
		}
	}
	k.settle()
	if k.p.Ended() {
		_, k.o.Ended = k.p.Exit()
		return nil
	}
	lab.Until(k.site.Relief, func() bool {
		k.o.DescriptorsAfter = k.p.DescriptorCount()
		return k.o.DescriptorsAfter <= k.o.DescriptorsBefore || k.o.DescriptorsBefore == 0
	})
	if k.o.DescriptorsBefore == 0 {
		k.o.DescriptorsAfter = 0 // nobody knows what it should be after such a start
	}
	k.o.After = k.calmest(afterTime)
	if !k.p.Signal(syscall.SIGTERM, k.site.Relief) {
		k.o.DrainHung = true
		return nil
	}
	if code, text := k.p.Exit(); code != 0 {
		k.o.DrainExit = text
	}
	_, err := os.Lstat(filepath.Join(k.dir, "echo.sock"))
	k.o.FileLeft = err == nil
	return nil
}
