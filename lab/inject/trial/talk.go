package trial

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"echod/lab/inject/client"
	"echod/lab/inject/lab"
	"echod/lab/inject/plan"
)

// talk is a conversation, and what came of it last.
type talk struct {
	kind plan.Kind
	client.Session
	last client.Outcome
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

// fresh has a new client of that kind try until all that it sends has come back
// and ended in order. The text says why it did not.
func (k *course) fresh(kind plan.Kind, limit time.Duration) string {
	var last client.Outcome
	wait := patience / 2
	well := lab.Until(limit, func() bool {
		if k.p.Ended() {
			return true // which is for others to judge
		}
		wait = min(2*wait, limit) // a slow machine may need longer than the first time
		session, err := k.p.dial(kind, wait)
		if err != nil {
			last = client.Outcome{Result: client.Reset, Text: err.Error()}
			return false
		}
		defer session.Close()
		last = session.Step(wait)
		if last.Result == client.Done {
			last = session.Finish(wait)
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
			lab.Until(k.site.Relief, func() bool {
				if !t.last.Over() {
					t.last = t.Finish(patience)
				}
				return t.last.Result != client.Waiting
			})
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
