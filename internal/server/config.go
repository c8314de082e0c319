package server

import (
	"crypto/tls"
	"log/slog"
	"time"

	"echod/internal/engine"
)

// Config is what a service is made of.
type Config struct {
	// Listeners are what to serve, parsed and not yet resolved, or inherited.
	Listeners []engine.Listener
	// Engine is the engine of every listener that names none.
	Engine string
	// TLSEngine is the engine of tls listeners that name none, whatever Engine
	// is: only one can serve them.
	TLSEngine string
	// Lookup finds an engine by its name.
	Lookup func(name string) (engine.Engine, error)
	// Settings are what every engine is given: all of engine.Config but
	// Listeners, Budget, Guard and Log, which are the server's to fill in.
	// Loops and BusyPoll reach only engines whose Caps know them.
	Settings engine.Config
	// Limits are the limits of the process.
	Limits engine.Limits
	// TLS is what tls listeners show; nil if there are none.
	TLS *tls.Config
	// UDPPublic allows UDP listeners that others than this machine can reach.
	UDPPublic bool
	// DrainTimeout is how long streams may take to finish after a signal.
	DrainTimeout time.Duration
	// Log receives the story of the process; nil means nobody.
	Log *slog.Logger
	// Notify tells the service manager a state of sd_notify(3), such as
	// "READY=1"; nil means that there is none. It is called in a goroutine of its
	// own and must return within a second or so, for a state that changes waits
	// for it. A state that returns an error is sent again, WATCHDOG=1 is not.
	Notify func(state string) error
	// Watchdog is how often the service manager wants to hear WATCHDOG=1;
	// 0 means never.
	Watchdog time.Duration
}
