//go:build !linux

package engines

import (
	"fmt"
	"runtime"

	"echod/internal/engine"
	"echod/internal/engine/gonet"
)

// All is every engine there is, in the order of the story. The three of the
// reactor are listed to say that they cannot be had here.
func All() []engine.Engine {
	return []engine.Engine{gonet.New(), absent("select"), absent("poll"), absent("epoll")}
}

// Auto is the engine that serves best here.
func Auto() engine.Engine { return gonet.New() }

// absent is the name of an engine that is built on Linux only.
type absent string

func (a absent) Name() string { return string(a) }

// Caps are none: it serves nothing here.
func (a absent) Caps() engine.Caps { return engine.Caps{} }

func (a absent) Probe() error {
	return fmt.Errorf("engine %s is built on linux only, this is %s: %w", a.Name(), runtime.GOOS, engine.ErrUnsupported)
}

func (a absent) New(engine.Config) (engine.Server, error) { return nil, a.Probe() }
