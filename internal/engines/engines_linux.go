package engines

import (
	"echod/internal/engine"
	"echod/internal/engine/gonet"
	"echod/internal/engine/reactor"
	"echod/internal/sys"
)

// All is every engine there is, in the order of the story.
func All() []engine.Engine {
	return append([]engine.Engine{gonet.New()}, reactor.All(&sys.Linux{})...)
}

// Auto is the engine that serves best here.
func Auto() engine.Engine { return reactor.Epoll(&sys.Linux{}) }
