package trial

import (
	"os"
	"runtime"
	"sync"

	"echod/lab/inject/client"
	"echod/lab/inject/lab"
	"echod/lab/inject/plan"
)

// CountCalls returns how often target makes each system call while its trials see it and
// no call fails. The caller must have called runtime.LockOSThread.
func (e *Env) CountCalls(target plan.Target) (map[string]int, error) {
	dir, err := os.MkdirTemp(e.Dir, "calls-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &runner{env: e, target: target, dir: dir}
	if r.p, err = e.launch(target, dir); err != nil {
		return nil, err
	}
	defer r.p.Kill()
	if target.Phase != plan.Starting {
		if err := r.p.listening(); err != nil {
			return nil, err
		}
		r.checkNewClient(target.Focus, startTimeout)
		if _, err := r.startConversations(); err != nil {
			return nil, err
		}
	}
	if r.tracer, err = lab.Attach(r.p.Process, dir, "all", "", nil); err != nil {
		return nil, err
	}
	switch target.Phase {
	case plan.Starting:
		if err := r.p.Continue(); err != nil {
			return nil, err
		}
		err = r.p.listening()
	case plan.Draining:
		r.terminate()
	default:
		r.talkOnce()
	}
	if detachErr := r.tracer.Detach(); err == nil {
		err = detachErr
	}
	if err != nil {
		return nil, err
	}
	return r.tracer.Names()
}

// talkOnce talks to the program as a trial does, and finishes every conversation.
func (r *runner) talkOnce() {
	if r.target.Focus == plan.Probes {
		r.measureOnce(2 * idleWindow)
		return
	}
	r.round(0)
	var all sync.WaitGroup
	for _, t := range r.conversations {
		all.Go(func() {
			if t.last.Result == client.Done {
				t.last = t.Finish(answerTimeout)
			}
			t.Close()
		})
	}
	all.Wait()
	r.stableDescriptorCount()
}

// OnLockedThread runs f on its own thread. The commands that f starts end with the thread.
func OnLockedThread(f func()) {
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // not unlocked, so the thread ends with f
		f()
	})
	done.Wait()
}
