package enginetest

import (
	"context"
	"net"
	"os"
	"runtime"
	"testing"

	"echod/internal/accept"
	"echod/internal/engine"
)

// baselineCases measure the whole process.
var baselineCases = []testCase{
	{
		name:    "500 resets leave nothing behind",
		promise: "P3: descriptors, goroutines and streams return to their baseline",
		on:      "tcp tls",
		alone:   true,
		run:     manyResets,
	},
	{
		name:    "Shutdown leaves nothing behind",
		promise: "P3: on its return every descriptor is closed, and the goroutines end",
		alone:   true,
		run:     shutdownLeavesNothing,
	},
	{
		name:    "an echoed message allocates nothing",
		promise: "a message on an established connection costs no allocation, in the whole process",
		on:      "tcp unix udp",
		alone:   true,
		run:     allocations,
	},
}

func manyResets(t trial) {
	s := t.serve(engine.Config{})
	t.dial(s).echo(1)
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	const resets = 500
	for i := range resets {
		p := t.dial(s)
		switch i % 3 {
		case 0: // before a word
		case 1:
			p.echo(100)
		case 2: // with bytes on their way
			p.send(1000)
		}
		p.abort()
	}
	s.waitFor("all resets are accepted", func(st engine.Stats) bool {
		return st.Accepted+st.Accepts[accept.Aborted] == resets+1
	})
	s.waitBalance(1)
	t.wantBaseline(descriptors, goroutines)
}

func shutdownLeavesNothing(t trial) {
	descriptors, goroutines := openDescriptors(t), runtime.NumGoroutine()
	var cfg engine.Config
	for _, network := range t.engine.Caps().Networks {
		cfg.Listeners = append(cfg.Listeners, t.anywhere(network))
	}
	s := t.serve(cfg)
	var clients []net.Conn
	for _, spec := range s.Listeners() {
		p := t.peer(connect(&net.Dialer{Timeout: patience}, spec))
		p.echo(100)
		clients = append(clients, p)
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.Shutdown(now)
	for _, c := range clients {
		c.Close()
	}
	if n := openDescriptors(t); n > descriptors {
		t.Errorf("descriptors right after Shutdown: got %d, want %d as before New", n, descriptors)
	}
	t.wantBaseline(descriptors, goroutines)
}

// wantBaseline waits until no more is open and running than was before.
func (t trial) wantBaseline(descriptors, goroutines int) {
	t.Helper()
	t.eventually(func() bool { return openDescriptors(t) <= descriptors },
		"%d descriptors are open, as before", descriptors)
	t.eventually(func() bool { return runtime.NumGoroutine() <= goroutines },
		"%d goroutines run, as before", goroutines)
}

// openDescriptors is how many this process has.
func openDescriptors(t trial) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func allocations(t trial) {
	s := t.serve(engine.Config{})
	conn := t.dial(s).Conn
	message, answer := make([]byte, 64), make([]byte, 64)
	echo := func() {
		if _, err := conn.Write(message); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(answer); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		echo() // whatever is made once is made now
	}
	if n := testing.AllocsPerRun(1000, echo); n != 0 {
		t.Errorf("allocations: got %v for each message, want 0", n)
	}
}
