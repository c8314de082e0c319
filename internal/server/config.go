// Package server makes a service of listeners and engines. It checks the whole
// configuration before anything is bound ([NewPlan]). Then it starts one engine server
// for each engine that a listener names, reports to the log and to the service manager,
// and drains all of them when it gets a signal ([Plan.Run]).
//
// It moves no bytes and depends on no engine.
package server

import (
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/activation"

	"echod/internal/engine"
	"echod/internal/sock"
)

// Config is the configuration of a service.
type Config struct {
	// Listeners are parsed and not resolved yet, or inherited.
	Listeners []engine.Listener
	// Engine is the name of the engine for listeners that name none.
	Engine string
	// TLSEngine is the name of the engine for tls listeners that name none. Only one
	// engine can serve them, so Engine does not apply.
	TLSEngine string
	// Lookup returns the engine with a name.
	Lookup func(name string) (engine.Engine, error)
	// Settings are the configuration of every engine, except Listeners, Budget, Guard
	// and Log, which the server sets. Loops and BusyPoll are passed only to engines
	// whose Caps have them.
	Settings engine.Config
	// Limits are the limits of the process.
	Limits engine.Limits
	// TLS is the configuration of tls listeners. It may be nil if there are none.
	TLS *tls.Config
	// UDPPublic allows UDP listeners that other machines can reach.
	UDPPublic bool
	// DrainTimeout is how long streams have to finish after a signal.
	DrainTimeout time.Duration
	// Log receives what happens to the service. nil discards it.
	Log *slog.Logger
	// Notify sends a state of sd_notify(3), e.g. "READY=1", to the service manager. nil
	// means that there is no service manager. It is called in a goroutine of its own
	// and should return within about a second, because the next state waits for it. A
	// state for which it returns an error is sent again, except WATCHDOG=1.
	Notify func(state string) error
	// Watchdog is the interval within which the service manager expects WATCHDOG=1. 0
	// means that it does not.
	Watchdog time.Duration
}

// Inherited returns the sockets that the service manager has opened for this process
// (sd_listen_fds(3)). It may be called once: it removes them from the environment, so
// that child processes do not use them.
func Inherited() ([]engine.Listener, error) {
	var listeners []engine.Listener
	for _, file := range activation.Files(true) {
		spec, err := sock.SpecOf(file)
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, engine.Listener{Spec: spec, File: file})
	}
	return listeners, nil
}
