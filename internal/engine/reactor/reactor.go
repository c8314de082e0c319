//go:build linux

// Package reactor has the engines that wait until descriptors are ready: select, poll
// and epoll. They are one event loop with three pollers, which are in package poll.
//
// A loop asks its poller which descriptors are ready, and does one recv and one send for
// each. A few short receives come before their sends. Sockets are non-blocking, so one thread serves thousands of peers, and a peer
// that is not ready costs no time.
//
// Read loop.go first, then stream.go: these two are the path of a message.
//
//	loop.go      one iteration: wait for events, serve the descriptors that are ready
//	stream.go    what serving a stream means: recv, send, hold owed bytes, half-close, end
//	conn.go      the state of a connection: 64 bytes
//	timeout.go   deadlines: idle and stalled peers, and backoff
//	accept.go    listeners, and when they pause
//	datagram.go  UDP sockets
//	batch.go     the memory for a batch of datagrams
//	inbox.go     how other goroutines reach a loop
//	peers.go     the busiest peers and the stalled readers, for the live page
//	trace.go     the trace of a connection while somebody looks at it
//	server.go    several loops as one engine.Server, and its shutdown
package reactor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
)

// All returns the engines of this package.
func All(k sys.Kernel) []engine.Engine { return []engine.Engine{Select(k), Poll(k), Epoll(k)} }

// Select returns the engine that waits with select(2).
func Select(k sys.Kernel) engine.Engine {
	return reactor{name: "select", kernel: k, newPoller: poll.NewSelect, maxFD: poll.SelectMaxFD}
}

// Poll returns the engine that waits with poll(2).
func Poll(k sys.Kernel) engine.Engine {
	return reactor{name: "poll", kernel: k, newPoller: poll.NewPoll}
}

// Epoll returns the engine that waits with epoll(7).
func Epoll(k sys.Kernel) engine.Engine {
	return reactor{name: "epoll", kernel: k, newPoller: poll.NewEpoll}
}

// reactor is an engine.Engine. The three engines differ in these fields only.
type reactor struct {
	name      string
	kernel    sys.Kernel
	newPoller pollerMaker
	maxFD     int
}

type pollerMaker func(sys.Kernel) (poll.Poller, sys.Errno)

func (r reactor) Name() string { return r.name }

func (r reactor) Caps() engine.Caps {
	return engine.Caps{Networks: []string{"tcp", "udp", "unix"}, MaxFD: r.maxFD, Loops: true, BusyPoll: true}
}

// Probe calls the poller once, without a descriptor and with a timeout of 0.
func (r reactor) Probe() error {
	p, errno := r.newPoller(r.kernel)
	if errno == 0 {
		defer p.Close()
		_, errno = p.Wait(0)
	}
	switch {
	case errno == 0:
		return nil
	case errors.Is(errno, unix.ENOSYS) || errors.Is(errno, unix.EPERM):
		return fmt.Errorf("%s: the kernel refuses the call (%w): %w", r.name, errno, engine.ErrUnsupported)
	default:
		return fmt.Errorf("%s: probe: %w", r.name, errno)
	}
}

func (r reactor) New(cfg engine.Config) (engine.Server, error) {
	cfg = cfg.WithDefaults()
	for _, ln := range cfg.Listeners {
		if !r.Caps().Serves(ln.Spec.Network) {
			return nil, fmt.Errorf("%s cannot serve %s: %w", r.name, ln.Spec, engine.ErrUnsupported)
		}
	}
	return newServer(r, cfg)
}
