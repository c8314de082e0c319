//go:build linux

package reactor

import (
	"cmp"
	"time"

	"echod/internal/engine"
	"echod/internal/sock"
	"echod/internal/sys/sim"
)

// scenario is what some peers do. It runs on the simulated kernel and on the real one.
type scenario struct {
	name    string
	loops   int
	network string // "" means tcp
	path    string // of a unix socket; beside tcp if that is the network
	buffer  int    // 0 means rigBuffer
	limit   engine.Limits
	idle    time.Duration       // the idle timeout
	steps   func(e environment) // afterwards, peers that have not finished half-close
	want    []sim.End           // what end each peer sees if nothing fails
}

// environment is where a scenario runs.
type environment interface {
	dial() peer
	// runUntilIdle waits until the server has done what it can for every peer.
	runUntilIdle()
	// listPeers asks the server for its peers.
	listPeers()
	// drain starts a drain.
	drain()
	// bulk returns a number of bytes that is more than all buffers on the way hold.
	bulk() int
}

// peer is a peer in an environment.
type peer interface {
	send(n int)
	closeWrite()
	reset()
	stall()
	resume()
}

// scenarios are few and small, because TestEveryCallFailsOnce repeats each of them for every
// call that it makes and every errno that the call may return.
var scenarios = []scenario{
	{name: "echo small", steps: func(e environment) {
		p := e.dial()
		p.send(5)
		e.runUntilIdle()
		p.send(1)
		e.runUntilIdle()
		p.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "bytes and half-close before accept", steps: func(e environment) {
		p := e.dial()
		p.send(20)
		p.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "stall and resume", steps: func(e environment) {
		p := e.dial()
		p.stall()
		p.send(e.bulk())
		e.runUntilIdle()
		p.resume()
		e.runUntilIdle()
		p.send(7)
		e.runUntilIdle()
		p.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "stalled, and sends no more", steps: func(e environment) {
		p := e.dial()
		p.stall()
		for range 3 { // as much as the buffers hold and one recv returns
			p.send(rigBuffer)
			e.runUntilIdle()
		}
		p.resume()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "half-close while owed", steps: func(e environment) {
		p := e.dial()
		p.stall()
		p.send(e.bulk())
		p.closeWrite()
		e.runUntilIdle()
		p.resume()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "reset while owed", steps: func(e environment) {
		p, other := e.dial(), e.dial()
		p.stall()
		p.send(e.bulk())
		other.send(3)
		e.runUntilIdle()
		p.reset()
		other.send(4)
		e.runUntilIdle()
		other.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Reset, sim.Clean}},
	{name: "reset while idle", steps: func(e environment) {
		p := e.dial()
		p.send(5)
		e.runUntilIdle()
		p.reset()
		e.runUntilIdle()
	}, want: []sim.End{sim.Reset}},
	{name: "several, one after another", steps: func(e environment) {
		for n := 1; n <= 3; n++ {
			p := e.dial()
			p.send(n)
			e.runUntilIdle()
			p.closeWrite()
			e.runUntilIdle()
		}
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Clean}},
	{name: "several at once", steps: func(e environment) {
		a, b, c := e.dial(), e.dial(), e.dial()
		a.send(5)
		b.send(e.bulk())
		b.closeWrite()
		e.runUntilIdle()
		a.closeWrite()
		c.send(1)
		c.reset()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Reset}},
	{name: "several on two loops", loops: 2, steps: func(e environment) {
		a, b, c := e.dial(), e.dial(), e.dial()
		a.send(5)
		b.send(6)
		c.send(7)
		e.runUntilIdle()
		b.closeWrite()
		e.runUntilIdle()
		a.closeWrite()
		c.reset()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Reset}},
	{name: "no memory to hold", limit: engine.Limits{MaxMemory: 1}, steps: func(e environment) {
		p := e.dial()
		p.stall()
		p.send(e.bulk())
		e.runUntilIdle()
		p.resume()
		p.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean}},
	{name: "peers are listed", steps: func(e environment) {
		a, b := e.dial(), e.dial()
		a.stall()
		a.send(e.bulk())
		b.send(6)
		e.runUntilIdle()
		e.listPeers()
		a.resume()
		b.closeWrite()
		e.runUntilIdle()
		e.listPeers()
	}, want: []sim.End{sim.Clean, sim.Clean}},
	{name: "drain", steps: func(e environment) {
		a, b := e.dial(), e.dial()
		a.stall()
		a.send(e.bulk())
		b.send(9)
		e.runUntilIdle()
		late := e.dial()
		late.send(2)
		e.drain()
		e.runUntilIdle()
		a.resume()
		a.closeWrite()
		b.closeWrite()
		late.closeWrite()
		e.runUntilIdle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Clean}},
}

// config returns the configuration of the server.
func (sc scenario) config() engine.Config {
	if sc.limit.MaxConns == 0 {
		sc.limit.MaxConns = 100
	}
	spec, onUnix := loopback(), sock.Spec{Network: "unix", Path: sc.path}
	spec.Network = cmp.Or(sc.network, "tcp")
	listeners := []engine.Listener{{Spec: spec}}
	switch {
	case sc.network == "unix":
		listeners[0].Spec = onUnix
	case sc.path != "":
		listeners = append(listeners, engine.Listener{Spec: onUnix})
	}
	return engine.Config{
		Listeners:    listeners,
		Loops:        max(sc.loops, 1),
		Buffer:       cmp.Or(sc.buffer, rigBuffer),
		IdleTimeout:  sc.idle,
		StallTimeout: 5 * time.Minute,
		Budget:       engine.NewBudget(sc.limit),
	}
}
