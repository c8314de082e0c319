//go:build linux

package reactor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"echod/internal/engine"
	"echod/internal/poll"
	"echod/internal/sys"
)

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

// reactor is an engine.Engine: what the three have in common and the four
// things in which they differ.
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

// Probe waits once, for nothing, with the poller's own call.
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
