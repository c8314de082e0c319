//go:build linux

package reactor

import (
	"time"

	"echod/internal/engine"
	"echod/internal/sys/sim"
)

// scenario is what some peers do. A play takes place on the simulated machine
// and on the real loopback alike.
type scenario struct {
	name    string
	loops   int
	network string // TCP unless it says otherwise
	path    string // a unix socket's
	limit   engine.Limits
	idle    time.Duration // the idle timeout
	play    func(s stage) // after it, who has not finished does
	want    []sim.End     // what each peer sees in the end if nothing fails
}

// stage is where a scenario is played.
type stage interface {
	dial() actor
	// settle waits until the server has done for everybody what it can.
	settle()
	// census asks the server who is there.
	census()
	// drain asks the server to end when its streams have.
	drain()
	// bulk is more than all buffers on the way hold together.
	bulk() int
}

// actor is a peer on stage.
type actor interface {
	send(n int)
	closeWrite()
	reset()
	stall()
	resume()
}

// scenarios are few and small, because torture repeats each once for every call
// that it makes and every errno that the call may return.
var scenarios = []scenario{
	{name: "echo small", play: func(s stage) {
		p := s.dial()
		p.send(5)
		s.settle()
		p.send(1)
		s.settle()
		p.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "said before accepted", play: func(s stage) {
		p := s.dial()
		p.send(20)
		p.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "stall and resume", play: func(s stage) {
		p := s.dial()
		p.stall()
		p.send(s.bulk())
		s.settle()
		p.resume()
		s.settle()
		p.send(7)
		s.settle()
		p.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "owed and silent", play: func(s stage) {
		p := s.dial()
		p.stall()
		for range 3 { // as much as buffers take and one receive brings
			p.send(rigBuffer)
			s.settle()
		}
		p.resume()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "half-close while owed", play: func(s stage) {
		p := s.dial()
		p.stall()
		p.send(s.bulk())
		p.closeWrite()
		s.settle()
		p.resume()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "reset while owed", play: func(s stage) {
		p, other := s.dial(), s.dial()
		p.stall()
		p.send(s.bulk())
		other.send(3)
		s.settle()
		p.reset()
		other.send(4)
		s.settle()
		other.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Reset, sim.Clean}},
	{name: "reset at rest", play: func(s stage) {
		p := s.dial()
		p.send(5)
		s.settle()
		p.reset()
		s.settle()
	}, want: []sim.End{sim.Reset}},
	{name: "several, one after another", play: func(s stage) {
		for n := 1; n <= 3; n++ {
			p := s.dial()
			p.send(n)
			s.settle()
			p.closeWrite()
			s.settle()
		}
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Clean}},
	{name: "several at once", play: func(s stage) {
		a, b, c := s.dial(), s.dial(), s.dial()
		a.send(5)
		b.send(s.bulk())
		b.closeWrite()
		s.settle()
		a.closeWrite()
		c.send(1)
		c.reset()
		s.settle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Reset}},
	{name: "several on two loops", loops: 2, play: func(s stage) {
		a, b, c := s.dial(), s.dial(), s.dial()
		a.send(5)
		b.send(6)
		c.send(7)
		s.settle()
		b.closeWrite()
		s.settle()
		a.closeWrite()
		c.reset()
		s.settle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Reset}},
	{name: "no memory to hold", limit: engine.Limits{MaxMemory: 1}, play: func(s stage) {
		p := s.dial()
		p.stall()
		p.send(s.bulk())
		s.settle()
		p.resume()
		p.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Clean}},
	{name: "asked who is there", play: func(s stage) {
		a, b := s.dial(), s.dial()
		a.stall()
		a.send(s.bulk())
		b.send(6)
		s.settle()
		s.census()
		a.resume()
		b.closeWrite()
		s.settle()
		s.census()
	}, want: []sim.End{sim.Clean, sim.Clean}},
	{name: "drain", play: func(s stage) {
		a, b := s.dial(), s.dial()
		a.stall()
		a.send(s.bulk())
		b.send(9)
		s.settle()
		late := s.dial()
		late.send(2)
		s.drain()
		s.settle()
		a.resume()
		a.closeWrite()
		b.closeWrite()
		late.closeWrite()
		s.settle()
	}, want: []sim.End{sim.Clean, sim.Clean, sim.Clean}},
}

// config is what the server of a simulated scenario is given.
func (sc scenario) config() engine.Config {
	if sc.limit.MaxConns == 0 {
		sc.limit.MaxConns = 100
	}
	spec := loopback()
	if sc.network != "" {
		spec.Network, spec.Path = sc.network, sc.path
	}
	return engine.Config{
		Listeners:    []engine.Listener{{Spec: spec}},
		Loops:        max(sc.loops, 1),
		Buffer:       rigBuffer,
		IdleTimeout:  sc.idle,
		StallTimeout: 5 * time.Minute,
		Budget:       engine.NewBudget(sc.limit),
	}
}
