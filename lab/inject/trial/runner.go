// Package trial runs one case: it starts a program, makes its system calls fail while
// clients talk to it, and compares the result with the promises in docs/promises.md.
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

// Timeouts that decide a verdict are long. The others are short.
const (
	shortTimeout    = 250 * time.Millisecond // for an answer while calls fail
	idleWindow      = 500 * time.Millisecond
	recoveredWindow = 250 * time.Millisecond
	answerTimeout   = time.Second      // for an answer while no call fails
	exitTimeout     = 10 * time.Second // for the exit of a process that has probably ended
)

// runner runs one trial.
type runner struct {
	env           *Env
	target        plan.Target
	c             plan.Case
	dir           string
	p             *program
	tracer        *lab.Tracer
	conversations []*conversation
	cut           bool // strace detached in the middle of a call
	o             Observation
}

// maxENOSYS is how often a case is repeated if strace may have injected ENOSYS.
// maxTimedRetries is how often it is run if only promises about time are broken, which a
// busy machine can cause.
const (
	maxENOSYS       = 5
	maxTimedRetries = 3
)

// Run runs one case. The error is an error of the trial, not of echod. The caller must
// have called runtime.LockOSThread.
func (e *Env) Run(target plan.Target, c plan.Case) (o Observation, err error) {
	var unsteady []Finding
	for cuts, lates := 0, 0; cuts < maxENOSYS; {
		var torn bool
		if o, torn, err = e.run(target, c); err != nil {
			return o, err
		}
		switch findings := Judge(o); {
		case torn && len(findings) > 0:
			cuts++
		case onlyTimed(findings) && lates+1 < maxTimedRetries:
			lates++
			unsteady = findings
		case len(findings) == 0:
			o.Unsteady = unsteady
			return o, nil
		default:
			return o, nil
		}
	}
	return o, fmt.Errorf("strace detached in the middle of a call %d times", maxENOSYS)
}

func (e *Env) run(target plan.Target, c plan.Case) (o Observation, torn bool, err error) {
	dir, err := os.MkdirTemp(e.Dir, "trial-")
	if err != nil {
		return o, false, err
	}
	defer os.RemoveAll(dir)
	r := &runner{env: e, target: target, c: c, dir: dir}
	if r.p, err = e.launch(target, dir); err != nil {
		return o, false, err
	}
	defer r.p.Kill()
	defer func() {
		for _, t := range r.conversations {
			t.Close()
		}
	}()
	switch target.Phase {
	case plan.Starting:
		err = r.start()
	case plan.Draining:
		err = r.drain()
	default:
		err = r.serve()
	}
	lines := r.p.Lines()
	r.o.Crashed = crashLines(lines)
	if len(lines) > 0 {
		r.o.Last = lines[len(lines)-1]
	}
	return r.o, r.mayHaveInjectedENOSYS(), err
}

// attach waits until the program serves, starts conversations and makes calls fail.
func (r *runner) attach() error {
	if err := r.p.listening(); err != nil {
		return err
	}
	for _, kind := range r.target.Serves() {
		if text := r.checkNewClient(kind, startTimeout); text != "" {
			return fmt.Errorf("%s is not served before the first failure: %s", kind, text)
		}
	}
	r.o.DescriptorsBefore = r.stableDescriptorCount()
	links, err := r.startConversations()
	if err != nil {
		return err
	}
	r.tracer, err = lab.Attach(r.p.Process, r.dir, r.c.Call, r.c.Expression(), links)
	return err
}

// serve makes calls fail while the program serves.
func (r *runner) serve() error {
	if err := r.attach(); err != nil {
		return r.ignoreIfEnded(err)
	}
	began, lines := time.Now(), r.p.LineCount()
	r.talkWhileFailing()
	if r.c.When == plan.Always {
		r.o.Idle = r.measureIdle(idleWindow)
	}
	r.o.LogLines, r.o.LogSecond = r.p.LineCount()-lines, time.Since(began).Seconds()
	err := r.detach()
	if err != nil {
		return r.ignoreIfEnded(err)
	}
	return r.checkRecovery()
}

// detach stops the failures.
func (r *runner) detach() error {
	err := r.tracer.Detach()
	_, r.o.Injected = r.tracer.Counts()
	r.cut = r.tracer.Cut()
	return err
}

// ignoreIfEnded returns nil if the program has ended. Then its exit is the observation.
func (r *runner) ignoreIfEnded(err error) error {
	if lab.Until(exitTimeout, r.p.Ended) {
		_, r.o.Ended = r.p.Exit()
		return nil
	}
	return err
}

// stableDescriptorCount returns the number of open descriptors, after the program has
// closed those of clients that left.
func (r *runner) stableDescriptorCount() int {
	last, since := -1, time.Now()
	lab.Until(answerTimeout, func() bool {
		if n := r.p.DescriptorCount(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 50*time.Millisecond
	})
	return last
}

// measureIdle measures up to three windows, until one is not busy, and returns the last. A
// process with a busy loop is busy in each; a process that is only late is not.
func (r *runner) measureIdle(span time.Duration) Window {
	w := r.measureOnce(span)
	for range 2 {
		if !isBusy(w) {
			break
		}
		w = r.measureOnce(span)
	}
	return w
}

// measureOnce measures a window in which no client sends.
func (r *runner) measureOnce(span time.Duration) Window {
	start, cpu := time.Now(), r.p.CPU()
	calls := 0
	if r.tracer != nil {
		calls, _ = r.tracer.Counts()
	}
	var w Window
	lab.Until(span, func() bool {
		w.Samples++
		if r.p.Runnable() {
			w.Runnable++
		}
		return r.p.Ended()
	})
	w.Took, w.CPU = time.Since(start), r.p.CPU()-cpu
	if r.tracer != nil {
		now, _ := r.tracer.Counts()
		w.Calls = now - calls
	}
	return w
}

// checkRecovery checks that the program works normally again, and then drains it.
func (r *runner) checkRecovery() error {
	r.tracer = nil
	for _, kind := range r.target.Serves() {
		if r.p.Ended() {
			break
		}
		if text := r.checkNewClient(kind, r.env.RecoveryTimeout); text != "" {
			r.o.Unserved = append(r.o.Unserved, fmt.Sprintf("%s: %s", kind, text))
		}
	}
	r.finishConversations()
	if r.p.Ended() {
		_, r.o.Ended = r.p.Exit()
		return nil
	}
	lab.Until(r.env.RecoveryTimeout, func() bool {
		r.o.DescriptorsAfter = r.p.DescriptorCount()
		return r.o.DescriptorsAfter <= r.o.DescriptorsBefore || r.o.DescriptorsBefore == 0
	})
	if r.o.DescriptorsBefore == 0 {
		r.o.DescriptorsAfter = 0 // the number before is not known after a start
	}
	r.o.After = r.measureIdle(recoveredWindow)
	if !r.p.Signal(syscall.SIGTERM, r.env.RecoveryTimeout) {
		r.o.DrainHung = true
		return nil
	}
	if code, text := r.p.Exit(); code != 0 {
		r.o.DrainExit = text
	}
	_, err := os.Lstat(filepath.Join(r.dir, "echo.sock"))
	r.o.FileLeft = err == nil
	return nil
}
