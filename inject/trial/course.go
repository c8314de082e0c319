package trial

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"echod/inject/client"
	"echod/inject/lab"
	"echod/inject/plan"
)

// The waits of a trial. Those that end in a verdict are long; those that only say
// when to go on to the next thing are short.
const (
	pause     = 250 * time.Millisecond // for an answer, while calls fail
	idleTime  = 500 * time.Millisecond
	afterTime = 250 * time.Millisecond
	patience  = time.Second // for one answer, when no call fails
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

// talk is a conversation, and what came of it last.
type talk struct {
	kind plan.Kind
	client.Session
	last client.Outcome
}

// Run carries out one case. The error is about the trial, not about echod. The
// caller must hold its thread (runtime.LockOSThread).
func (s *Site) Run(target plan.Target, c plan.Case) (o Observation, err error) {
	const tries = 5
	for range tries {
		var torn bool
		if o, torn, err = s.run(target, c); err != nil || !torn || len(Judge(o)) == 0 {
			return o, err
		}
	}
	return o, fmt.Errorf("strace detached in the middle of a call, %d times", tries)
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
	k.o.Crashed = crash(k.p.Lines())
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
		k.o.Idle = k.watch(idleTime)
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
	if lab.Until(patience, k.p.Ended) {
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

// held is how many conversations are open when the injection begins.
const held = 3

// hold begins conversations that go on through the injection, and returns the
// descriptors on which calls are to fail, none if on all.
func (k *course) hold() ([]string, error) {
	before := k.p.Descriptors()
	if k.target.Focus != plan.Probes && k.target.Focus != plan.Key {
		for range held {
			session, err := k.p.dial(k.target.Focus, patience)
			if err != nil {
				return nil, err
			}
			t := &talk{kind: k.target.Focus, Session: session}
			k.talks = append(k.talks, t)
			// The agent says nothing because of the first message, so descriptors
			// are counted below, not here.
			if t.last = session.Step(startLimit); t.last.Result != client.Done {
				return nil, fmt.Errorf("a held conversation: %s", t.last)
			}
		}
	}
	switch k.scope() {
	case plan.Log:
		link, err := k.p.Link(2)
		return []string{link}, err
	case plan.Streams:
		return k.streams(before)
	}
	return nil, nil
}

// scope is where the case's call fails.
func (k *course) scope() plan.Scope {
	for _, use := range k.target.Calls {
		if use.Call == k.c.Call {
			return use.Scope
		}
	}
	return plan.Any
}

// streams returns the program's sockets that were not open before; of watch, all
// that are no listener.
func (k *course) streams(before map[string]int) ([]string, error) {
	if k.target.Focus == plan.Probes {
		before = make(map[string]int)
		listener, err := lab.ListenerAt(k.p.at[plan.Admin].(*net.TCPAddr))
		if err != nil {
			return nil, err
		}
		before[listener] = 1
	}
	var links []string
	lab.Until(startLimit, func() bool {
		links = nil
		for link := range k.p.Descriptors() {
			if before[link] == 0 && strings.HasPrefix(link, "socket:") {
				links = append(links, link)
			}
		}
		return len(links) >= held
	})
	if len(links) < held {
		return nil, fmt.Errorf("found %d sockets of conversations, want %d", len(links), held)
	}
	return links, nil
}

// during talks to the program until calls have failed often enough.
func (k *course) during() {
	least, most := 1, 6
	switch k.c.When {
	case plan.Always:
		least = 2
	case plan.Tenth:
		most = 12
	}
	for round := 0; round < most && !k.p.Ended(); round++ {
		if k.target.Focus == plan.Probes {
			lab.Until(pause, k.p.Ended)
		} else {
			k.round(round)
		}
		if _, injected := k.tracer.Counts(); injected > 0 && round+1 >= least {
			return
		}
	}
}

// crowd is how many conversations a round begins if the tenth call of a thread is
// to fail: some calls are made once for each.
const crowd = 6

// round sends some messages in every conversation that goes on, and begins others.
func (k *course) round(number int) {
	var all sync.WaitGroup
	for i, t := range k.talks[:min(held, len(k.talks))] {
		all.Go(func() {
			for step := 0; step < 4 && t.last.Result == client.Done; step++ {
				t.last = t.Step(pause)
			}
			// An agent sends bytes only in the end.
			if k.target.Focus == plan.Scenario && i == number && t.last.Result == client.Done {
				t.last = t.Finish(pause)
			}
		})
	}
	begun := make([]*talk, 1)
	if k.c.When == plan.Tenth {
		begun = make([]*talk, crowd)
	}
	for i := range begun {
		all.Go(func() { begun[i] = k.begin() })
	}
	all.Wait()
	for _, t := range begun {
		if t != nil {
			k.talks = append(k.talks, t)
		}
	}
}

// begin has a new client send and receive. It returns the conversation if that has
// not come to its end.
func (k *course) begin() *talk {
	session, err := k.p.dial(k.target.Focus, pause)
	if err != nil {
		return nil
	}
	t := &talk{kind: k.target.Focus, Session: session}
	if t.last = session.Step(pause); t.last.Result != client.Done {
		return t
	}
	if t.last = session.Finish(pause); t.last.Result != client.Done {
		return t
	}
	session.Close()
	return nil
}

// watch lets time pass in which nobody sends.
func (k *course) watch(span time.Duration) Window {
	start, cpu := time.Now(), k.p.CPU()
	calls := 0
	if k.tracer != nil {
		calls, _ = k.tracer.Counts()
	}
	lab.Until(span, k.p.Ended)
	w := Window{Took: time.Since(start), CPU: k.p.CPU() - cpu}
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
	k.o.After = k.watch(afterTime)
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

// fresh has a new client of that kind try until all that it sends has come back
// and ended in order. The text says why it did not.
func (k *course) fresh(kind plan.Kind, limit time.Duration) string {
	var last client.Outcome
	well := lab.Until(limit, func() bool {
		if k.p.Ended() {
			return true // which is for others to judge
		}
		session, err := k.p.dial(kind, patience)
		if err != nil {
			last = client.Outcome{Result: client.Reset, Text: err.Error()}
			return false
		}
		defer session.Close()
		last = session.Step(patience)
		if last.Result == client.Done {
			last = session.Finish(patience)
		}
		k.note(kind, last)
		return last.Result == client.Done
	})
	if well {
		return ""
	}
	return last.String()
}

// settle waits for every conversation to come to its end.
func (k *course) settle() {
	var all sync.WaitGroup
	for _, t := range k.talks {
		all.Go(func() {
			if !t.last.Over() {
				t.last = t.Finish(k.site.Relief)
			}
			t.Close()
		})
	}
	all.Wait()
	for _, t := range k.talks {
		k.note(t.kind, t.last)
		if t.last.Result == client.Waiting && t.kind != plan.UDP && t.kind != plan.Key && !k.p.Ended() {
			k.o.Stuck = append(k.o.Stuck, fmt.Sprintf("%s: %s", t.kind, t.last))
		}
	}
}

// note keeps an outcome that is bad whenever it comes about.
func (k *course) note(kind plan.Kind, o client.Outcome) {
	text := fmt.Sprintf("%s: %s", kind, o)
	switch o.Result {
	case client.Wrong:
		k.o.Wrong = append(k.o.Wrong, text)
	case client.Early:
		k.o.Early = append(k.o.Early, text)
	}
}

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
		lab.Until(pause, k.p.Ended) // it waits for nobody: let it, before a scenario is over
	}
	var all sync.WaitGroup
	for _, t := range k.talks {
		all.Go(func() {
			if t.last = t.Step(patience); t.last.Result == client.Done {
				t.last = t.Finish(patience)
			}
			t.Close()
		})
	}
	all.Wait()
	lab.Until(k.site.Relief, k.p.Ended)
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
