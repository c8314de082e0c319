package enginetest

import (
	"sync"

	"echod/internal/engine"
)

// scaleCases try many connections at once.
var scaleCases = []testCase{
	{
		name:    "thousands of connections are served, or refused with a reason",
		promise: "P6, P7: an engine without a limit serves them all; else those beyond its highest descriptor are reset and counted, and the earlier ones go on",
		alone:   true,
		run:     manyConnections,
	},
}

func manyConnections(t trial) {
	if most := t.engine.Caps().MaxFD; most > 0 {
		beyondReach(t, most)
	} else {
		thousands(t)
	}
}

// thousands opens 5,000 connections and has each of them echo once while all
// the others are open.
func thousands(t trial) {
	const clients, workers = 5000, 50
	s := t.serve(engine.Config{})
	crowd := make([]*peer, clients)
	inParallel(workers, clients, func(i int) {
		conn, err := connectTo(s)
		if err != nil {
			t.Errorf("connection %d: %v", i, err)
			return
		}
		crowd[i] = newPeer(t, conn)
	})
	if t.Failed() {
		return
	}
	defer inParallel(workers, clients, func(i int) { crowd[i].abort() })
	s.waitFor("all are served", func(st engine.Stats) bool { return st.Active == clients })
	inParallel(workers, clients, func(i int) {
		if err := crowd[i].write(64); err != nil {
			t.Errorf("client %d: send: %v", i, err)
		} else if err := crowd[i].read(64); err != nil {
			t.Errorf("client %d: receive: %v", i, err)
		}
	})
}

// beyondReach opens connections until the server's ends of them have
// descriptors that the engine cannot wait for.
func beyondReach(t trial, most int) {
	s := t.serve(engine.Config{})
	const more = 50
	var served []*peer
	refused := 0
	for refused < more {
		if len(served) > most {
			t.Fatalf("%d connections are served at once, want refusals beyond descriptor %d", len(served), most)
		}
		switch p, err := t.greet(s); {
		case err == nil:
			served = append(served, p)
		case isReset(err):
			refused++
		default:
			t.Fatalf("connection %d: got %v, want an echo or a reset", len(served)+refused, err)
		}
	}
	st := s.waitFor("the refusals are counted", func(st engine.Stats) bool { return st.Refused[engine.RefusedFD] >= more })
	if st.Refused[engine.RefusedFD] != more || int(st.Active) != len(served) {
		t.Errorf("got %d refused for their descriptor and %d open, want %d and %d",
			st.Refused[engine.RefusedFD], st.Active, more, len(served))
	}
	for _, p := range served {
		p.echo(100)
	}
	for _, p := range served[:len(served)/2] {
		p.fin()
		p.wantWhole()
		p.Close()
	}
	t.eventually(func() bool {
		p, err := t.greet(s)
		if err != nil && p != nil {
			p.Close() // its descriptor may be the low one that is missing
		}
		return err == nil
	}, "a new client is served when low descriptors are free again")
}

// inParallel calls do for every number below n, from a few goroutines.
func inParallel(workers, n int, do func(int)) {
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := w; i < n; i += workers {
				do(i)
			}
		})
	}
	all.Wait()
}
