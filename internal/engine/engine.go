// Package engine is the contract between the service and the engines that move
// its bytes: what an engine can do ([Engine], [Caps]), its configuration ([Config],
// [Limits], [Budget]), how it is run ([Server]) and what it reports ([Stats],
// [Peer]).
//
// It contains no engine. Package enginetest tests that an engine keeps the contract.
package engine

import (
	"context"
	"errors"

	"echod/internal/sock"
	"echod/internal/trace"
)

// ErrClosed is returned by Serve after Shutdown.
var ErrClosed = errors.New("server closed")

// ErrNoStream is returned by Trace for a stream that is not open, or not open any more.
var ErrNoStream = errors.New("no such connection is open")

// ErrUnsupported is wrapped by the errors for what an engine cannot do on this
// system or kernel. The text before it says what and why.
var ErrUnsupported = errors.New("unsupported")

// Engine is one way of waiting for many peers at once. Engines have no state. They
// may be used from any goroutine, any number of times.
type Engine interface {
	// Name returns the engine's name on the command line, in labels and in logs.
	Name() string
	// Caps returns what the engine can do. Code that serves all engines depends
	// on Caps, never on Name.
	Caps() Caps
	// Probe checks whether the engine works on the running system. It returns
	// nil, an error that wraps ErrUnsupported and says why not, or any other
	// error if the check itself failed. It leaves nothing open.
	Probe() error
	// New binds every listener of cfg. It returns an error, before anything is
	// bound, if the engine cannot do what cfg asks for. If one listener cannot be
	// bound, none stays bound.
	New(cfg Config) (Server, error)
}

// Caps are the capabilities of an engine.
type Caps struct {
	// Networks are the URL schemes it serves: of "tcp", "tls", "udp" and "unix".
	Networks []string
	// MaxFD is the highest descriptor it can wait for. 0 means any descriptor
	// that the process may have.
	MaxFD int
	// Loops reports whether the engine uses Config.Loops.
	Loops bool
	// BusyPoll reports whether the engine uses Config.BusyPoll.
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

// Server is an engine with its listeners. Its methods may be called from any
// goroutine.
type Server interface {
	// Listeners returns the addresses that were bound, in the order of
	// Config.Listeners.
	Listeners() []sock.Spec
	// Serve echoes until Shutdown and then returns ErrClosed. Any other error
	// means that the engine itself failed and that every connection was reset.
	// It is called once.
	Serve() error
	// Shutdown drains: it accepts the connections in the queue, closes the
	// listeners and lets streams finish. When ctx is done, it resets the rest. On
	// return every descriptor is closed, and Serve has returned or is about to. A
	// server that never served closes at once. The error is that of ctx if
	// streams had to be reset. Another call waits for the same end; the first ctx
	// that is done counts.
	Shutdown(ctx context.Context) error
	// CheckAlive returns nil when every loop has completed an iteration since the
	// call, or the error of ctx if one does not. The watchdog depends on it.
	CheckAlive(ctx context.Context) error
	// Stats returns a snapshot. It does not slow the loops down, and may lag
	// behind them by one iteration.
	Stats() Stats
	// Peers returns the n streams that moved most bytes and the n whose peers have
	// taken none of their owed bytes for longest: each stream once, in the order
	// of TopPeers.Peers. It may wake each loop once. The error is that of ctx if
	// a loop does not answer.
	Peers(ctx context.Context, n int) ([]Peer, error)
	// Trace begins the trace of the open stream with an ID of Peers: it calls Open of life, and
	// then records each call on the connection in life. When the stream ends, or when stop is
	// called, the trace ends. stop must be called once, and may be called after the end. The
	// error is ErrNoStream if there is no such stream, or that of ctx if a loop does not answer.
	Trace(ctx context.Context, id uint64, life *trace.Life) (stop func(), err error)
}
