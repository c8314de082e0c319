package trial

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"echod/lab/inject/client"
	"echod/lab/inject/lab"
)

// drain makes calls fail after SIGTERM. Conversations may be reset but must not end
// early, and the program must end.
func (r *runner) drain() error {
	if err := r.attach(); err != nil {
		return r.ignoreIfEnded(err)
	}
	began, lines := time.Now(), r.p.LineCount()
	r.terminate()
	r.o.LogLines, r.o.LogSecond = r.p.LineCount()-lines, time.Since(began).Seconds()
	err := r.detach()
	for _, t := range r.conversations {
		r.record(t.kind, t.last)
	}
	r.o.DescriptorsBefore = 0
	if !r.p.Ended() {
		r.o.DrainHung = true
		return err
	}
	if code, text := r.p.Exit(); code != 0 {
		r.o.DrainExit = text
	}
	return nil
}

// terminate sends SIGTERM during conversations, ends them, and waits until the program
// has ended.
func (r *runner) terminate() {
	syscall.Kill(r.p.PID, syscall.SIGTERM)
	if r.target.Verb == "agent" {
		lab.Until(shortTimeout, r.p.Ended) // otherwise a scenario could end before the signal arrives
	}
	var all sync.WaitGroup
	for _, t := range r.conversations {
		all.Go(func() {
			// An agent does not wait for clients. Bytes sent now would turn its close into
			// a reset.
			if r.target.Verb != "agent" {
				t.last = t.Step(answerTimeout)
			}
			if t.last.Result == client.Done {
				t.last = t.Finish(answerTimeout)
			}
			t.Close()
		})
	}
	all.Wait()
	began := time.Now()
	lab.Until(r.env.RecoveryTimeout, r.p.Ended)
	waiting := func(t *conversation) bool { return t.last.Result == client.Waiting }
	if !slices.ContainsFunc(r.conversations, waiting) {
		r.o.IdleDrain = time.Since(began)
	}
}

// start makes calls fail from the execution of the program. The start may fail. If it
// does not, the program must work normally when no call fails any more.
func (r *runner) start() error {
	var err error
	if r.tracer, err = lab.Attach(r.p.Process, r.dir, r.c.Call, r.c.Expression(), nil); err != nil {
		return err
	}
	if err := r.p.Continue(); err != nil {
		return err
	}
	began := time.Now()
	listens := r.p.listening()
	r.o.LogLines, r.o.LogSecond = r.p.LineCount(), time.Since(began).Seconds()
	err = r.detach()
	if r.p.Ended() {
		r.o.StartCode, _ = r.p.Exit()
		r.o.StartLines = errorLines(r.p.Lines())
		r.o.NotFound = r.c.Call == "openat" && r.c.Errno == "ENOENT"
		if r.o.StartCode == 0 {
			r.o.Ended = "exit code 0 without listening"
		}
		_, left := os.Lstat(filepath.Join(r.dir, "echo.sock"))
		r.o.FileLeft = left == nil
		return nil
	}
	if err != nil {
		return err
	}
	if listens != nil {
		r.o.StartHung = true
		return nil
	}
	if r.p.at == nil {
		return errors.New("no address in the log")
	}
	return r.checkRecovery()
}

// errorLines returns the lines that are neither log lines nor hints. The second and later
// lines of a folded hint are indented.
func errorLines(lines []string) []string {
	var all []string
	hint := false
	for _, line := range lines {
		hint = strings.HasPrefix(line, "echod: hint: ") || hint && strings.HasPrefix(line, "  ")
		if !hint && !logLine.MatchString(line) {
			all = append(all, line)
		}
	}
	return all
}
