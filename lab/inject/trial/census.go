package trial

import (
	"os"
	"runtime"
	"sync"

	"echod/lab/inject/client"
	"echod/lab/inject/lab"
	"echod/lab/inject/plan"
)

// Census returns how often each system call is made in target, as its trials see
// it, while none is made to fail. The caller must hold its thread.
func (s *Site) Census(target plan.Target) (map[string]int, error) {
	dir, err := os.MkdirTemp(s.Dir, "census-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	k := &course{site: s, target: target, dir: dir}
	if k.p, err = s.launch(target, dir); err != nil {
		return nil, err
	}
	defer k.p.Kill()
	if target.Phase != plan.Starting {
		if err := k.p.listening(); err != nil {
			return nil, err
		}
		k.fresh(target.Focus, startLimit)
		if _, err := k.hold(); err != nil {
			return nil, err
		}
	}
	if k.tracer, err = lab.Attach(k.p.Process, dir, "all", "", nil); err != nil {
		return nil, err
	}
	switch target.Phase {
	case plan.Starting:
		if err := k.p.Continue(); err != nil {
			return nil, err
		}
		err = k.p.listening()
	case plan.Draining:
		k.terminate()
	default:
		k.visit()
	}
	if gone := k.tracer.Detach(); err == nil {
		err = gone
	}
	if err != nil {
		return nil, err
	}
	return k.tracer.Names()
}

// visit talks to the program as a trial does, to the end of every conversation.
func (k *course) visit() {
	if k.target.Focus == plan.Probes {
		k.watch(2 * idleTime)
		return
	}
	k.round(0)
	var all sync.WaitGroup
	for _, t := range k.talks {
		all.Go(func() {
			if t.last.Result == client.Done {
				t.last = t.Finish(patience)
			}
			t.Close()
		})
	}
	all.Wait()
	k.settled()
}

// Held runs f on a thread of its own, which is what f's commands live as long as.
func Held(f func()) {
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with f
		f()
	})
	done.Wait()
}
