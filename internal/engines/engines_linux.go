package engines

import (
	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/engine/reactor"
	"echod/internal/sys"
)

// All returns every engine, in the order of docs/engines.
func All() []engine.Engine {
	return append([]engine.Engine{gonet.New()}, reactor.All(&sys.Linux{})...)
}

// Auto returns the best engine for this system.
func Auto() engine.Engine { return reactor.Epoll(&sys.Linux{}) }
