package engine

import (
	"context"
	"errors"

	"echod/internal/sock"
)

// ErrClosed is what Serve returns after Shutdown.
var ErrClosed = errors.New("server closed")

// ErrUnsupported is wrapped by every error that says: this engine, on this
// system or kernel, cannot do that. The text before it says what and why.
var ErrUnsupported = errors.New("unsupported")

// Engine is one way of waiting for many peers at once. Engines are values: they
// hold nothing and may be used from any goroutine, any number of times.
type Engine interface {
	// Name is the engine's name on the command line, in labels and in logs.
	Name() string
	// Caps tells what the engine can serve. Shared code branches on Caps,
	// never on Name.
	Caps() Caps
	// Probe asks the running system whether the engine works here: nil; an
	// error that wraps ErrUnsupported and says why not; or any other error if
	// the probe itself failed. It leaves nothing open.
	Probe() error
	// New binds every listener of cfg and is ready to serve. It refuses, with
	// the reason and before anything is bound, what the engine cannot do; if
	// one listener cannot be bound, none stays bound.
	New(cfg Config) (Server, error)
}

// Caps is what an engine can do.
type Caps struct {
	// Networks are the schemes it serves, of "tcp", "tls", "udp" and "unix".
	Networks []string
	// MaxFD is the highest descriptor it can wait for; 0 if there is no limit
	// but the process's own.
	MaxFD int
	// Loops is whether Config.Loops means anything to it.
	Loops bool
	// BusyPoll is whether Config.BusyPoll does.
	BusyPoll bool
}

// Serves reports whether the engine serves network, a URL scheme.
func (c Caps) Serves(network string) bool {
	for _, n := range c.Networks {
		if n == network {
			return true
		}
	}
	return false
}

// Server is an engine at work on its listeners. Its methods may be called from
// any goroutine.
type Server interface {
	// Listeners are the addresses really bound, in the order of
	// Config.Listeners.
	Listeners() []sock.Spec
	// Serve echoes until Shutdown and then returns ErrClosed; any other error
	// means that the engine itself broke, and every connection was reset.
	// It is called once.
	Serve() error
	// Shutdown drains: it takes in what is queued, closes the listeners and
	// lets streams finish. When ctx ends, the rest is reset. On return every
	// descriptor is closed and Serve has returned or is about to; a server
	// that never served closes at once. The error is ctx's if streams had to
	// be reset. Calling it again waits for the same end, and resets at the
	// earliest end of any ctx.
	Shutdown(ctx context.Context) error
	// Pulse returns nil once every loop has turned since the call, and ctx's
	// error if one does not. A watchdog is fed only after it.
	Pulse(ctx context.Context) error
	// Stats is a snapshot. It costs the loops nothing and may lag by a turn.
	Stats() Stats
	// Peers is the n streams that moved most bytes and the n that have waited
	// longest for their peer to take what it is owed: each once, in the order of
	// Ranking.Peers. It may make each loop turn once. The error is ctx's, if a
	// loop does not.
	Peers(ctx context.Context, n int) ([]Peer, error)
}
