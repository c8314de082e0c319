//go:build !linux

package engines

import (
	"fmt"
	"runtime"

	"echod/internal/engine"
	"echod/internal/engine/gonet"
)

// All returns every engine, in the order of docs/engines. Those of package reactor are in
// the list so that their Probe can say that this system does not support them.
func All() []engine.Engine {
	return []engine.Engine{gonet.New(), unsupported("select"), unsupported("poll"), unsupported("epoll")}
}

// Auto returns the best engine for this system.
func Auto() engine.Engine { return gonet.New() }

// unsupported is the name of an engine that is built on Linux only.
type unsupported string

func (u unsupported) Name() string { return string(u) }

// Caps returns no capabilities.
func (u unsupported) Caps() engine.Caps { return engine.Caps{} }

func (u unsupported) Probe() error {
	return fmt.Errorf("engine %s is built on linux only, this is %s: %w", u.Name(), runtime.GOOS, engine.ErrUnsupported)
}

func (u unsupported) New(engine.Config) (engine.Server, error) { return nil, u.Probe() }
