package engines

import (
	"echod/internal/engine"
	"echod/internal/engine/gonet"
)

// All is every engine there is, in the order of the story.
func All() []engine.Engine {
	return []engine.Engine{gonet.New()}
}

// Auto is the engine that serves best here.
func Auto() engine.Engine { return gonet.New() }
