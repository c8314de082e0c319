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

// drain makes calls fail from SIGTERM on. Conversations may be reset, but not end
// too early, and the program ends by itself.
func (k *course) drain() error {
	if err := k.attach(); err != nil {
		return k.excused(err)
	}
	began, lines := time.Now(), k.p.LineCount()
	k.terminate()
	k.o.LogLines, k.o.LogSecond = k.p.LineCount()-lines, time.Since(began).Seconds()
	err := k.detach()
	for _, t := range k.talks {
		k.note(t.kind, t.last)
	}
	k.o.DescriptorsBefore = 0
	if !k.p.Ended() {
		k.o.DrainHung = true
		return err
	}
	if code, text := k.p.Exit(); code != 0 {
		k.o.DrainExit = text
	}
	return nil
}

// terminate sends SIGTERM while conversations go on, ends those, and waits until
// the program has ended, too.
func (k *course) terminate() {
	syscall.Kill(k.p.PID, syscall.SIGTERM)
	if k.target.Verb == "agent" {
		lab.Until(pause, k.p.Ended) // else a scenario could be over before the signal comes
	}
	var all sync.WaitGroup
	for _, t := range k.talks {
		all.Go(func() {
			// An agent waits for nobody, and what it is sent by then would only make
			// a reset of its close.
			if k.target.Verb != "agent" {
				t.last = t.Step(patience)
			}
			if t.last.Result == client.Done {
				t.last = t.Finish(patience)
			}
			t.Close()
		})
	}
	all.Wait()
	began := time.Now()
	lab.Until(k.site.Relief, k.p.Ended)
	waiting := func(t *talk) bool { return t.last.Result == client.Waiting }
	if !slices.ContainsFunc(k.talks, waiting) {
		k.o.DrainAlone = time.Since(began)
	}
}

// start makes calls fail from the first one of the program on. It may fail, or
// listen; in that case all must be well once no call fails any more.
func (k *course) start() error {
	var err error
	if k.tracer, err = lab.Attach(k.p.Process, k.dir, k.c.Call, k.c.Expression(), nil); err != nil {
		return err
	}
	if err := k.p.Continue(); err != nil {
		return err
	}
	began := time.Now()
	listens := k.p.listening()
	k.o.LogLines, k.o.LogSecond = k.p.LineCount(), time.Since(began).Seconds()
	err = k.detach()
	if k.p.Ended() {
		k.o.StartCode, _ = k.p.Exit()
		k.o.StartLines = complaints(k.p.Lines())
		k.o.NotFound = k.c.Call == "openat" && k.c.Errno == "ENOENT"
		if k.o.StartCode == 0 {
			k.o.Ended = "exit code 0, without having listened"
		}
		_, left := os.Lstat(filepath.Join(k.dir, "echo.sock"))
		k.o.FileLeft = left == nil
		return nil
	}
	if err != nil {
		return err
	}
	if listens != nil {
		k.o.StartHung = true
		return nil
	}
	if k.p.at == nil {
		return errors.New("no address was announced")
	}
	return k.afterwards()
}

// complaints are the lines that are neither the log's nor a hint.
func complaints(lines []string) []string {
	var all []string
	for _, line := range lines {
		if !logged.MatchString(line) && !strings.HasPrefix(line, "echod: hint: ") {
			all = append(all, line)
		}
	}
	return all
}
