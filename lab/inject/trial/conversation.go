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

// conversation is a session of a client, and its last outcome.
type conversation struct {
	kind plan.Kind
	client.Session
	last client.Outcome
}

// numConversations is how many conversations are open when calls start to fail.
const numConversations = 3

// startConversations starts conversations that stay open while calls fail. It returns the
// descriptors on which calls must fail, or none for all.
func (r *runner) startConversations() ([]string, error) {
	before := r.p.Descriptors()
	if r.target.Focus != plan.Probes && r.target.Focus != plan.Key {
		for range numConversations {
			session, err := r.p.dial(r.target.Focus, answerTimeout)
			if err != nil {
				return nil, err
			}
			t := &conversation{kind: r.target.Focus, Session: session}
			r.conversations = append(r.conversations, t)
			// The agent does not answer the first message, so its descriptors are counted
			// below, not here.
			if t.last = session.Step(startTimeout); t.last.Result != client.Done {
				return nil, fmt.Errorf("start of a conversation: %s", t.last)
			}
		}
	}
	switch r.scope() {
	case plan.Log:
		link, err := r.p.Link(2)
		return []string{link}, err
	case plan.Streams:
		return r.streams(before)
	}
	return nil, nil
}

// scope returns the descriptors on which the call of the case fails.
func (r *runner) scope() plan.Scope {
	for _, use := range r.target.Calls {
		if use.Call == r.c.Call {
			return use.Scope
		}
	}
	return plan.Any
}

// streams returns the sockets of the program that were not open before. For watch it
// returns all sockets that are not listeners.
func (r *runner) streams(before map[string]int) ([]string, error) {
	if r.target.Focus == plan.Probes {
		before = make(map[string]int)
		listener, err := lab.ListenerAt(r.p.at[plan.Admin].(*net.TCPAddr))
		if err != nil {
			return nil, err
		}
		before[listener] = 1
	}
	var links []string
	lab.Until(startTimeout, func() bool {
		links = nil
		for link := range r.p.Descriptors() {
			if before[link] == 0 && strings.HasPrefix(link, "socket:") {
				links = append(links, link)
			}
		}
		return len(links) >= numConversations
	})
	if len(links) < numConversations {
		return nil, fmt.Errorf("got %d sockets of conversations, want %d", len(links), numConversations)
	}
	return links, nil
}

// talkWhileFailing talks to the program until enough calls have failed.
func (r *runner) talkWhileFailing() {
	minRounds, maxRounds := 1, 6
	switch r.c.When {
	case plan.Always:
		minRounds = 2
	case plan.Tenth:
		maxRounds = 12
	}
	for round := 0; round < maxRounds && !r.p.Ended(); round++ {
		if r.target.Focus == plan.Probes {
			lab.Until(shortTimeout, r.p.Ended)
		} else {
			r.round(round)
		}
		if _, injected := r.tracer.Counts(); injected > 0 && round+1 >= minRounds {
			return
		}
	}
}

// newPerRound is how many conversations a round starts if the tenth call of a thread must
// fail: some calls are made once for each connection.
const newPerRound = 6

// round sends messages in all open conversations, and starts new ones.
func (r *runner) round(number int) {
	var all sync.WaitGroup
	for i, t := range r.conversations[:min(numConversations, len(r.conversations))] {
		all.Go(func() {
			for step := 0; step < 4 && t.last.Result == client.Done; step++ {
				t.last = t.Step(shortTimeout)
			}
			// An agent sends bytes only at the end.
			if r.target.Focus == plan.Scenario && i == number && t.last.Result == client.Done {
				t.last = t.Finish(shortTimeout)
			}
		})
	}
	begun := make([]*conversation, 1)
	if r.c.When == plan.Tenth {
		begun = make([]*conversation, newPerRound)
	}
	for i := range begun {
		all.Go(func() { begun[i] = r.newConversation() })
	}
	all.Wait()
	for _, t := range begun {
		if t != nil {
			r.conversations = append(r.conversations, t)
		}
	}
}

// newConversation runs a new conversation. It returns the conversation if it has not
// finished.
func (r *runner) newConversation() *conversation {
	session, err := r.p.dial(r.target.Focus, shortTimeout)
	if err != nil {
		return nil
	}
	t := &conversation{kind: r.target.Focus, Session: session}
	if t.last = session.Step(shortTimeout); t.last.Result != client.Done {
		return t
	}
	if t.last = session.Finish(shortTimeout); t.last.Result != client.Done {
		return t
	}
	session.Close()
	return nil
}

// checkNewClient retries with new clients of this kind until one of them has received
// everything that it sent, and a FIN. Otherwise it returns the last outcome.
func (r *runner) checkNewClient(kind plan.Kind, limit time.Duration) string {
	var last client.Outcome
	wait := answerTimeout / 2
	ok := lab.Until(limit, func() bool {
		if r.p.Ended() {
			return true // Judge handles it
		}
		wait = min(2*wait, limit) // a slow machine may need more time
		session, err := r.p.dial(kind, wait)
		if err != nil {
			last = client.Outcome{Result: client.Reset, Text: err.Error()}
			return false
		}
		defer session.Close()
		last = session.Step(wait)
		if last.Result == client.Done {
			last = session.Finish(wait)
		}
		r.record(kind, last)
		return last.Result == client.Done
	})
	if ok {
		return ""
	}
	return last.String()
}

// finishConversations waits until every conversation has ended.
func (r *runner) finishConversations() {
	var all sync.WaitGroup
	for _, t := range r.conversations {
		all.Go(func() {
			lab.Until(r.env.RecoveryTimeout, func() bool {
				if !t.last.Over() {
					t.last = t.Finish(answerTimeout)
				}
				return t.last.Result != client.Waiting
			})
			t.Close()
		})
	}
	all.Wait()
	for _, t := range r.conversations {
		r.record(t.kind, t.last)
		if t.last.Result == client.Waiting && t.kind != plan.UDP && t.kind != plan.Key && !r.p.Ended() {
			r.o.Stuck = append(r.o.Stuck, fmt.Sprintf("%s: %s", t.kind, t.last))
		}
	}
}

// record records an outcome that breaks a promise at any time.
func (r *runner) record(kind plan.Kind, o client.Outcome) {
	text := fmt.Sprintf("%s: %s", kind, o)
	switch o.Result {
	case client.Wrong:
		r.o.Wrong = append(r.o.Wrong, text)
	case client.Early:
		r.o.Early = append(r.o.Early, text)
	}
}
